//===- DecodeCheck.cpp - Every stored number, read twice ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/DecodeCheck.h"

#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"
#include "tools/validate/ScalarDecode.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <tbb/parallel_for.h>

namespace gossamer::tools {

namespace {

template <typename T> T load(std::span<const std::byte> bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

uint8_t codeAt(std::span<const std::byte> bytes, uint64_t element) {
  auto pair = std::to_integer<uint8_t>(bytes[element / 2]);
  return element % 2 ? pair >> 4 : pair & 15;
}

const char *typeName(ElementType element) {
  switch (element) {
  case ElementType::BF16:
    return "BF16";
  case ElementType::F16:
    return "F16";
  case ElementType::F32:
    return "F32";
  case ElementType::F4E2M1:
    return "MXFP4";
  }
  return "";
}

std::span<const uint8_t> asBytes(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
}

} // namespace

ParameterReader::ParameterReader(const Parameter &parameter,
                                 std::span<const TensorLocation> locations)
    : parameter_(parameter) {
  const std::vector<int64_t> &shape = parameter.shape;
  columns_ = static_cast<uint64_t>(shape.back());
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    rows_ *= static_cast<uint64_t>(shape[i]);
  rowsOfMatrix_ =
      shape.size() > 1 ? static_cast<uint64_t>(shape[shape.size() - 2]) : 1;
  bytes_ = locations[0].bytes.view(0, locations[0].size, made_);
  if (locations.size() > 1)
    scales_ = locations[1].bytes.view(0, locations[1].size, madeScales_);
}

uint64_t ParameterReader::placeOf(uint64_t row, uint64_t column) const {
  if (parameter_.layout != StorageLayout::Transposed)
    return row * columns_ + column;
  uint64_t matrix = row / rowsOfMatrix_;
  return (matrix * columns_ + column) * rowsOfMatrix_ + row % rowsOfMatrix_;
}

/// All numbers of a format by their bits, decoded once: a checkpoint has
/// billions.
template <typename Decode>
static std::vector<double> listNumbers(uint32_t count, Decode decode) {
  std::vector<double> numbers(count);
  for (uint32_t bits = 0; bits < count; ++bits)
    numbers[bits] = decode(bits);
  return numbers;
}

void ParameterReader::readExact(uint64_t row, std::span<double> out) const {
  static const std::vector<double> bf16 = listNumbers(1U << 16, [](uint32_t n) {
    return decodeBf16(static_cast<uint16_t>(n));
  });
  static const std::vector<double> f16 = listNumbers(
      1U << 16, [](uint32_t n) { return decodeF16(static_cast<uint16_t>(n)); });
  static const std::vector<double> mxfp4 =
      listNumbers(256 * 16, [](uint32_t n) {
        return decodeMxfp4(static_cast<uint8_t>(n % 16),
                           static_cast<uint8_t>(n / 16));
      });
  for (uint64_t i = 0; i < columns_; ++i) {
    uint64_t place = placeOf(row, i);
    switch (parameter_.element) {
    case ElementType::BF16:
      out[i] = bf16[load<uint16_t>(bytes_, place)];
      break;
    case ElementType::F16:
      out[i] = f16[load<uint16_t>(bytes_, place)];
      break;
    case ElementType::F32:
      out[i] = decodeF32(load<uint32_t>(bytes_, place));
      break;
    case ElementType::F4E2M1:
      out[i] = mxfp4[load<uint8_t>(scales_, place / mxfp4BlockElements) * 16 +
                     codeAt(bytes_, place)];
      break;
    }
  }
}

void ParameterReader::readDecoded(uint64_t row, std::span<float> out) const {
  if (parameter_.element == ElementType::F4E2M1) {
    uint64_t blocks = columns_ / mxfp4BlockElements;
    dequantizeMxfp4Row(asBytes(bytes_).subspan(row * blocks * mxfp4BlockBytes,
                                               blocks * mxfp4BlockBytes),
                       asBytes(scales_).subspan(row * blocks, blocks), out);
    return;
  }
  for (uint64_t i = 0; i < columns_; ++i) {
    uint64_t place = placeOf(row, i);
    if (parameter_.element == ElementType::F32)
      out[i] = load<float>(bytes_, place);
    else if (parameter_.element == ElementType::F16)
      out[i] = f16ToF32(load<uint16_t>(bytes_, place));
    else
      out[i] = bf16ToF32(load<uint16_t>(bytes_, place));
  }
}

/// NaN equals NaN: what is no number is counted as such.
static bool isSameNumber(double exact, float decoded) {
  if (std::isnan(exact))
    return std::isnan(decoded);
  return std::bit_cast<uint64_t>(exact) ==
         std::bit_cast<uint64_t>(static_cast<double>(decoded));
}

proto::TensorCheck checkDecoding(const ParameterReader &reader) {
  std::vector<uint64_t> different(reader.rows()), notFinite(reader.rows());
  tbb::parallel_for(uint64_t{0}, reader.rows(), [&](uint64_t row) {
    thread_local std::vector<double> exact;
    thread_local std::vector<float> decoded;
    exact.resize(reader.columns());
    decoded.resize(reader.columns());
    reader.readExact(row, exact);
    reader.readDecoded(row, decoded);
    for (size_t i = 0; i < exact.size(); ++i) {
      different[row] += !isSameNumber(exact[i], decoded[i]);
      notFinite[row] += !std::isfinite(exact[i]);
    }
  });
  proto::TensorCheck check;
  const Parameter &parameter = reader.parameter();
  check.set_name(parameter.tensors[0].name);
  check.set_type(typeName(parameter.element));
  for (int64_t extent : parameter.shape)
    check.add_shape(static_cast<uint64_t>(extent));
  check.set_elements(reader.rows() * reader.columns());
  for (uint64_t row = 0; row < reader.rows(); ++row) {
    check.set_different(check.different() + different[row]);
    check.set_not_finite(check.not_finite() + notFinite[row]);
  }
  return check;
}

std::vector<LocatedParameter> locateParameters(const Checkpoint &checkpoint) {
  std::vector<LocatedParameter> located;
  std::span<const TensorLocation> locations = checkpoint.locations();
  for (const Parameter &parameter : checkpoint.parameters().parameters()) {
    size_t count = parameter.tensors.size();
    located.push_back({&parameter, locations.first(count)});
    locations = locations.subspan(count);
  }
  return located;
}

} // namespace gossamer::tools
