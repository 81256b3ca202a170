//===- Gguf.cpp - Reading the GGUF container ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Gguf.h"

#include "runtime/support/CheckedMath.h"
#include "runtime/support/JsonWriter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <unordered_set>

namespace gossamer {

static_assert(std::endian::native == std::endian::little,
              "numbers are read in the order of memory");

namespace {

constexpr uint32_t maxDimensions = 4;
constexpr uint64_t maxAlignment = uint64_t(1) << 20;
/// Bytes that a pair, a tensor and a string take at least: what bounds the
/// counts of a file by its size, and so memory.
constexpr uint64_t minPairBytes = 8 + 4 + 1, minTensorBytes = 8 + 4 + 4 + 8,
                   minStringBytes = 8;

} // namespace

std::optional<GgmlBlock> ggmlBlock(GgmlType type) {
  switch (type) {
  case GgmlType::F32:
    return GgmlBlock{1, 4};
  case GgmlType::F16:
  case GgmlType::BF16:
    return GgmlBlock{1, 2};
  case GgmlType::Q8_0:
    return GgmlBlock{32, 34};
  case GgmlType::OldMxfp4:
  case GgmlType::Mxfp4:
    return GgmlBlock{32, 17};
  }
  return std::nullopt;
}

std::string ggmlTypeName(GgmlType type) {
  switch (type) {
  case GgmlType::F32:
    return "F32";
  case GgmlType::F16:
    return "F16";
  case GgmlType::BF16:
    return "BF16";
  case GgmlType::Q8_0:
    return "Q8_0";
  case GgmlType::OldMxfp4:
  case GgmlType::Mxfp4:
    return "MXFP4";
  }
  return "type " + std::to_string(static_cast<uint32_t>(type));
}

/// Walks the file front to back. Every read is checked against what is left.
class GgufParser {
public:
  explicit GgufParser(GgufFile &file)
      : file_(file), bytes_(file.file_.text()) {}

  Status parse();

private:
  Status truncated(const char *what) const {
    return invalidData(file_.path() + ": expects " + what + " at offset " +
                       std::to_string(position_) + " but the file ends at " +
                       std::to_string(bytes_.size()));
  }
  uint64_t left() const { return bytes_.size() - position_; }

  template <typename T> Status number(T &value, const char *what) {
    if (left() < sizeof(T))
      return truncated(what);
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return Status::ok();
  }
  Status text(std::string_view &value, const char *what);
  Status count(uint64_t &value, uint64_t minBytes, const char *what);
  template <typename Stored, typename Held> Status scalar(GgufValue &value);
  template <typename Stored, typename Held>
  Status array(uint64_t count, GgufValue &value);
  Status value(GgufValueType type, GgufValue &value);
  Status arrayValue(GgufValue &value);
  Status pair();
  Status tensor();
  Status place(GgufTensor &tensor);
  Status checkUnique();

  GgufFile &file_;
  std::string_view bytes_;
  uint64_t position_ = 0;
  std::string_view key_; ///< for messages.
};

Status GgufParser::text(std::string_view &value, const char *what) {
  uint64_t length = 0;
  GOSS_RETURN_IF_ERROR(number(length, what));
  if (length > left())
    return truncated(what);
  value = bytes_.substr(position_, length);
  position_ += length;
  return Status::ok();
}

Status GgufParser::count(uint64_t &value, uint64_t minBytes, const char *what) {
  GOSS_RETURN_IF_ERROR(number(value, what));
  if (value > left() / minBytes)
    return invalidData(file_.path() + ": expects at most " +
                       std::to_string(left() / minBytes) + " " + what +
                       " in what is left of the file but got " +
                       std::to_string(value));
  return Status::ok();
}

template <typename Stored, typename Held>
Status GgufParser::scalar(GgufValue &value) {
  Stored stored{};
  GOSS_RETURN_IF_ERROR(number(stored, "a value"));
  value = static_cast<Held>(stored);
  return Status::ok();
}

template <typename Stored, typename Held>
Status GgufParser::array(uint64_t count, GgufValue &value) {
  if (count > left() / sizeof(Stored))
    return truncated("an array");
  std::vector<Held> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    Stored stored{};
    GOSS_RETURN_IF_ERROR(number(stored, "an element"));
    elements.push_back(static_cast<Held>(stored));
  }
  value = std::move(elements);
  return Status::ok();
}

