//===- Handlers.h - Control, memory and warps -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Handlers that the decoder names, with what they take of an instruction.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_HANDLERS_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_HANDLERS_H

#include "tests/gpu-interpreter/Program.h"

namespace gossamer::cuda::testing {

/// result = operand 0, of planes whose elements have `size` bytes, in active
/// threads only.
Handler copyHandler(uint32_t size);

// Control.cpp -----------------------------------------------------------------

/// scf.for over (from, to, step) with the counter `result`.
bool beginLoop(Execution &x, const Instruction &i);
/// Leaves to `target` when no thread is in the loop any more.
bool testLoop(Execution &x, const Instruction &i);
/// Adds the step, back to `target`.
bool nextLoop(Execution &x, const Instruction &i);

/// scf.if of condition operand 0; `target` is the other branch, or the end.
bool beginIf(Execution &x, const Instruction &i);
/// The other branch; `target` is the end.
bool elseIf(Execution &x, const Instruction &i);
bool endIf(Execution &x, const Instruction &i);

/// gpu.block_id in dimension `number`.
bool blockId(Execution &x, const Instruction &i);
bool barrier(Execution &x, const Instruction &i);

// MemoryAccess.cpp ------------------------------------------------------------

/// Offset `result` = operand 0 + operand 1 (an integer of `size` bytes) times
/// `number`.
Handler moveHandler(uint32_t size);
/// The list's planes, of elements of `size` bytes, to or from the region
/// operand 1 at offset operand 0; `number` is the alignment.
Handler loadHandler(uint32_t size);
Handler storeHandler(uint32_t size);

/// result = what was in region operand 1 at offset operand 0, an i32; leaves it
/// larger by operand 2.
bool addAtomically(Execution &x, const Instruction &i);

/// Elements of a vector in others of a different size: an element of `to`
/// bytes that begins `number` bits into operand 0,
Handler narrowHandler(uint32_t from, uint32_t to);
/// or one made of the list's elements, lowest first.
Handler widenHandler(uint32_t from, uint32_t to);

// Warp.cpp --------------------------------------------------------------------

/// gpu.shuffle of operand 0, by operand 1.
bool shuffleXor(Execution &x, const Instruction &i);
bool shuffleIdx(Execution &x, const Instruction &i);
/// nvvm.mma.sync m16n8k16, bf16 to f32: the list has D (4), A (4), B (2), C
/// (4).
bool multiplyMatrices(Execution &x, const Instruction &i);
/// nvvm.ldmatrix to the list's planes from region operand 1 at offset operand
/// 0; `number` 1: transposed.
bool loadMatrices(Execution &x, const Instruction &i);

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_HANDLERS_H
