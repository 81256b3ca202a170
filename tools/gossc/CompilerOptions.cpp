//===- CompilerOptions.cpp - What to compile, and how ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/CompilerOptions.h"

#include "tools/gossc/PassWatch.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace gossamer {

llvm::StringRef stringifyEmitLevel(EmitLevel level) {
  switch (level) {
  case EmitLevel::Graph:
    return "graph";
  case EmitLevel::Fused:
    return "fused";
  case EmitLevel::Plan:
    return "plan";
  case EmitLevel::LLVM:
    return "llvm";
  case EmitLevel::Assembly:
    return "asm";
  case EmitLevel::Object:
    return "obj";
  case EmitLevel::Artifact:
    return "artifact";
  }
  return "";
}

llvm::ArrayRef<llvm::StringRef> getStageNames() {
  static constexpr llvm::StringRef names[] = {"read", "graph", "fuse",
                                              "plan", "lower", "emit"};
  return names;
}

llvm::StringRef getCacheType(const CompilerOptions &options) {
  if (!options.cacheType.empty())
    return options.cacheType;
  return options.codegen.math == MathMode::Int8 ? "bf16" : "f32";
}

/// "rope" and "fuse-rope" both name the pass.
static std::string getFusionPass(StringRef name) {
  return name.starts_with("fuse-") ? name.str() : "fuse-" + name.str();
}

Status checkFusionNames(const CompilerOptions &options) {
  for (const std::string &name : options.disabledFusions) {
    if (llvm::is_contained(getFusionNames(), getFusionPass(name)))
      continue;
    std::string message = "--disable-fusion expects one of";
    for (StringRef fusion : getFusionNames())
      message.append(" ").append(fusion.drop_front(5));
    return usageError(message.append(" but got '").append(name).append("'"));
  }
  return Status::ok();
}

std::string getFusePipeline(const CompilerOptions &options) {
  // Level 0 is the oracle: the graph as it was built.
  if (options.codegen.optLevel == 0)
    return "";
  std::string list;
  for (const std::string &name : options.disabledFusions)
    list += (list.empty() ? "" : ",") + getFusionPass(name);
  return list.empty() ? "gptoss-fuse" : "gptoss-fuse{disable=" + list + "}";
}

std::string getPlanPipeline(const CompilerOptions &options,
                            const Backend &backend) {
  auto flag = [](bool value) { return value ? "true" : "false"; };
  return "gptoss-plan{max-tokens=" + std::to_string(options.maxTokensPerStep) +
         " activation-parts=" +
         std::to_string(backend.activationParts(options.codegen.math)) +
         " merge-launches=" +
         flag(backend.mergesLaunches() && options.codegen.optLevel > 0) +
         " pack-mxfp4=" + flag(options.packWeights) +
         " dense=" + stringifyDenseForm(options.dense).str() + "}";
}

Status checkPassNames(const CompilerOptions &options, const Backend &backend,
                      const TargetOptions &target) {
  OpPassManager manager(ModuleOp::getOperationName());
  std::string fuse = getFusePipeline(options);
  if ((!fuse.empty() && failed(parsePassPipeline(fuse, manager))) ||
      failed(parsePassPipeline(getPlanPipeline(options, backend), manager)))
    return internalError("a pipeline cannot be parsed");
  backend.buildPipeline(manager, target);
  std::vector<std::string> known = listPasses(manager);
  for (const std::string &name : options.printAfter)
    if (name != "all")
      GOSS_RETURN_IF_ERROR(
          checkPassName("--print-ir-after expects all or a pass",
                        getShortPassName(name), known));
  StringRef until = getShortPassName(options.until);
  if (until.empty() || llvm::is_contained(getStageNames(), until))
    return Status::ok();
  return checkPassName("--until expects a stage (" +
                           llvm::join(getStageNames(), ", ") + ") or a pass",
                       until, known);
}

} // namespace gossamer