Status GgufParser::arrayValue(GgufValue &value) {
  uint32_t type = 0;
  uint64_t size = 0;
  GOSS_RETURN_IF_ERROR(number(type, "the type of an array"));
  GOSS_RETURN_IF_ERROR(number(size, "the size of an array"));
  switch (static_cast<GgufValueType>(type)) {
  case GgufValueType::U8:
  case GgufValueType::Bool:
    return array<uint8_t, int64_t>(size, value);
  case GgufValueType::I8:
    return array<int8_t, int64_t>(size, value);
  case GgufValueType::U16:
    return array<uint16_t, int64_t>(size, value);
  case GgufValueType::I16:
    return array<int16_t, int64_t>(size, value);
  case GgufValueType::U32:
    return array<uint32_t, int64_t>(size, value);
  case GgufValueType::I32:
    return array<int32_t, int64_t>(size, value);
  case GgufValueType::I64:
  case GgufValueType::U64:
    return array<int64_t, int64_t>(size, value);
  case GgufValueType::F32:
    return array<float, double>(size, value);
  case GgufValueType::F64:
    return array<double, double>(size, value);
  case GgufValueType::String:
    break;
  default:
    return file_.error(key_, "an array of numbers or strings but got type " +
                                 std::to_string(type));
  }
  if (size > left() / minStringBytes)
    return truncated("an array of strings");
  std::vector<std::string_view> texts(size);
  for (std::string_view &element : texts)
    GOSS_RETURN_IF_ERROR(text(element, "a string"));
  value = std::move(texts);
  return Status::ok();
}

Status GgufParser::value(GgufValueType type, GgufValue &value) {
  switch (type) {
  case GgufValueType::U8:
    return scalar<uint8_t, uint64_t>(value);
  case GgufValueType::I8:
    return scalar<int8_t, int64_t>(value);
  case GgufValueType::U16:
    return scalar<uint16_t, uint64_t>(value);
  case GgufValueType::I16:
    return scalar<int16_t, int64_t>(value);
  case GgufValueType::U32:
    return scalar<uint32_t, uint64_t>(value);
  case GgufValueType::I32:
    return scalar<int32_t, int64_t>(value);
  case GgufValueType::U64:
    return scalar<uint64_t, uint64_t>(value);
  case GgufValueType::I64:
    return scalar<int64_t, int64_t>(value);
  case GgufValueType::F32:
    return scalar<float, double>(value);
  case GgufValueType::F64:
    return scalar<double, double>(value);
  case GgufValueType::Bool: {
    uint8_t stored = 0;
    GOSS_RETURN_IF_ERROR(number(stored, "a bool"));
    value = stored != 0;
    return Status::ok();
  }
  case GgufValueType::String: {
    std::string_view stored;
    GOSS_RETURN_IF_ERROR(text(stored, "a string"));
    value = stored;
    return Status::ok();
  }
  case GgufValueType::Array:
    return arrayValue(value);
  }
  return file_.error(key_, "a type from 0 to 12 but got " +
                               std::to_string(static_cast<uint32_t>(type)));
}

Status GgufParser::pair() {
  GOSS_RETURN_IF_ERROR(text(key_, "a key"));
  uint32_t type = 0;
  GOSS_RETURN_IF_ERROR(number(type, "the type of a value"));
  GgufValue held;
  GOSS_RETURN_IF_ERROR(value(static_cast<GgufValueType>(type), held));
  file_.metadata_.emplace_back(key_, std::move(held));
  return Status::ok();
}

