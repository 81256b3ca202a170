//===- CpuFeatures.cpp - Does this machine run that code? -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One table from LLVM's x86 feature names to CPUID bits (Intel SDM volume 2,
// AMD APM volume 3), as llvm::sys::getHostCPUFeatures reads them. The compiler
// records names; this side has no LLVM to ask.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CpuFeatures.h"

#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace gossamer;

#if defined(__x86_64__)

namespace {

enum Register : uint8_t { Eax, Ebx, Ecx, Edx };

/// Register state that the operating system must save for a feature to be
/// usable: the bits of XCR0.
enum State : uint32_t {
  NoState = 0,
  Ymm = 0x6,              // SSE and AVX.
  Zmm = 0xe6,             // and opmask, upper halves, ZMM16-31.
  Tiles = 0x60006,        // and AMX tile configuration and data.
  SaveEnabled = 1U << 31, // XSAVE itself is switched on (any XCR0).
};

struct FeatureBit {
  std::string_view name;
  uint32_t leaf;
  uint32_t subleaf;
  Register reg;
  uint8_t bit;
  State state = NoState;
};

constexpr FeatureBit featureBits[] = {
    {"x87", 1, 0, Edx, 0},
    {"cx8", 1, 0, Edx, 8},
    {"cmov", 1, 0, Edx, 15},
    {"mmx", 1, 0, Edx, 23},
    {"fxsr", 1, 0, Edx, 24},
    {"sse", 1, 0, Edx, 25},
    {"sse2", 1, 0, Edx, 26},
    {"sse3", 1, 0, Ecx, 0},
    {"pclmul", 1, 0, Ecx, 1},
    {"ssse3", 1, 0, Ecx, 9},
    {"fma", 1, 0, Ecx, 12, Ymm},
    {"cx16", 1, 0, Ecx, 13},
    {"sse4.1", 1, 0, Ecx, 19},
    {"sse4.2", 1, 0, Ecx, 20},
    {"crc32", 1, 0, Ecx, 20},
    {"movbe", 1, 0, Ecx, 22},
    {"popcnt", 1, 0, Ecx, 23},
    {"aes", 1, 0, Ecx, 25},
    {"xsave", 1, 0, Ecx, 26, SaveEnabled},
    {"avx", 1, 0, Ecx, 28, Ymm},
    {"f16c", 1, 0, Ecx, 29, Ymm},
    {"rdrnd", 1, 0, Ecx, 30},
    {"sahf", 0x80000001, 0, Ecx, 0},
    {"lzcnt", 0x80000001, 0, Ecx, 5},
    {"sse4a", 0x80000001, 0, Ecx, 6},
    {"prfchw", 0x80000001, 0, Ecx, 8},
    {"xop", 0x80000001, 0, Ecx, 11, Ymm},
    {"lwp", 0x80000001, 0, Ecx, 15},
    {"fma4", 0x80000001, 0, Ecx, 16, Ymm},
    {"tbm", 0x80000001, 0, Ecx, 21},
    {"mwaitx", 0x80000001, 0, Ecx, 29},
    {"64bit", 0x80000001, 0, Edx, 29},
    {"clzero", 0x80000008, 0, Ebx, 0},
    {"rdpru", 0x80000008, 0, Ebx, 4},
    {"wbnoinvd", 0x80000008, 0, Ebx, 9},
    {"fsgsbase", 7, 0, Ebx, 0},
    {"sgx", 7, 0, Ebx, 2},
    {"bmi", 7, 0, Ebx, 3},
    {"avx2", 7, 0, Ebx, 5, Ymm},
    {"bmi2", 7, 0, Ebx, 8},
    {"invpcid", 7, 0, Ebx, 10},
    {"rtm", 7, 0, Ebx, 11},
    {"avx512f", 7, 0, Ebx, 16, Zmm},
    {"avx512dq", 7, 0, Ebx, 17, Zmm},
    {"rdseed", 7, 0, Ebx, 18},
    {"adx", 7, 0, Ebx, 19},
    {"avx512ifma", 7, 0, Ebx, 21, Zmm},
    {"clflushopt", 7, 0, Ebx, 23},
    {"clwb", 7, 0, Ebx, 24},
    {"avx512cd", 7, 0, Ebx, 28, Zmm},
    {"sha", 7, 0, Ebx, 29},
    {"avx512bw", 7, 0, Ebx, 30, Zmm},
    {"avx512vl", 7, 0, Ebx, 31, Zmm},
    {"avx512vbmi", 7, 0, Ecx, 1, Zmm},
    {"pku", 7, 0, Ecx, 4},
    {"waitpkg", 7, 0, Ecx, 5},
    {"avx512vbmi2", 7, 0, Ecx, 6, Zmm},
    {"shstk", 7, 0, Ecx, 7},
    {"gfni", 7, 0, Ecx, 8},
    {"vaes", 7, 0, Ecx, 9, Ymm},
    {"vpclmulqdq", 7, 0, Ecx, 10, Ymm},
    {"avx512vnni", 7, 0, Ecx, 11, Zmm},
    {"avx512bitalg", 7, 0, Ecx, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, Ecx, 14, Zmm},
    {"rdpid", 7, 0, Ecx, 22},
    {"kl", 7, 0, Ecx, 23},
    {"cldemote", 7, 0, Ecx, 25},
    {"movdiri", 7, 0, Ecx, 27},
    {"movdir64b", 7, 0, Ecx, 28},
    {"enqcmd", 7, 0, Ecx, 29},
    {"uintr", 7, 0, Edx, 5},
    {"avx512vp2intersect", 7, 0, Edx, 8, Zmm},
    {"serialize", 7, 0, Edx, 14},
    {"tsxldtrk", 7, 0, Edx, 16},
    {"pconfig", 7, 0, Edx, 18},
    {"amx-bf16", 7, 0, Edx, 22, Tiles},
    {"avx512fp16", 7, 0, Edx, 23, Zmm},
    {"amx-tile", 7, 0, Edx, 24, Tiles},
    {"amx-int8", 7, 0, Edx, 25, Tiles},
    {"sha512", 7, 1, Eax, 0, Ymm},
    {"sm3", 7, 1, Eax, 1, Ymm},
    {"sm4", 7, 1, Eax, 2, Ymm},
    {"raoint", 7, 1, Eax, 3},
    {"avxvnni", 7, 1, Eax, 4, Ymm},
    {"avx512bf16", 7, 1, Eax, 5, Zmm},
    {"cmpccxadd", 7, 1, Eax, 7},
    {"amx-fp16", 7, 1, Eax, 21, Tiles},
    {"hreset", 7, 1, Eax, 22},
    {"avxifma", 7, 1, Eax, 23, Ymm},
    {"avxvnniint8", 7, 1, Edx, 4, Ymm},
    {"avxneconvert", 7, 1, Edx, 5, Ymm},
    {"amx-complex", 7, 1, Edx, 8, Tiles},
    {"avxvnniint16", 7, 1, Edx, 10, Ymm},
    {"prefetchi", 7, 1, Edx, 14},
    {"xsaveopt", 0xd, 1, Eax, 0, SaveEnabled},
    {"xsavec", 0xd, 1, Eax, 1, SaveEnabled},
    {"xsaves", 0xd, 1, Eax, 3, SaveEnabled},
    {"ptwrite", 0x14, 0, Ebx, 4},
    {"widekl", 0x19, 0, Ebx, 2},
};

/// The register of a CPUID leaf; 0 where the processor has no such leaf.
uint32_t readCpuid(const FeatureBit &feature) {
  uint32_t base = feature.leaf & 0x80000000U;
  if (__get_cpuid_max(base, nullptr) < feature.leaf)
    return 0;
  std::array<uint32_t, 4> regs{};
  if (feature.subleaf > 0 && feature.leaf == 7) {
    __cpuid_count(7, 0, regs[Eax], regs[Ebx], regs[Ecx], regs[Edx]);
    if (regs[Eax] < feature.subleaf) // leaf 7's largest subleaf.
      return 0;
  }
  __cpuid_count(feature.leaf, feature.subleaf, regs[Eax], regs[Ebx], regs[Ecx],
                regs[Edx]);
  return regs[feature.reg];
}

/// Whether the operating system saves and restores `state`.
bool isStateEnabled(State state) {
  if (state == NoState)
    return true;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  __cpuid(1, eax, ebx, ecx, edx);
  if (!(ecx & (1U << 27))) // OSXSAVE; without it XGETBV would trap.
    return false;
  if (state == SaveEnabled)
    return true;
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & state) == state;
}

} // namespace

std::optional<bool> gossamer::hostHasCpuFeature(std::string_view feature) {
  for (const FeatureBit &known : featureBits)
    if (known.name == feature)
      return ((readCpuid(known) >> known.bit) & 1) != 0 &&
             isStateEnabled(known.state);
  return std::nullopt;
}

#else

std::optional<bool> gossamer::hostHasCpuFeature(std::string_view) {
  return std::nullopt;
}

#endif

Status gossamer::checkCpuFeatures(std::span<const std::string> required) {
  for (std::string_view feature : required) {
    if (feature.starts_with('+'))
      feature.remove_prefix(1);
    std::optional<bool> present = hostHasCpuFeature(feature);
    if (!present)
      return unavailable("the artifact needs the CPU feature '" +
                         std::string(feature) +
                         "', which this runtime does not know");
    if (!*present)
      return unavailable("this CPU lacks " + std::string(feature) +
                         ", which the artifact needs");
  }
  return Status::ok();
}
