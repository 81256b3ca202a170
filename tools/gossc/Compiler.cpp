//===- Compiler.cpp - From a checkpoint to an artifact --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/Compiler.h"

#include "backends/cpu/CpuBackend.h"
#include "frontend/graph/GraphBuilder.h"
#include "ir/GptOss.h"
#include "passes/Passes.h"
#include "runtime/support/AtomicFile.h"
#include "tools/gossc/ArtifactBuilder.h"
#include "tools/gossc/PlanSummary.h"
#include "tools/gossc/RecordBuilder.h"
#include "tools/gossc/RemarkCollector.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

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

llvm::StringRef getCacheType(const CompilerOptions &options) {
  if (!options.cacheType.empty())
    return options.cacheType;
  return options.codegen.math == MathMode::Int8 ? "bf16" : "f32";
}

namespace {

int64_t countOperations(ModuleOp module) {
  int64_t count = 0;
  module->walk([&](Operation *) { ++count; });
  return count;
}

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  // Locations carry the names of layers; values are named after them too.
  OpPrintingFlags flags;
  flags.enableDebugInfo().printNameLocAsPrefix();
  module->print(os, flags);
  os << '\n';
  return text;
}

/// One run of compile(): the state that stages hand on.
class Compilation {
public:
  Compilation(const CompilerOptions &options, const BackendRegistry &registry,
              const StageCallback &finished, const CancelCallback &cancelled)
      : options_(options), registry_(registry), finished_(finished),
        cancelled_(cancelled) {}

  Expected<CompileResult> run();

private:
  Status checkFusions() const;
  Status resolveTarget();
  Status readInput();
  Status prepareContext();
  Status buildModule();
  Status runPipeline(StringRef stage, StringRef pipeline);
  Status lower();
  Status emitCode(EmitStage stage, StringRef name, CompiledCode &code);
  Status buildArtifact(std::string fusedBytecode);
  Status compileStages();
  /// Ends a stage that left a module: times, dumps, and keeps the text where
  /// the compilation stops there.
  Status finishModule(StageTimer &timer, EmitLevel level);
  Status recordModule(EmitLevel level);
  /// Fills in the manifest of a report where no artifact is written.
  Status describe();
  void noteCode(const CompiledCode &code);
  void finishStage(StageTimer &timer, int64_t operations = 0);
  Status dump(StringRef name, StringRef content);
  Status fail(StringRef stage);
  Status checkCancelled() const;
  bool stopsAt(EmitLevel level) const { return options_.emit == level; }
  bool isRecorded() const {
    return options_.report || stopsAt(EmitLevel::Artifact);
  }
  std::string getFusePipeline() const;
  std::string getPlanPipeline() const;
  Status describePlan();

  const CompilerOptions &options_;
  const BackendRegistry &registry_;
  const StageCallback &finished_;
  const CancelCallback &cancelled_;

  const Backend *backend_ = nullptr;
  TargetOptions target_;
  std::unique_ptr<CompilerInput> input_;
  std::unique_ptr<MLIRContext> context_;
  OwningOpRef<ModuleOp> module_;
  OwningOpRef<ModuleOp> plan_; ///< copy of the plan: the manifest's source.
  CompiledCode code_;
  std::vector<std::string> errors_;
  unsigned dumpCount_ = 0;
  CompileResult result_;
};

Status Compilation::checkCancelled() const {
  if (cancelled_ && cancelled_())
    return {StatusCode::Interrupted, "interrupted"};
  return Status::ok();
}

Status Compilation::fail(StringRef stage) {
  std::string reason = errors_.empty() ? "no reason given" : errors_.front();
  std::string message = stage.str() + ": " + reason;
  // A backend can only leave diagnostics: this is how they word a full disk.
  if (StringRef(reason).contains(": cannot write: "))
    return ioError(message);
  return internalError(message);
}

/// "rope" and "fuse-rope" both name the pass.
std::string getFusionPass(StringRef name) {
  return name.starts_with("fuse-") ? name.str() : "fuse-" + name.str();
}

Status Compilation::checkFusions() const {
  for (const std::string &name : options_.disabledFusions) {
    if (llvm::is_contained(getFusionNames(), getFusionPass(name)))
      continue;
    std::string message = "--disable-fusion expects one of";
    for (StringRef fusion : getFusionNames())
      message.append(" ").append(fusion.drop_front(5));
    return usageError(message.append(" but got '").append(name).append("'"));
  }
  return Status::ok();
}

Status Compilation::resolveTarget() {
  backend_ = registry_.lookup(options_.target);
  if (!backend_) {
    std::string known;
    for (const Backend *backend : registry_.list())
      known += (known.empty() ? "" : ", ") + backend->name().str();
    return usageError("--target expects one of " + known + " but got '" +
                      options_.target + "'");
  }
  GOSS_RETURN_IF_ERROR(checkFusions());
  target_ = options_.codegen;
  GOSS_RETURN_IF_ERROR(backend_->resolve(target_));
  CompileReport &report = result_.report;
  report.target = backend_->name().str();
  report.cpu = target_.mcpu;
  report.optLevel = target_.optLevel;
  report.math = stringifyMathMode(target_.math).str();
  report.cacheType = getCacheType(options_).str();
  if (report.cacheType != "f32" && report.cacheType != "bf16")
    return usageError("--cache expects f32 or bf16 but got '" +
                      report.cacheType + "'");
  return Status::ok();
}

