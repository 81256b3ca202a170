//===- Random.h - Counter-based random numbers ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As
// Easy as 1, 2, 3", SC 2011). The number for a position is a function of seed
// and position alone: there is no state that batching, streaming or a restart
// could disturb.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_GENERATE_RANDOM_H
#define GOSSAMER_RUNTIME_GENERATE_RANDOM_H

#include <array>
#include <cstdint>

namespace gossamer {

/// Four random words from a counter and a key.
inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                          std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53U} * counter[0];
    uint64_t b = uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9U; // golden ratio.
    key[1] += 0xBB67AE85U; // sqrt(3) - 1.
  }
  return counter;
}

/// The uniform number in [0, 1), a multiple of 2^-53, with which `seed` draws
/// the token at `position` of a sequence.
inline double uniformAt(uint64_t seed, uint64_t position) {
  auto words = philox4x32(
      {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32),
       0, 0},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  uint64_t bits = (uint64_t{words[1]} << 32 | words[0]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_GENERATE_RANDOM_H
