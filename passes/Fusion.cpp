//===- Fusion.cpp - What all fusion passes share ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

/// Name of the function around an operation; lives as long as the context.
static StringRef getFunctionName(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function ? function.getName() : StringRef();
}

static remark::RemarkOpts getOptions(StringRef pass, StringRef remark,
                                     Operation *op) {
  return remark::RemarkOpts::name(remark).category(pass).function(
      getFunctionName(op));
}

void gossamer::reportFused(StringRef name, Operation *fused) {
  if (auto remark =
          remark::passed(fused->getLoc(), getOptions(name, "fused", fused)))
    remark << ("fused into " + fused->getName().getStringRef()).str();
}

void gossamer::reportMissed(StringRef name, Operation *anchor,
                            StringRef reason) {
  if (auto remark = remark::missed(anchor->getLoc(),
                                   getOptions(name, "not-fused", anchor)))
    remark << ("not fused: " + reason).str();
}

GreedyRewriteConfig gossamer::getFusionConfig() {
  GreedyRewriteConfig config;
  config.enableFolding(false)
      .enableConstantCSE(false)
      .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return config;
}
