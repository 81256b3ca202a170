//===- GptOssFusedOps.cpp - Operations of the fused level -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"
#include "ir/Verification.h"

using namespace mlir;
using namespace mlir::gptoss;
using namespace mlir::gptoss::detail;

LogicalResult RopeOp::verify() {
  RankedTensorType input = getInput().getType(), table = getCos().getType();
  if (input.getDimSize(2) != multiplyDims(table.getDimSize(1), 2))
    return emitOpError() << "expects a head dimension of twice the tables' "
                         << dimText(table.getDimSize(1)) << " columns but got "
                         << dimText(input.getDimSize(2));
  return verifyTokens(*this, input, table);
}

LogicalResult AttentionOp::verify() {
  RankedTensorType query = getQuery().getType();
  if (failed(verifyQueries(*this, query)) ||
      failed(verifyWindow(*this, getWindow())))
    return failure();
  if (failed(verifyDim(*this, "sinks", query.getDimSize(1),
                       getSinks().getType().getDimSize(0))))
    return failure();
  return verifyTokens(*this, query, getPositions().getType());
}

StringRef MoeOp::getKernelOperation() { return ""; }

LogicalResult MoeOp::verify() {
  int64_t columns = getInput().getType().getDimSize(1);
  WeightType router = getRouter().getType(), gateUp = getGateUp().getType(),
             down = getDown().getType();
  int64_t experts = router.getDimSize(0), width = down.getDimSize(2);
  struct {
    StringRef what;
    int64_t expected, got;
  } checks[] = {
      {"columns of the router", columns, router.getDimSize(1)},
      {"elements of the router bias", experts,
       getRouterBias().getType().getDimSize(0)},
      {"experts of gate_up", experts, gateUp.getDimSize(0)},
      {"rows of gate_up", 2 * width, gateUp.getDimSize(1)},
      {"columns of gate_up", columns, gateUp.getDimSize(2)},
      {"experts of the gate_up bias", experts,
       getGateUpBias().getType().getDimSize(0)},
      {"columns of the gate_up bias", 2 * width,
       getGateUpBias().getType().getDimSize(1)},
      {"experts of down", experts, down.getDimSize(0)},
      {"rows of down", columns, down.getDimSize(1)},
      {"experts of the down bias", experts,
       getDownBias().getType().getDimSize(0)},
      {"columns of the down bias", columns,
       getDownBias().getType().getDimSize(1)},
  };
  for (auto &check : checks)
    if (failed(verifyDim(*this, check.what, check.expected, check.got)))
      return failure();
  if (getResidual() && getResidual().getType() != getType())
    return emitOpError() << "expects a residual of type " << getType()
                         << " but got " << getResidual().getType();
  if (failed(verifyChoice(*this, getK(), experts)))
    return failure();
  return verifyGate(*this, getAlpha(), getLimit());
}
