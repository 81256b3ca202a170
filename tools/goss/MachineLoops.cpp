//===- MachineLoops.cpp - Loops that reach a machine's limits -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Each loop has enough independent sums to hide the latency of its
// instruction. Operands and sums pass through empty assembly, so that the
// compiler neither knows their values nor finds two sums equal.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/MachineLoops.h"

#include "runtime/device/CpuFeatures.h"

#include <initializer_list>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gossamer::tools {

namespace {

/// Sums of a loop: 12 and two operands fit 16 registers.
constexpr unsigned sumCount = 12;

bool hasAll(std::initializer_list<std::string_view> features) {
  for (std::string_view feature : features)
    if (!hostHasCpuFeature(feature).value_or(false))
      return false;
  return true;
}

// Clang's vectors: operators by element, split where the target is narrower.
using Line = uint64_t __attribute__((vector_size(64)));
using Floats = float __attribute__((vector_size(16)));
using Shorts = int16_t __attribute__((vector_size(16)));

/// Where sums go, so that nobody removes the loop that made them.
template <typename T> [[gnu::always_inline]] inline void consume(T &value) {
  __asm__ volatile("" : "+m"(value));
}

/// Reads with `Sums` lines of 64 bytes as sums, as many as fit the registers.
template <unsigned Sums>
[[gnu::always_inline]] inline void readLines(const std::byte *data,
                                             size_t bytes) {
  const auto *lines = reinterpret_cast<const Line *>(data);
  Line sums[Sums] = {};
  constexpr size_t step = readGranule / sizeof(Line);
  for (size_t i = 0; i < bytes / sizeof(Line); i += step)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < step; ++j)
      // Not ^=: pairs of those become one instruction, whose loads are taken
      // out of order, and the processor does not see the stream any more.
      sums[j % Sums] += lines[i + j];
  for (Line &sum : sums)
    consume(sum);
}

/// The portable loops multiply the sum, which cannot be moved out of them.
template <typename Vector>
[[gnu::always_inline]] inline void multiplyAdd(uint64_t iterations, Vector a,
                                               Vector b) {
  Vector sums[sumCount] = {};
  for (Vector &sum : sums)
    consume(sum);
  consume(a);
  consume(b);
  for (; iterations > 0; --iterations)
#pragma clang loop unroll(full)
    for (Vector &sum : sums)
      sum = sum * a + b;
  for (Vector &sum : sums)
    consume(sum);
}

void readPlain(const std::byte *data, size_t bytes) {
  readLines<2>(data, bytes);
}

void runFloat32Plain(uint64_t iterations) {
  multiplyAdd<Floats>(iterations, Floats{} + 0.5F, Floats{} + 1.0F);
}

void runInt16Plain(uint64_t iterations) {
  multiplyAdd<Shorts>(iterations, Shorts{} + int16_t{3}, Shorts{} + int16_t{1});
}

#if defined(__x86_64__)

[[gnu::target("avx2")]] void readAvx2(const std::byte *data, size_t bytes) {
  readLines<4>(data, bytes);
}

[[gnu::target("avx512f")]] void readAvx512(const std::byte *data,
                                           size_t bytes) {
  readLines<8>(data, bytes);
}

// A function for each instruction set: intrinsics need the target attribute
// of the function that they are written in, so a template will not do.
// NOLINTBEGIN(bugprone-macro-parentheses): arguments are types and statements.
#define GOSS_SUM_LOOP(name, features, Vector, zero, statement)                 \
  [[gnu::target(features)]] void name(uint64_t iterations) {                   \
    Vector sums[sumCount], a = zero, b = zero;                                 \
    for (Vector &sum : sums) {                                                 \
      sum = zero;                                                              \
      consume(sum);                                                            \
    }                                                                          \
    consume(a);                                                                \
    consume(b);                                                                \
    for (; iterations > 0; --iterations)                                       \
      _Pragma("clang loop unroll(full)") for (Vector &sum : sums) {            \
        statement;                                                             \
      }                                                                        \
    for (Vector &sum : sums)                                                   \
      consume(sum);                                                            \
  }

GOSS_SUM_LOOP(runVnni512, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(),
              sum = _mm512_dpbusd_epi32(sum, a, b))
GOSS_SUM_LOOP(runVnni256, "avx2,avxvnni", __m256i, _mm256_setzero_si256(),
              sum = _mm256_dpbusd_avx_epi32(sum, a, b))
GOSS_SUM_LOOP(runFma512, "avx512f", __m512, _mm512_setzero_ps(),
              sum = _mm512_fmadd_ps(a, b, sum))
GOSS_SUM_LOOP(runFma256, "avx2,fma", __m256, _mm256_setzero_ps(),
              sum = _mm256_fmadd_ps(a, b, sum))
// The products do not depend on the sum: unless `a` seems to change they would
// be computed once, before the loop.
GOSS_SUM_LOOP(runMaddubs256, "avx2", __m256i, _mm256_setzero_si256(),
              __asm__ volatile("" : "+x"(a));
              sum = _mm256_add_epi32(
                  sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), b)))

#undef GOSS_SUM_LOOP
// NOLINTEND(bugprone-macro-parentheses)

#endif

/// Operations of an iteration over vectors of that many products.
constexpr double operationsOf(unsigned products) {
  return 2.0 * sumCount * products;
}

} // namespace

VectorLoop chooseInt8Loop() {
#if defined(__x86_64__)
  if (hasAll({"avx512f", "avx512vnni"}))
    return {"vpdpbusd, 512 bits", operationsOf(64), runVnni512};
  if (hasAll({"avx2", "avxvnni"}))
    return {"vpdpbusd, 256 bits", operationsOf(32), runVnni256};
  if (hasAll({"avx2"}))
    return {"vpmaddubsw, 256 bits", operationsOf(32), runMaddubs256};
#endif
  return {"16-bit multiply and add, 128 bits", operationsOf(8), runInt16Plain};
}

VectorLoop chooseFloat32Loop() {
#if defined(__x86_64__)
  if (hasAll({"avx512f"}))
    return {"fma, 512 bits", operationsOf(16), runFma512};
  if (hasAll({"avx2", "fma"}))
    return {"fma, 256 bits", operationsOf(8), runFma256};
#endif
  return {"multiply and add, 128 bits", operationsOf(4), runFloat32Plain};
}

ReadLoop chooseReadLoop() {
#if defined(__x86_64__)
  if (hasAll({"avx512f"}))
    return readAvx512;
  if (hasAll({"avx2"}))
    return readAvx2;
#endif
  return readPlain;
}

} // namespace gossamer::tools