Status Compilation::readInput() {
  StageTimer timer(result_.report, "read");
  GOSS_ASSIGN_OR_RETURN(CompilerInput input, CompilerInput::open(options_));
  input_ = std::make_unique<CompilerInput>(std::move(input));
  result_.report.model = input_->describe();
  result_.report.maxContext = input_->maxContext;
  result_.report.notes = input_->checkpoint.notes();
  finishStage(timer);
  return Status::ok();
}

Status Compilation::prepareContext() {
  DialectRegistry dialects;
  backend_->registerDialects(dialects);
  // One thread: the work is small, and diagnostics come in one order.
  context_ =
      std::make_unique<MLIRContext>(dialects, MLIRContext::Threading::DISABLED);
  context_->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors_.push_back(diagnostic.str());
  });
  return collectRemarks(*context_, result_.report.record);
}

Status Compilation::buildModule() {
  StageTimer timer(result_.report, "graph");
  loadGraphDialects(*context_);
  GraphOptions graphOptions;
  graphOptions.maxContext = input_->maxContext;
  graphOptions.cacheElement =
      result_.report.cacheType == "bf16" ? ElementType::BF16 : ElementType::F32;
  FailureOr<OwningOpRef<ModuleOp>> module =
      buildGraph(*context_, input_->checkpoint.config(),
                 input_->checkpoint.parameters(), graphOptions);
  if (failed(module) || failed(verify(**module)))
    return fail("graph");
  module_ = std::move(*module);
  return finishModule(timer, EmitLevel::Graph);
}

Status Compilation::runPipeline(StringRef stage, StringRef pipeline) {
  PassManager manager(context_.get());
  std::string message;
  llvm::raw_string_ostream os(message);
  if (failed(parsePassPipeline(pipeline, manager, os)))
    return internalError(stage.str() + ": " + message);
  if (failed(manager.run(*module_)))
    return fail(stage);
  return Status::ok();
}

std::string Compilation::getFusePipeline() const {
  std::string list;
  for (const std::string &name : options_.disabledFusions)
    list += (list.empty() ? "" : ",") + getFusionPass(name);
  return list.empty() ? "gptoss-fuse" : "gptoss-fuse{disable=" + list + "}";
}

std::string Compilation::getPlanPipeline() const {
  auto flag = [](bool value) { return value ? "true" : "false"; };
  return "gptoss-plan{max-tokens=" + std::to_string(input_->maxTokensPerStep) +
         " activation-parts=" + std::to_string(activationParts(target_.math)) +
         " pack-mxfp4=" + flag(options_.packWeights) +
         " dense-int8=" + flag(options_.denseInt8) + "}";
}

Status Compilation::lower() {
  StageTimer timer(result_.report, "lower");
  PassManager manager(context_.get());
  backend_->buildPipeline(manager, target_);
  if (failed(manager.run(*module_)))
    return fail("lower");
  finishStage(timer, countOperations(*module_));
  return Status::ok();
}

Status Compilation::emitCode(EmitStage stage, StringRef name,
                             CompiledCode &code) {
  FailureOr<CompiledCode> emitted = backend_->emit(*module_, target_, stage);
  if (failed(emitted))
    return fail("emit");
  code = std::move(*emitted);
  return dump(name, code.bytes);
}

Status Compilation::recordModule(EmitLevel level) {
  if (!isRecorded())
    return Status::ok();
  proto::CompileRecord &record = result_.report.record;
  return level == EmitLevel::Plan
             ? recordPlan(*module_, record)
             : recordGraph(stringifyEmitLevel(level), *module_, record);
}

Status Compilation::finishModule(StageTimer &timer, EmitLevel level) {
  GOSS_RETURN_IF_ERROR(recordModule(level));
  finishStage(timer, countOperations(*module_));
  bool wanted = stopsAt(level);
  if (!wanted && options_.dumpDirectory.empty())
    return Status::ok();
  std::string text = printModule(*module_);
  GOSS_RETURN_IF_ERROR(dump((stringifyEmitLevel(level) + ".mlir").str(), text));
  if (wanted)
    result_.text = std::move(text);
  return Status::ok();
}

void Compilation::finishStage(StageTimer &timer, int64_t operations) {
  timer.finish(operations);
  if (finished_)
    finished_(result_.report);
}

Status Compilation::dump(StringRef name, StringRef content) {
  if (options_.dumpDirectory.empty())
    return Status::ok();
  if (std::error_code error =
          llvm::sys::fs::create_directories(options_.dumpDirectory))
    return ioError(options_.dumpDirectory +
                   ": cannot create the directory: " + error.message());
  std::string number = std::to_string(dumpCount_++);
  llvm::SmallString<128> path(options_.dumpDirectory);
  llvm::sys::path::append(path, (number.size() < 2 ? "0" : "") + number + "-" +
                                    name.str());
  return writeFile(path.str().str(), content);
}

