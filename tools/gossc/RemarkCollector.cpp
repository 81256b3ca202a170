//===- RemarkCollector.cpp - Fusions from MLIR's remarks ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/RemarkCollector.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gossamer {
namespace {

/// Turns remarks into records instead of writing them to a file.
class RecordStreamer final : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit RecordStreamer(std::vector<FusionRecord> &fusions)
      : fusions_(fusions) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    // Analyses, such as the size of the arena, are no fusions.
    if (remark.getRemarkType() != llvm::remarks::Type::Passed &&
        remark.getRemarkType() != llvm::remarks::Type::Missed)
      return;
    FusionRecord record;
    record.pass = remark.getCategoryName().str();
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      record.message += argument.val;
    record.fused = remark.getRemarkType() == llvm::remarks::Type::Passed;
    if (auto name = remark.getLocation()->findInstanceOf<NameLoc>())
      record.place = name.getName().str();
    fusions_.push_back(std::move(record));
  }

private:
  std::vector<FusionRecord> &fusions_;
};

} // namespace

Status collectRemarks(MLIRContext &context,
                      std::vector<FusionRecord> &fusions) {
  remark::RemarkCategories categories;
  categories.passed = categories.missed = ".*";
  if (failed(remark::enableOptimizationRemarks(
          context, std::make_unique<RecordStreamer>(fusions),
          std::make_unique<remark::RemarkEmittingPolicyAll>(), categories)))
    return internalError("remarks: cannot be collected");
  return Status::ok();
}

} // namespace gossamer
