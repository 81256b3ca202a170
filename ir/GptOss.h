//===- GptOss.h - The gptoss dialect ----------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Everything public of the dialect: types, attributes, interfaces, operations.
// The reference with all formulas and constraints is docs/reference/Dialect.md,
// generated from the .td files of this folder.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSS_H
#define GOSSAMER_IR_GPTOSS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/bit.h"

namespace mlir::gptoss {

/// A double as a parameter of attributes: compared and hashed by its bits.
struct Real {
  Real(double value = 0.0) : value(value) {}
  operator double() const { return value; }
  friend bool operator==(Real a, Real b) {
    return llvm::bit_cast<uint64_t>(a.value) ==
           llvm::bit_cast<uint64_t>(b.value);
  }
  // NOLINTNEXTLINE(readability-identifier-naming): found by this name.
  friend llvm::hash_code hash_value(Real real) {
    return llvm::hash_value(llvm::bit_cast<uint64_t>(real.value));
  }
  double value;
};

/// Prints the shortest decimal that reads back as the same double.
void printReal(AsmPrinter &printer, Real real);

/// Sizes of a step, for costs.
struct StepSize {
  int64_t tokens = 1;  ///< T.
  int64_t outputs = 1; ///< R, rows of logits.
  int64_t keys = 1;    ///< keys that a token of a full layer sees.
};

/// What one execution of an operation costs. Upper bounds where it depends on
/// data: every chosen expert of a step is counted as a different one.
struct Cost {
  double flops = 0;           ///< floating-point operations, an FMA is two.
  double weightBytes = 0;     ///< bytes of parameters read.
  double activationBytes = 0; ///< bytes of buffers and cache read and written.
};

/// Cost of an operation of the graph or fused level; zero for others.
Cost computeCost(Operation *op, const StepSize &size);

} // namespace mlir::gptoss

namespace mlir {
template <> struct FieldParser<gptoss::Real> {
  static FailureOr<gptoss::Real> parse(AsmParser &parser);
};
} // namespace mlir

#include "ir/GptOssDialect.h.inc"
#include "ir/GptOssEnums.h.inc"
#include "ir/GptOssInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/GptOssAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "ir/GptOssTypes.h.inc"

#define GET_OP_CLASSES
#include "ir/GptOssOps.h.inc"

#endif // GOSSAMER_IR_GPTOSS_H