Status Compilation::describePlan() {
  GOSS_ASSIGN_OR_RETURN(PlanSummary plan, PlanSummary::create(*plan_));
  CompileReport &report = result_.report;
  report.launchCount = plan.launches.size();
  report.groupCount = plan.groupCount;
  report.arenaBytes = plan.arenaBytes;
  return Status::ok();
}

void Compilation::noteCode(const CompiledCode &code) {
  CompileReport &report = result_.report;
  report.requiredFeatures = code.requiredFeatures;
  report.codeBytes = code.bytes.size();
  report.kernelCount = code.kernels.size();
  report.record.clear_kernel_reasons();
  for (const KernelRecord &kernel : code.kernels)
    report.record.add_kernel_reasons(kernel.reason);
}

Status Compilation::describe() {
  if (!options_.report)
    return checkCancelled();
  ArtifactParts parts{*input_, plan_ ? *plan_ : ModuleOp(), code_, target_, {}};
  GOSS_ASSIGN_OR_RETURN(result_.report.manifest,
                        describeArtifact(options_, parts));
  return checkCancelled();
}

Status Compilation::buildArtifact(std::string fusedBytecode) {
  if (!options_.dumpDirectory.empty()) {
    GOSS_RETURN_IF_ERROR(emitCode(EmitStage::LLVM, "llvm.mlir", code_));
    GOSS_RETURN_IF_ERROR(emitCode(EmitStage::Assembly, "code.s", code_));
  }
  StageTimer emitTimer(result_.report, "emit");
  GOSS_RETURN_IF_ERROR(emitCode(EmitStage::Code, "code.so", code_));
  finishStage(emitTimer);
  GOSS_RETURN_IF_ERROR(checkCancelled());
  noteCode(code_);
  StageTimer writeTimer(result_.report, "write");
  ArtifactParts parts{*input_, *plan_, code_, target_,
                      std::move(fusedBytecode)};
  GOSS_RETURN_IF_ERROR(
      writeArtifact(options_, parts, result_.report, cancelled_));
  finishStage(writeTimer);
  return Status::ok();
}

Status Compilation::compileStages() {
  GOSS_RETURN_IF_ERROR(resolveTarget());
  GOSS_RETURN_IF_ERROR(readInput());
  GOSS_RETURN_IF_ERROR(prepareContext());
  GOSS_RETURN_IF_ERROR(buildModule());
  if (stopsAt(EmitLevel::Graph))
    return describe();
  {
    // Level 0 is the oracle: the graph as it was built.
    StageTimer timer(result_.report, "fuse");
    if (target_.optLevel > 0)
      GOSS_RETURN_IF_ERROR(runPipeline("fuse", getFusePipeline()));
    GOSS_RETURN_IF_ERROR(finishModule(timer, EmitLevel::Fused));
  }
  if (stopsAt(EmitLevel::Fused))
    return describe();
  std::string bytecode;
  if (stopsAt(EmitLevel::Artifact)) {
    GOSS_ASSIGN_OR_RETURN(bytecode, writeGraphBytecode(*module_));
  }
  {
    StageTimer timer(result_.report, "plan");
    GOSS_RETURN_IF_ERROR(runPipeline("plan", getPlanPipeline()));
    GOSS_RETURN_IF_ERROR(finishModule(timer, EmitLevel::Plan));
  }
  plan_ = module_->clone();
  GOSS_RETURN_IF_ERROR(describePlan());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  // A report of the plan names the kernels that the backend would choose.
  if (stopsAt(EmitLevel::Plan) && !options_.report)
    return Status::ok();
  GOSS_RETURN_IF_ERROR(lower());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  if (stopsAt(EmitLevel::Artifact))
    return buildArtifact(std::move(bytecode));
  StageTimer timer(result_.report, "emit");
  EmitStage stage = stopsAt(EmitLevel::Assembly) ? EmitStage::Assembly
                    : stopsAt(EmitLevel::Object) ? EmitStage::Object
                                                 : EmitStage::LLVM;
  GOSS_RETURN_IF_ERROR(
      emitCode(stage, stringifyEmitLevel(options_.emit).str() + ".txt", code_));
  noteCode(code_);
  if (!stopsAt(EmitLevel::Plan))
    result_.text = std::move(code_.bytes);
  finishStage(timer);
  return describe();
}

Expected<CompileResult> Compilation::run() {
  GOSS_RETURN_IF_ERROR(compileStages());
  return std::move(result_);
}

} // namespace

Expected<CompileResult> compile(const CompilerOptions &options,
                                const BackendRegistry &registry,
                                const StageCallback &finished,
                                const CancelCallback &cancelled) {
  registerGossamerPipelines();
  return Compilation(options, registry, finished, cancelled).run();
}

void registerBuiltinBackends(BackendRegistry &registry) {
  cpu::registerCpuBackend(registry);
}

} // namespace gossamer
