//===- Gguf.h - The GGUF container ------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A GGUF file (version 3, little-endian) is a magic, counts, metadata as pairs
// of key and typed value, descriptions of tensors, padding to
// general.alignment, and the tensors' bytes, each at such a multiple. Shapes
// are written innermost dimension first.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_GGUF_H
#define GOSSAMER_RUNTIME_WEIGHTS_GGUF_H

#include "runtime/support/MappedFile.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gossamer {

inline constexpr std::string_view ggufMagic = "GGUF";
inline constexpr uint32_t ggufVersion = 3;

/// Types of values, by their number in the file.
enum class GgufValueType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64,
};

/// Element types of tensors that are read, by their number in the file.
enum class GgmlType : uint32_t {
  F32 = 0,
  F16 = 1,
  OldMxfp4 = 4, ///< what early files number MXFP4.
  Q8_0 = 8,
  BF16 = 30,
  Mxfp4 = 39,
};

/// Elements that a type stores together, and their bytes.
struct GgmlBlock {
  uint64_t elements = 1, bytes = 1;
};

/// Nothing for a type that is not in GgmlType.
std::optional<GgmlBlock> ggmlBlock(GgmlType type);
/// "F32", "MXFP4", or the number of another type.
std::string ggmlTypeName(GgmlType type);

/// A value of the metadata. Texts are views into the file.
using GgufValue =
    std::variant<int64_t, uint64_t, double, bool, std::string_view,
                 std::vector<int64_t>, std::vector<double>,
                 std::vector<std::string_view>>;

struct GgufTensor {
  std::string_view name;
  std::vector<uint64_t> shape; ///< outermost dimension first.
  GgmlType type = GgmlType::F32;
  uint64_t offset = 0; ///< of its first byte in the file.
  std::span<const std::byte> bytes;
};

/// A checked and mapped file. Movable; immutable, so thread-safe to read.
class GgufFile {
public:
  static Expected<GgufFile> read(MappedFile file);
  /// Whether `bytes`, the beginning of a file, is that of a GGUF file.
  static bool hasMagic(std::string_view bytes);

  const std::string &path() const { return file_.path(); }
  const MappedFile &file() const { return file_; }
  /// The mapping, which views into it then live as long as.
  MappedFile takeFile() && { return std::move(file_); }
  std::span<const GgufTensor> tensors() const { return tensors_; }
  /// Bytes before the first tensor's.
  uint64_t headerSize() const { return headerSize_; }

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const GgufValue *find(std::string_view key) const;
  /// @name The value of `key` as a type; InvalidData where it is another, or
  /// where it is missing and there is no fallback.
  /// @{
  Expected<int64_t>
  getInteger(std::string_view key, std::optional<int64_t> fallback,
             int64_t min = 0,
             int64_t max = std::numeric_limits<int64_t>::max()) const;
  Expected<double> getNumber(std::string_view key,
                             std::optional<double> fallback, double min,
                             double max) const;
  Expected<std::string_view>
  getString(std::string_view key,
            std::optional<std::string_view> fallback) const;
  Expected<std::span<const std::string_view>>
  getStrings(std::string_view key) const;
  Expected<std::span<const int64_t>> getIntegers(std::string_view key) const;
  /// @}
  /// FILE: key "KEY": expects WHAT.
  Status error(std::string_view key, const std::string &expected) const;

private:
  friend class GgufParser;
  GgufFile() = default;

  MappedFile file_;
  std::vector<std::pair<std::string_view, GgufValue>> metadata_; ///< sorted.
  std::vector<GgufTensor> tensors_;
  uint64_t headerSize_ = 0;
};

/// Writes the part of a file before the tensors' bytes.
class GgufHeader {
public:
  void add(std::string_view key, uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::span<const std::string> values);
  void add(std::string_view key, std::span<const int32_t> values);
  /// `shape` outermost dimension first; tensors come in the order of their
  /// bytes. Returns the tensor's offset from the beginning of the data.
  uint64_t addTensor(std::string_view name, std::span<const uint64_t> shape,
                     GgmlType type, uint64_t bytes);

  /// All bytes, padded to where the data begins.
  std::string take() const;
  /// Bytes of the data, padding included.
  uint64_t dataSize() const { return dataSize_; }

  static constexpr uint64_t alignment = 32;

private:
  void addKey(std::string_view key, uint32_t type);

  std::string metadata_, tensors_;
  uint64_t keys_ = 0, tensorCount_ = 0, dataSize_ = 0;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_GGUF_H
