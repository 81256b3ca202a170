//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_NPY_H
#define GOSSAMER_RUNTIME_WEIGHTS_NPY_H

#include "runtime/support/AtomicFile.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Status.h"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Element types. Arrays of logits and tokens are F32 and I32, which are read
/// and written here; the others occur in checkpoints.
enum class NpyType : uint8_t { F32, I32, F16, U8, I64 };

/// Bytes of an element.
uint64_t npyElementBytes(NpyType type);

/// As a header names it: "<f4", "|u1".
std::string_view npyTypeName(NpyType type);

/// The beginning of a .npy file of format 1.0, to the first element.
Expected<std::string> makeNpyHeader(const std::string &path, NpyType type,
                                    std::span<const uint64_t> shape);

/// A mapped .npy file of format 1.0, 2.0 or 3.0 with little-endian elements in
/// C order. Its header is checked; nothing else of it is in memory until it is
/// read. Movable; immutable, so thread-safe to read.
class NpyFile {
public:
  /// Opens an array of float32 ("<f4") or int32 ("<i4") elements.
  static Expected<NpyFile> open(const std::string &path);
  /// Opens one of any NpyType.
  static Expected<NpyFile> read(MappedFile file);
  /// Whether `bytes`, the beginning of a file, is that of a .npy file.
  static bool hasMagic(std::string_view bytes);

  const std::string &path() const { return file_.path(); }
  NpyType type() const { return type_; }
  std::span<const uint64_t> shape() const { return shape_; }
  uint64_t elementCount() const {
    return data_.size() / npyElementBytes(type_);
  }
  /// Bytes before the first element, a multiple of nothing.
  uint64_t headerSize() const { return file_.size() - data_.size(); }
  /// The elements, of any alignment.
  std::span<const std::byte> bytes() const {
    return file_.bytes().subspan(headerSize());
  }
  /// The mapping, which bytes() then live as long as.
  MappedFile takeFile() && { return std::move(file_); }

  /// Copies the elements from number `first` on. The type must be the file's
  /// and the range must lie in the array.
  void read(uint64_t first, std::span<float> out) const;
  void read(uint64_t first, std::span<int32_t> out) const;

private:
  NpyFile() = default;
  static Expected<NpyFile> read(MappedFile file, bool onlyWords);

  MappedFile file_;
  NpyType type_ = NpyType::F32;
  std::vector<uint64_t> shape_;
  std::string_view data_; ///< into the mapping; of any alignment.
};

/// An array of float32 or int32 elements, row-major; one of the two vectors
/// holds them.
struct NpyArray {
  using Type = NpyType;
  Type type = Type::F32;
  std::vector<uint64_t> shape;
  std::vector<float> floats;
  std::vector<int32_t> integers;
};

/// Reads all of what NpyFile opens into memory.
Expected<NpyArray> readNpy(const std::string &path);

/// Writes a .npy file of format 1.0 in pieces of any order; it appears whole or
/// not at all. Movable; one thread at a time.
class NpyWriter {
public:
  /// Creates the file at its full size.
  static Expected<NpyWriter> create(const std::string &path, NpyType type,
                                    std::span<const uint64_t> shape);

  /// Writes the elements from number `first` on.
  Status write(uint64_t first, std::span<const float> elements);
  Status write(uint64_t first, std::span<const int32_t> elements);

  /// Finishes the file; every element must have been written, once.
  Status commit();

private:
  NpyWriter(AtomicFile file, NpyType type, uint64_t elements)
      : file_(std::move(file)), type_(type), dataBegin_(file_.size()),
        elements_(elements) {}
  Status writeBytes(NpyType type, uint64_t first, std::string_view bytes);

  AtomicFile file_;
  NpyType type_;
  uint64_t dataBegin_; ///< offset of the first element.
  uint64_t elements_;
  uint64_t written_ = 0;
};

/// Writes a whole array. The product of `shape` must be the number of elements.
Status writeNpy(const std::string &path, std::span<const float> elements,
                std::span<const uint64_t> shape);
Status writeNpy(const std::string &path, std::span<const int32_t> elements,
                std::span<const uint64_t> shape);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_NPY_H
