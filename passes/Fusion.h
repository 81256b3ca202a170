//===- Fusion.h - What all fusion passes share ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to passes/. A fusion is a struct F with
//
//   static constexpr llvm::StringLiteral name;  // "fuse-rope": remark category
//   using Anchor = ...;                         // operation that starts a
//   match struct Match { ... };                       // the group of
//   operations static mlir::FailureOr<Match> match(Anchor anchor, Refusal
//   &refuse); static mlir::Operation *rewrite(Anchor, const Match &,
//   PatternRewriter &);
//
// and FusionPattern makes a rewrite pattern of it. Refusals are reported once,
// after all patterns are applied, and not on each of the driver's attempts.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_FUSION_H
#define GOSSAMER_PASSES_FUSION_H

#include "ir/GptOss.h"
#include "passes/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gossamer {

/// Holds why a group of operations is not fused.
struct Refusal {
  std::string reason;

  mlir::LogicalResult operator()(const llvm::Twine &why) {
    reason = why.str();
    return mlir::failure();
  }
};

/// Emits "fused into gptoss.rope" as a remark of category `name`.
void reportFused(llvm::StringRef name, mlir::Operation *fused);

/// Emits "not fused: reason" as a remark of category `name`.
void reportMissed(llvm::StringRef name, mlir::Operation *anchor,
                  llvm::StringRef reason);

/// Settings of the greedy driver: a fusion folds and cleans up nothing else.
mlir::GreedyRewriteConfig getFusionConfig();

template <typename F>
class FusionPattern final : public mlir::OpRewritePattern<typename F::Anchor> {
public:
  explicit FusionPattern(mlir::MLIRContext *context,
                         mlir::Pass::Statistic *count = nullptr)
      : mlir::OpRewritePattern<typename F::Anchor>(context), count_(count) {}

  mlir::LogicalResult
  matchAndRewrite(typename F::Anchor anchor,
                  mlir::PatternRewriter &rewriter) const override {
    Refusal refuse;
    mlir::FailureOr<typename F::Match> match = F::match(anchor, refuse);
    if (failed(match))
      return rewriter.notifyMatchFailure(anchor, refuse.reason);
    reportFused(F::name, F::rewrite(anchor, *match, rewriter));
    if (count_)
      ++*count_;
    return mlir::success();
  }

private:
  mlir::Pass::Statistic *count_;
};

/// Applies a fusion everywhere in `root`, then reports the groups left.
template <typename F>
mlir::LogicalResult runFusion(mlir::Operation *root,
                              mlir::Pass::Statistic &fused,
                              mlir::Pass::Statistic &missed) {
  mlir::RewritePatternSet patterns(root->getContext());
  patterns.add<FusionPattern<F>>(root->getContext(), &fused);
  if (failed(mlir::applyPatternsGreedily(root, std::move(patterns),
                                         getFusionConfig())))
    return root->emitError() << F::name << " does not converge";
  root->walk([&](typename F::Anchor anchor) {
    Refusal refuse;
    if (failed(F::match(anchor, refuse))) {
      reportMissed(F::name, anchor, refuse.reason);
      ++missed;
    }
  });
  return mlir::success();
}

} // namespace gossamer

#endif // GOSSAMER_PASSES_FUSION_H
