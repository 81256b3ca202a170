//===- KernelCase.cpp - Device functions against the CPU's kernels --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelCase.h"

#include "runtime/weights/FloatTypes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

Ints cuda::testing::randomInts(size_t n, int32_t below, unsigned seed) {
  std::mt19937 engine(seed);
  Ints values(n);
  for (int32_t &v : values)
    v = static_cast<int32_t>(engine() % static_cast<uint32_t>(below));
  return values;
}

void cuda::testing::roundToBF16(std::vector<uint8_t> &floats) {
  for (size_t at = 0; at < floats.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, &floats[at], sizeof value);
    value = bf16ToF32(f32ToBf16(value));
    std::memcpy(&floats[at], &value, sizeof value);
  }
}

Case &Case::add(cpu::BindingForm form, std::vector<uint8_t> bytes,
                bool isWritten, bool isFloat) {
  kernel.bindings.push_back(std::move(form));
  return addMore(std::move(bytes), isWritten, isFloat);
}

Case &Case::addMore(std::vector<uint8_t> bytes, bool isWritten, bool isFloat) {
  arguments.push_back({std::move(bytes), isWritten});
  areFloats.push_back(isFloat);
  return *this;
}

Case &Case::in(const std::vector<int64_t> &shape) {
  auto type = f32(shape);
  return add(type, bytesOf(randomFloats(type.getNumElements(), ++seed)), false,
             true);
}

Case &Case::in(const std::vector<int64_t> &shape, const Ints &values) {
  return add(i32(shape), bytesOf(values), false, false);
}

Case &Case::in(const Weights &weights) {
  add(weights.form, weights.bytes, false, false);
  return weights.scales.empty() ? *this : addMore(weights.scales, false, false);
}

Case &Case::out(const std::vector<int64_t> &shape) {
  auto type = f32(shape);
  return add(type, bytesOf(Floats(type.getNumElements(), -77.0F)), true, true);
}

Case &Case::outInts(const std::vector<int64_t> &shape) {
  auto type = i32(shape);
  return add(type, bytesOf(Ints(type.getNumElements(), -77)), true, false);
}

std::vector<Argument> Case::want(bool isRounded) const {
  if (reference)
    return reference(isRounded);
  std::vector<Argument> result = arguments;
  if (isRounded)
    roundToBF16(result[0].bytes);
  std::vector<const void *> pointers;
  for (Argument &argument : result)
    pointers.push_back(argument.bytes.data());
  std::vector<std::string> kinds = cpu::testing::kindsFor(kernel);
  cpu::testing::CompiledKernel compiled(kernel, kinds.back());
  compiled.run(pointers, dims, items);
  return result;
}

void Case::check(const std::string &what) const {
  std::vector<const KernelKind *> kinds = cuda::testing::kindsFor(kernel);
  ASSERT_FALSE(kinds.empty()) << kernel.operation;
  std::vector<Argument> exact = want(false), rounded;
  for (const KernelKind *kind : kinds) {
    SCOPED_TRACE(kernel.operation + " " + kind->name.str() + ", " + what +
                 ", " + std::to_string(dims.tokens) + " tokens");
    std::vector<Argument> got = arguments;
    DeviceKernel device(kernel, *kind);
    if (!device.run(got, dims))
      continue;
    std::string difference = compare(got, exact, tolerance);
    // Such kinds compute few rows exactly.
    if (kind->roundsInputs && !difference.empty()) {
      if (rounded.empty())
        rounded = want(true);
      difference = compare(got, rounded,
                           roundedTolerance ? roundedTolerance : tolerance);
    }
    EXPECT_EQ(difference, "");
  }
}

static std::string compareFloats(const std::vector<uint8_t> &got,
                                 const std::vector<uint8_t> &want,
                                 double tolerance) {
  for (size_t at = 0; at < got.size(); at += sizeof(float)) {
    float g, w;
    std::memcpy(&g, &got[at], sizeof g);
    std::memcpy(&w, &want[at], sizeof w);
    bool isSame = std::memcmp(&g, &w, sizeof g) == 0;
    if (!isSame && !(std::fabs(g - w) <= tolerance * (1 + std::fabs(w))))
      return "element " + std::to_string(at / sizeof g) + ": expects " +
             std::to_string(w) + ", found " + std::to_string(g);
  }
  return "";
}

/// The first difference in what was written; empty if there is none.
std::string Case::compare(std::vector<Argument> got, std::vector<Argument> want,
                          double tolerance) const {
  if (normalize) {
    normalize(got);
    normalize(want);
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (!got[i].isWritten || got[i].bytes == want[i].bytes)
      continue;
    std::string difference =
        areFloats[i] ? compareFloats(got[i].bytes, want[i].bytes, tolerance)
                     : "other bytes";
    if (!difference.empty())
      return "argument " + std::to_string(i) + ", " + difference;
  }
  return "";
}
