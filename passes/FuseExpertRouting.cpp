//===- FuseExpertRouting.cpp - Fuse a mixture of experts --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion.h"

namespace gossamer {
#define GEN_PASS_DEF_FUSEEXPERTROUTING
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

/// Router linear, top_k, softmax; expert_linear, swiglu, expert_linear;
/// weighted_sum (the anchor).
struct ExpertFusion {
  static constexpr llvm::StringLiteral name = "fuse-expert-routing";
  using Anchor = WeightedSumOp;
  struct Match {
    LinearOp router;
    TopKOp choice;
    SoftmaxOp softmax;
    ExpertLinearOp gateUp;
    SwigluOp activation;
    ExpertLinearOp down;
  };

  /// Finds the group by its data flow.
  static FailureOr<Match> collect(WeightedSumOp sum, Refusal &refuse) {
    Match group;
    group.down = sum.getInput().getDefiningOp<ExpertLinearOp>();
    if (!group.down)
      return refuse("the summands are not those of an expert product");
    group.activation = group.down.getInput().getDefiningOp<SwigluOp>();
    if (!group.activation)
      return refuse("the second expert product has no swiglu before it");
    group.gateUp = group.activation.getInput().getDefiningOp<ExpertLinearOp>();
    if (!group.gateUp)
      return refuse("the swiglu is not of an expert product");
    group.softmax = sum.getWeights().getDefiningOp<SoftmaxOp>();
    if (!group.softmax)
      return refuse("the weights are not those of a softmax");
    group.choice = group.softmax.getInput().getDefiningOp<TopKOp>();
    if (!group.choice || group.choice.getValues() != group.softmax.getInput())
      return refuse("the softmax is not of the largest router logits");
    group.router = group.choice.getInput().getDefiningOp<LinearOp>();
    if (!group.router)
      return refuse("the choice is not of router logits");
    return group;
  }

  static FailureOr<Match> match(WeightedSumOp sum, Refusal &refuse) {
    FailureOr<Match> group = collect(sum, refuse);
    if (failed(group))
      return failure();
    Value indices = group->choice.getIndices();
    if (group->gateUp.getIndices() != indices ||
        group->down.getIndices() != indices)
      return refuse("the expert products are not of the router's choice");
    if (group->gateUp.getInput() != group->router.getInput())
      return refuse("router and experts have different inputs");
    if (!group->router.getBias())
      return refuse("the router has no bias");
    if (group->router.getResidual())
      return refuse("the router has a residual");
    if (group->router.getInput().getType() != sum.getType())
      return refuse("input and result differ in type");
    Value intermediates[] = {
        group->router.getResult(),     group->choice.getValues(),
        group->softmax.getResult(),    group->gateUp.getResult(),
        group->activation.getResult(), group->down.getResult()};
    for (Value value : intermediates)
      if (!value.hasOneUse())
        return refuse("the result of " +
                      value.getDefiningOp()->getName().getStringRef() +
                      " has other uses");
    if (!indices.hasNUses(2))
      return refuse("the chosen experts have other uses");
    return group;
  }

  static Operation *rewrite(WeightedSumOp sum, const Match &match,
                            PatternRewriter &rewriter) {
    Match group = match;
    auto moe = MoeOp::create(
        rewriter, sum.getLoc(), sum.getType(), group.router.getInput(),
        group.router.getWeight(), group.router.getBias(),
        group.gateUp.getWeight(), group.gateUp.getBias(),
        group.down.getWeight(), group.down.getBias(), /*residual=*/Value(),
        group.choice.getKAttr(), group.activation.getAlphaAttr(),
        group.activation.getLimitAttr());
    rewriter.replaceOp(sum, moe);
    Operation *dead[] = {group.down,    group.activation, group.gateUp,
                         group.softmax, group.choice,     group.router};
    for (Operation *op : dead)
      rewriter.eraseOp(op);
    return moe;
  }
};

struct FuseExpertRouting final
    : impl::FuseExpertRoutingBase<FuseExpertRouting> {
  using FuseExpertRoutingBase::FuseExpertRoutingBase;

  void runOnOperation() override {
    if (failed(runFusion<ExpertFusion>(getOperation(), numFused, numMissed)))
      signalPassFailure();
  }
};

} // namespace

void populateFuseExpertRoutingPatterns(RewritePatternSet &patterns) {
  patterns.add<FusionPattern<ExpertFusion>>(patterns.getContext());
}

} // namespace gossamer
