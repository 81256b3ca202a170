//===- FuseAttention.cpp - Fuse attention over the cache --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion.h"

namespace gossamer {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

/// attention_scores, mask, softmax_sink, attention_values (the anchor).
struct AttentionFusion {
  static constexpr llvm::StringLiteral name = "fuse-attention";
  using Anchor = AttentionValuesOp;
  struct Match {
    AttentionScoresOp scores;
    MaskOp mask;
    SoftmaxSinkOp softmax;
  };

  static FailureOr<Match> match(AttentionValuesOp values, Refusal &refuse) {
    auto softmax = values.getProbabilities().getDefiningOp<SoftmaxSinkOp>();
    if (!softmax)
      return refuse("the probabilities are not those of a softmax with sink");
    auto mask = softmax.getScores().getDefiningOp<MaskOp>();
    if (!mask)
      return refuse("the scores of the softmax are not masked");
    auto scores = mask.getScores().getDefiningOp<AttentionScoresOp>();
    if (!scores)
      return refuse("the mask is not of attention scores");
    if (!scores.getResult().hasOneUse() || !mask.getResult().hasOneUse() ||
        !softmax.getResult().hasOneUse())
      return refuse("scores or probabilities have other uses");
    if (scores.getLayer() != values.getLayer())
      return refuse("keys are of layer " + Twine(scores.getLayer()) +
                    " but values of layer " + Twine(values.getLayer()));
    if (scores.getCache() != values.getCache())
      return refuse("keys and values are of different states of the cache");
    if (scores.getSequences() != values.getSequences())
      return refuse("keys and values are of different sequences");
    if (mask.getPositions().getType() != scores.getSequences().getType())
      return refuse("positions and sequences differ in type");
    if (scores.getQuery().getType() != values.getType())
      return refuse("queries and result differ in type");
    return Match{scores, mask, softmax};
  }

  static Operation *rewrite(AttentionValuesOp values, const Match &group,
                            PatternRewriter &rewriter) {
    AttentionScoresOp scores = group.scores;
    MaskOp mask = group.mask;
    SoftmaxSinkOp softmax = group.softmax;
    auto attention = AttentionOp::create(
        rewriter, values.getLoc(), scores.getQuery(), scores.getCache(),
        softmax.getSinks(), mask.getPositions(), scores.getSequences(),
        scores.getLayerAttr(), scores.getScaleAttr(), mask.getWindowAttr());
    rewriter.replaceOp(values, attention);
    rewriter.eraseOp(softmax);
    rewriter.eraseOp(mask);
    rewriter.eraseOp(scores);
    return attention;
  }
};

struct FuseAttention final : impl::FuseAttentionBase<FuseAttention> {
  using FuseAttentionBase::FuseAttentionBase;

  void runOnOperation() override {
    if (failed(runFusion<AttentionFusion>(getOperation(), numFused, numMissed)))
      signalPassFailure();
  }
};

} // namespace

void populateFuseAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<FusionPattern<AttentionFusion>>(patterns.getContext());
}

} // namespace gossamer
