//===- RemarkCollector.cpp - Fusions from MLIR's remarks ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/RemarkCollector.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gossamer {
namespace {

/// Turns remarks into records instead of writing them to a file.
class RecordStreamer final : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit RecordStreamer(proto::CompileRecord &record) : record_(record) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    // Analyses, such as the size of the arena, are no fusions.
    if (remark.getRemarkType() != llvm::remarks::Type::Passed &&
        remark.getRemarkType() != llvm::remarks::Type::Missed)
      return;
    proto::FusionRecord &fusion = *record_.add_fusions();
    fusion.set_pass(remark.getCategoryName().str());
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      fusion.mutable_message()->append(argument.val);
    fusion.set_fused(remark.getRemarkType() == llvm::remarks::Type::Passed);
    if (auto name = remark.getLocation()->findInstanceOf<NameLoc>())
      fusion.set_place(name.getName().str());
  }

private:
  proto::CompileRecord &record_;
};

} // namespace

Status collectRemarks(MLIRContext &context, proto::CompileRecord &record) {
  remark::RemarkCategories categories;
  categories.passed = categories.missed = ".*";
  if (failed(remark::enableOptimizationRemarks(
          context, std::make_unique<RecordStreamer>(record),
          std::make_unique<remark::RemarkEmittingPolicyAll>(), categories)))
    return internalError("remarks: cannot be collected");
  return Status::ok();
}

} // namespace gossamer