Status GgufParser::tensor() {
  GgufTensor tensor;
  GOSS_RETURN_IF_ERROR(text(tensor.name, "the name of a tensor"));
  uint32_t dimensions = 0, type = 0;
  GOSS_RETURN_IF_ERROR(number(dimensions, "a number of dimensions"));
  std::string where =
      file_.path() + ": tensor " + quoteText(tensor.name) + ": ";
  if (dimensions > maxDimensions)
    return invalidData(where + "expects at most 4 dimensions but got " +
                       std::to_string(dimensions));
  tensor.shape.resize(dimensions);
  for (uint64_t &extent : tensor.shape)
    GOSS_RETURN_IF_ERROR(number(extent, "a dimension"));
  std::ranges::reverse(tensor.shape);
  GOSS_RETURN_IF_ERROR(number(type, "the type of a tensor"));
  tensor.type = static_cast<GgmlType>(type);
  if (!ggmlBlock(tensor.type))
    return invalidData(where +
                       "expects F32, F16, BF16, Q8_0 or MXFP4 but got "
                       "type " +
                       std::to_string(type));
  GOSS_RETURN_IF_ERROR(number(tensor.offset, "the offset of a tensor"));
  file_.tensors_.push_back(std::move(tensor));
  return Status::ok();
}

/// Turns the offset from that of the data to that of the file.
Status GgufParser::place(GgufTensor &tensor) {
  std::string where =
      file_.path() + ": tensor " + quoteText(tensor.name) + ": ";
  GgmlBlock block = *ggmlBlock(tensor.type);
  std::optional<uint64_t> elements = checkedProduct(tensor.shape);
  uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (!elements || row % block.elements != 0)
    return invalidData(where + "expects rows of whole blocks of " +
                       std::to_string(block.elements) + " but got " +
                       std::to_string(row));
  std::optional<uint64_t> size =
      checkedMul(*elements / block.elements, block.bytes);
  uint64_t data = bytes_.size() - file_.headerSize_;
  if (!size || !rangeFits(tensor.offset, *size, data))
    return invalidData(where + "expects to lie within the " +
                       std::to_string(data) + " bytes of data but got " +
                       (size ? std::to_string(*size) : "2^64 or more") +
                       " at offset " + std::to_string(tensor.offset));
  tensor.offset += file_.headerSize_;
  tensor.bytes = file_.file_.bytes().subspan(tensor.offset, *size);
  return Status::ok();
}

Status GgufParser::checkUnique() {
  auto &pairs = file_.metadata_;
  std::ranges::sort(pairs, {}, [](const auto &pair) { return pair.first; });
  for (size_t i = 1; i < pairs.size(); ++i)
    if (pairs[i].first == pairs[i - 1].first)
      return file_.error(pairs[i].first, "one value but got another");
  std::unordered_set<std::string_view> names;
  for (const GgufTensor &tensor : file_.tensors_)
    if (!names.insert(tensor.name).second)
      return invalidData(file_.path() + ": tensor " + quoteText(tensor.name) +
                         ": is there twice");
  return Status::ok();
}

Status GgufParser::parse() {
  if (!GgufFile::hasMagic(bytes_))
    return invalidData(file_.path() + ": is not a GGUF file");
  position_ = ggufMagic.size();
  uint32_t version = 0;
  GOSS_RETURN_IF_ERROR(number(version, "a version"));
  if (version != ggufVersion)
    return invalidData(file_.path() + ": expects GGUF version 3 but got " +
                       std::to_string(version));
  uint64_t tensors = 0, pairs = 0;
  GOSS_RETURN_IF_ERROR(count(tensors, minTensorBytes, "tensors"));
  GOSS_RETURN_IF_ERROR(count(pairs, minPairBytes, "pairs of metadata"));
  for (uint64_t i = 0; i < pairs; ++i)
    GOSS_RETURN_IF_ERROR(pair());
  for (uint64_t i = 0; i < tensors; ++i)
    GOSS_RETURN_IF_ERROR(tensor());
  GOSS_RETURN_IF_ERROR(checkUnique());
  GOSS_ASSIGN_OR_RETURN(int64_t alignment,
                        file_.getInteger("general.alignment",
                                         GgufHeader::alignment, 1,
                                         maxAlignment));
  auto unit = static_cast<uint64_t>(alignment);
  if (!std::has_single_bit(unit))
    return file_.error("general.alignment",
                       "a power of two but got " + std::to_string(alignment));
  file_.headerSize_ =
      std::min<uint64_t>((position_ + unit - 1) / unit * unit, bytes_.size());
  for (GgufTensor &tensor : file_.tensors_) {
    if (tensor.offset % unit != 0)
      return invalidData(file_.path() + ": tensor " + quoteText(tensor.name) +
                         ": expects an offset that is a multiple of " +
                         std::to_string(unit) + " but got " +
                         std::to_string(tensor.offset));
    GOSS_RETURN_IF_ERROR(place(tensor));
  }
  return Status::ok();
}

