//===- CpuFeaturesTest.cpp ------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CpuFeatures.h"

#include <gtest/gtest.h>

using namespace gossamer;

namespace {

Status check(std::vector<std::string> features) {
  return checkCpuFeatures(features);
}

TEST(CpuFeatures, NothingRequiredIsFine) { EXPECT_TRUE(check({}).isOk()); }

TEST(CpuFeatures, UnknownNamesRefuse) {
  Status status = check({"warp-drive"});
  EXPECT_EQ(status.code(), StatusCode::Unavailable);
  EXPECT_EQ(status.message(), "the artifact needs the CPU feature "
                              "'warp-drive', which this runtime does not know");
}

#if defined(__x86_64__)
TEST(CpuFeatures, BaselineIsPresentOnEveryX86) {
  EXPECT_TRUE(check({"sse2", "+cx8", "fxsr", "64bit", "x87"}).isOk());
}

// No processor has both: LWP was AMD's until Zen, waitpkg is Intel's.
TEST(CpuFeatures, LackingFeatureIsNamed) {
  std::string lacking =
      hostHasCpuFeature("lwp").value_or(false) ? "waitpkg" : "lwp";
  Status status = check({"sse2", lacking});
  EXPECT_EQ(status.code(), StatusCode::Unavailable);
  EXPECT_EQ(status.exitCode(), 69);
  EXPECT_EQ(status.message(),
            "this CPU lacks " + lacking + ", which the artifact needs");
}

// The compiler's builtins read the same bits in their own way.
TEST(CpuFeatures, AgreesWithTheCompilersBuiltins) {
  __builtin_cpu_init();
  EXPECT_EQ(hostHasCpuFeature("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(hostHasCpuFeature("fma"), __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(hostHasCpuFeature("bmi2"), __builtin_cpu_supports("bmi2") != 0);
  EXPECT_EQ(hostHasCpuFeature("popcnt"), __builtin_cpu_supports("popcnt") != 0);
  EXPECT_EQ(hostHasCpuFeature("avx512f"),
            __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(hostHasCpuFeature("avx512vnni"),
            __builtin_cpu_supports("avx512vnni") != 0);
  EXPECT_EQ(hostHasCpuFeature("avx512bf16"),
            __builtin_cpu_supports("avx512bf16") != 0);
  EXPECT_EQ(hostHasCpuFeature("gfni"), __builtin_cpu_supports("gfni") != 0);
}
#endif

} // namespace
