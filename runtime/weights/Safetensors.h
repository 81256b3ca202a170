//===- Safetensors.h - The safetensors container ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A safetensors file is an 8-byte little-endian header size, a JSON header of
// that size (which may end in spaces), and the tensors' bytes without gaps.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_SAFETENSORS_H
#define GOSSAMER_RUNTIME_WEIGHTS_SAFETENSORS_H

#include "runtime/support/AtomicFile.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Status.h"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gossamer {

/// The key of a header that names no tensor.
inline constexpr std::string_view safetensorsMetadata = "__metadata__";

/// Element types of the format.
enum class DType : uint8_t {
  Bool,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  F8E8M0,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
  F4,
  F6E2M3,
  F6E3M2,
};

/// The format's name of a type: "BF16", "F8_E4M3".
std::string_view dtypeName(DType dtype);
std::optional<DType> dtypeFromName(std::string_view name);
/// Bits of one element: 4 and 6 for the packed types, else a multiple of 8.
unsigned dtypeBits(DType dtype);
/// Bytes of a tensor, or nothing when the number overflows or is no whole
/// number of bytes.
std::optional<uint64_t> tensorBytes(DType dtype,
                                    std::span<const uint64_t> shape);
/// "[3, 4]".
std::string shapeText(std::span<const uint64_t> shape);

/// One tensor of an open file.
struct TensorView {
  std::string name;
  DType dtype = DType::U8;
  std::vector<uint64_t> shape; ///< outermost dimension first; [] is a scalar.
  uint64_t offset = 0;         ///< of its first byte in the file.
  uint64_t size = 0;           ///< bytes.
  const std::byte *data = nullptr; ///< into the mapping; little-endian elements
                                   ///< of any alignment.

  std::span<const std::byte> bytes() const { return {data, size}; }
};

/// A checked and mapped file. Movable; immutable, so thread-safe to read.
/// Views into it live as long as it does.
class SafetensorsFile {
public:
  /// Maps `path` and checks the whole header: every tensor lies in the file,
  /// has the size that its shape asks for, and no byte is used twice or not at
  /// all.
  static Expected<SafetensorsFile> open(const std::string &path);
  /// The same for a mapped file.
  static Expected<SafetensorsFile> read(MappedFile file);

  const std::string &path() const { return file_.path(); }
  const MappedFile &file() const { return file_; }
  /// The mapping, which views into it then live as long as.
  MappedFile takeFile() && { return std::move(file_); }
  /// All tensors in the order of their bytes.
  std::span<const TensorView> tensors() const { return tensors_; }
  /// The tensor `name`, or null.
  const TensorView *find(std::string_view name) const;
  /// The tensor `name`, or the failure that the file has none.
  Expected<const TensorView *> get(std::string_view name) const;
  /// Members of "__metadata__" in the order of the text.
  std::span<const std::pair<std::string, std::string>> metadata() const {
    return metadata_;
  }
  /// Bytes before the first tensor: 8 + the JSON header.
  uint64_t headerSize() const { return headerSize_; }
  /// Digest of those bytes: it covers names, types, shapes and places.
  const Sha256Digest &headerSha256() const { return headerSha256_; }

private:
  SafetensorsFile() = default;

  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::vector<uint32_t> byName_; ///< indices into tensors_, sorted by name.
  std::vector<std::pair<std::string, std::string>> metadata_;
  uint64_t headerSize_ = 0;
  Sha256Digest headerSha256_{};
};

/// Writes a file front to back: declare every tensor, then append the bytes of
/// each in the same order. The same calls give the same bytes. Nothing is left
/// behind without commit(). Movable; one thread at a time.
class SafetensorsWriter {
public:
  struct Tensor {
    std::string name;
    DType dtype = DType::U8;
    std::vector<uint64_t> shape;
  };

  /// The beginning of a file, to its first tensor, and the bytes of the data
  /// that follow. `path` serves messages. Names must differ.
  static Expected<std::string>
  makeHeader(const std::string &path, std::span<const Tensor> tensors,
             std::span<const std::pair<std::string, std::string>> metadata,
             uint64_t &dataBytes);

  /// Creates the file and writes its header.
  static Expected<SafetensorsWriter>
  create(const std::string &path, std::vector<Tensor> tensors,
         std::vector<std::pair<std::string, std::string>> metadata = {});

  /// See AtomicFile::bypassCache(), with position() for size().
  void bypassCache() { file_.bypassCache(); }
  /// Place in the file of the next byte.
  uint64_t position() const { return file_.size(); }

  /// Appends bytes: the tensors in order, in pieces of any size.
  Status append(std::span<const std::byte> bytes);

  /// Finishes the file; every declared byte must have been appended.
  Status commit();

private:
  SafetensorsWriter(AtomicFile file, uint64_t end)
      : file_(std::move(file)), end_(end) {}

  AtomicFile file_;
  uint64_t end_; ///< size of the whole file.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_SAFETENSORS_H
