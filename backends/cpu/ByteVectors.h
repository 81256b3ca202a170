//===- ByteVectors.h - Operations on vectors of 64 bytes --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The few byte operations that integer products are made of, each as the best
// the target has; all targets give the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_BYTEVECTORS_H
#define GOSSAMER_BACKENDS_CPU_BYTEVECTORS_H

#include "backends/cpu/KernelBuilder.h"

#include <array>

namespace gossamer::cpu {

/// acc[l] + sum over the four bytes of lane l of u * s, u unsigned, s signed:
/// vector<16xi32> from vectors of 64 bytes. Exact while it fits an i32.
Value dotBytes(KernelBuilder &k, Value acc, Value u, Value s);

/// 12 + 2 w for the 4-bit floats w whose codes are the lower and the upper
/// halves of 64 bytes.
std::pair<Value, Value> decodeHalves(KernelBuilder &k, Value bytes);

/// 16 vectors of 16 words, each four blocks of four words of a row: returns
/// [block][word], the words of the 16 rows.
std::array<std::array<Value, 4>, 4> transposeBlocks(KernelBuilder &k,
                                                    llvm::ArrayRef<Value> rows);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_BYTEVECTORS_H
