//===- FuseRope.cpp - Fuse the rotary embedding of heads --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion.h"

namespace gossamer {
#define GEN_PASS_DEF_FUSEROPE
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

/// split_half, rotate (the anchor), merge_half.
struct RopeFusion {
  static constexpr llvm::StringLiteral name = "fuse-rope";
  using Anchor = RotateOp;
  struct Match {
    SplitHalfOp split;
    MergeHalfOp merge;
  };

  static FailureOr<Match> match(RotateOp rotate, Refusal &refuse) {
    auto split = rotate.getLow().getDefiningOp<SplitHalfOp>();
    if (!split || rotate.getLow() != split.getLow() ||
        rotate.getHigh() != split.getHigh())
      return refuse("the halves are not those of one head in order");
    if (!split.getLow().hasOneUse() || !split.getHigh().hasOneUse())
      return refuse("the halves have other uses");
    if (!rotate.getNewLow().hasOneUse() || !rotate.getNewHigh().hasOneUse())
      return refuse("the rotated halves have other uses");
    auto merge = dyn_cast<MergeHalfOp>(*rotate.getNewLow().user_begin());
    if (!merge || merge.getLow() != rotate.getNewLow() ||
        merge.getHigh() != rotate.getNewHigh())
      return refuse("the rotated halves are not merged in order");
    return Match{split, merge};
  }

  static Operation *rewrite(RotateOp rotate, const Match &group,
                            PatternRewriter &rewriter) {
    SplitHalfOp split = group.split;
    MergeHalfOp merge = group.merge;
    rewriter.setInsertionPoint(merge);
    auto rope = RopeOp::create(rewriter, merge.getLoc(), split.getInput(),
                               rotate.getCos(), rotate.getSin());
    rewriter.replaceOp(merge, rope);
    rewriter.eraseOp(rotate);
    rewriter.eraseOp(split);
    return rope;
  }
};

struct FuseRope final : impl::FuseRopeBase<FuseRope> {
  using FuseRopeBase::FuseRopeBase;

  void runOnOperation() override {
    if (failed(runFusion<RopeFusion>(getOperation(), numFused, numMissed)))
      signalPassFailure();
  }
};

} // namespace

void populateFuseRopePatterns(RewritePatternSet &patterns) {
  patterns.add<FusionPattern<RopeFusion>>(patterns.getContext());
}

} // namespace gossamer