bool GgufFile::hasMagic(std::string_view bytes) {
  return bytes.starts_with(ggufMagic);
}

Expected<GgufFile> GgufFile::read(MappedFile file) {
  GgufFile result;
  result.file_ = std::move(file);
  GOSS_RETURN_IF_ERROR(GgufParser(result).parse());
  return result;
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

Status GgufFile::error(std::string_view key,
                       const std::string &expected) const {
  return invalidData(path() + ": key " + quoteText(key) + ": expects " +
                     expected);
}

const GgufValue *GgufFile::find(std::string_view key) const {
  auto found = std::ranges::lower_bound(
      metadata_, key, {}, [](const auto &pair) { return pair.first; });
  return found == metadata_.end() || found->first != key ? nullptr
                                                         : &found->second;
}

Expected<int64_t> GgufFile::getInteger(std::string_view key,
                                       std::optional<int64_t> fallback,
                                       int64_t min, int64_t max) const {
  const GgufValue *value = find(key);
  if (!value && fallback)
    return *fallback;
  std::string range =
      "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (!value)
    return error(key, range + " but it is missing");
  std::optional<int64_t> number;
  if (const auto *held = std::get_if<int64_t>(value))
    number = *held;
  else if (const auto *large = std::get_if<uint64_t>(value);
           large && *large <= uint64_t(std::numeric_limits<int64_t>::max()))
    number = static_cast<int64_t>(*large);
  if (!number || *number < min || *number > max)
    return error(key, range + " but got " +
                          (number ? std::to_string(*number)
                                  : std::string("another value")));
  return *number;
}

Expected<double> GgufFile::getNumber(std::string_view key,
                                     std::optional<double> fallback, double min,
                                     double max) const {
  const GgufValue *value = find(key);
  if (!value && fallback)
    return *fallback;
  const double *number = value ? std::get_if<double>(value) : nullptr;
  if (!number || !(*number >= min && *number <= max))
    return error(key, "a number from " + std::to_string(min) + " to " +
                          std::to_string(max) + " but got " +
                          (number  ? std::to_string(*number)
                           : value ? "another value"
                                   : "none"));
  return *number;
}

Expected<std::string_view>
GgufFile::getString(std::string_view key,
                    std::optional<std::string_view> fallback) const {
  const GgufValue *value = find(key);
  if (!value && fallback)
    return *fallback;
  if (const auto *text = value ? std::get_if<std::string_view>(value) : nullptr)
    return *text;
  return error(key, value ? "a string but got another value"
                          : "a string but it is missing");
}

Expected<std::span<const std::string_view>>
GgufFile::getStrings(std::string_view key) const {
  const GgufValue *value = find(key);
  if (const auto *texts =
          value ? std::get_if<std::vector<std::string_view>>(value) : nullptr)
    return std::span<const std::string_view>(*texts);
  return error(key, value ? "an array of strings but got another value"
                          : "an array of strings but it is missing");
}

Expected<std::span<const int64_t>>
GgufFile::getIntegers(std::string_view key) const {
  const GgufValue *value = find(key);
  if (const auto *numbers =
          value ? std::get_if<std::vector<int64_t>>(value) : nullptr)
    return std::span<const int64_t>(*numbers);
  return error(key, value ? "an array of integers but got another value"
                          : "an array of integers but it is missing");
}

} // namespace gossamer
