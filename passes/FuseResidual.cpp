//===- FuseResidual.cpp - Fuse residual additions ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion.h"

namespace gossamer {
#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

/// A linear or moe, and the add (the anchor) of its result.
struct ResidualFusion {
  static constexpr llvm::StringLiteral name = "fuse-residual";
  using Anchor = AddOp;
  struct Match {
    Operation *product;
    Value residual;
  };

  /// Whether `value` is a product that can take a residual.
  static LogicalResult checkProduct(Value value, Refusal &refuse) {
    Operation *product = value.getDefiningOp();
    if (!product || !isa<LinearOp, MoeOp>(product))
      return refuse("no operand is the result of gptoss.linear or gptoss.moe");
    StringRef name = product->getName().getStringRef();
    if (!value.hasOneUse())
      return refuse("the result of " + name + " has other uses");
    Value residual = isa<LinearOp>(product)
                         ? cast<LinearOp>(product).getResidual()
                         : cast<MoeOp>(product).getResidual();
    if (residual)
      return refuse(name + " has a residual already");
    return success();
  }

  static FailureOr<Match> match(AddOp add, Refusal &refuse) {
    // Where both could take the other one, the later product does: the earlier
    // one is then the stream that it adds to.
    Value lhs = add.getLhs(), rhs = add.getRhs();
    if (lhs.getDefiningOp() && rhs.getDefiningOp() &&
        lhs.getParentBlock() == rhs.getParentBlock() &&
        rhs.getDefiningOp()->isBeforeInBlock(lhs.getDefiningOp()))
      std::swap(lhs, rhs);
    Refusal rhsRefusal;
    if (succeeded(checkProduct(rhs, rhsRefusal)))
      return Match{rhs.getDefiningOp(), lhs};
    if (succeeded(checkProduct(lhs, refuse)))
      return Match{lhs.getDefiningOp(), rhs};
    // The reason of a product says more than that an operand is none.
    if (isa_and_present<LinearOp, MoeOp>(rhs.getDefiningOp()))
      return refuse(rhsRefusal.reason);
    return failure();
  }

  static Operation *rewrite(AddOp add, const Match &group,
                            PatternRewriter &rewriter) {
    Operation *fused = nullptr;
    // Made at the addition, where the residual is certain to be there.
    if (auto linear = dyn_cast<LinearOp>(group.product))
      fused = LinearOp::create(rewriter, add.getLoc(), linear.getInput(),
                               linear.getWeight(), linear.getBias(),
                               group.residual);
    else {
      auto moe = cast<MoeOp>(group.product);
      fused = MoeOp::create(
          rewriter, add.getLoc(), moe.getType(), moe.getInput(),
          moe.getRouter(), moe.getRouterBias(), moe.getGateUp(),
          moe.getGateUpBias(), moe.getDown(), moe.getDownBias(), group.residual,
          moe.getKAttr(), moe.getAlphaAttr(), moe.getLimitAttr());
    }
    rewriter.replaceOp(add, fused);
    rewriter.eraseOp(group.product);
    return fused;
  }
};

struct FuseResidual final : impl::FuseResidualBase<FuseResidual> {
  using FuseResidualBase::FuseResidualBase;

  void runOnOperation() override {
    if (failed(runFusion<ResidualFusion>(getOperation(), numFused, numMissed)))
      signalPassFailure();
  }
};

} // namespace

void populateFuseResidualPatterns(RewritePatternSet &patterns) {
  patterns.add<FusionPattern<ResidualFusion>>(patterns.getContext());
}

} // namespace gossamer
