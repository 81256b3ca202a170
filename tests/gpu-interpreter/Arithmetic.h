//===- Arithmetic.h - Operations element by element -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_ARITHMETIC_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_ARITHMETIC_H

#include "tests/gpu-interpreter/Program.h"

namespace gossamer::cuda::testing {

/// The handler of an operation that computes each element of its result from
/// the elements at the same place of its operands; null if it is not in the
/// level, or not for its types.
Handler arithmeticHandler(mlir::Operation *op);

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_ARITHMETIC_H
