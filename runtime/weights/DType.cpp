//===- DType.cpp - Element types of safetensors ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/CheckedMath.h"
#include "runtime/weights/Safetensors.h"

using namespace gossamer;

namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  unsigned bits;
};

/// In the order of the enumeration.
constexpr DTypeInfo dtypes[] = {
    {DType::Bool, "BOOL", 8},      {DType::U8, "U8", 8},
    {DType::I8, "I8", 8},          {DType::F8E5M2, "F8_E5M2", 8},
    {DType::F8E4M3, "F8_E4M3", 8}, {DType::F8E8M0, "F8_E8M0", 8},
    {DType::I16, "I16", 16},       {DType::U16, "U16", 16},
    {DType::F16, "F16", 16},       {DType::BF16, "BF16", 16},
    {DType::I32, "I32", 32},       {DType::U32, "U32", 32},
    {DType::F32, "F32", 32},       {DType::C64, "C64", 64},
    {DType::F64, "F64", 64},       {DType::I64, "I64", 64},
    {DType::U64, "U64", 64},       {DType::F4, "F4", 4},
    {DType::F6E2M3, "F6_E2M3", 6}, {DType::F6E3M2, "F6_E3M2", 6},
};

constexpr bool isInOrder() {
  for (size_t i = 0; i < std::size(dtypes); ++i)
    if (static_cast<size_t>(dtypes[i].dtype) != i)
      return false;
  return true;
}
static_assert(isInOrder());

const DTypeInfo &info(DType dtype) {
  return dtypes[static_cast<size_t>(dtype)];
}

} // namespace

std::string_view gossamer::dtypeName(DType dtype) { return info(dtype).name; }

unsigned gossamer::dtypeBits(DType dtype) { return info(dtype).bits; }

std::optional<DType> gossamer::dtypeFromName(std::string_view name) {
  for (const DTypeInfo &entry : dtypes)
    if (entry.name == name)
      return entry.dtype;
  return std::nullopt;
}

std::optional<uint64_t> gossamer::tensorBytes(DType dtype,
                                              std::span<const uint64_t> shape) {
  std::optional<uint64_t> bits = checkedProduct(shape, dtypeBits(dtype));
  if (!bits || *bits % 8 != 0)
    return std::nullopt;
  return *bits / 8;
}

std::string gossamer::shapeText(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (uint64_t extent : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}
