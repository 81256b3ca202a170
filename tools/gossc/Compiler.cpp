//===- Compiler.cpp - From a checkpoint to an artifact --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/Compiler.h"

#include "backends/cpu/CpuBackend.h"
#include "backends/cuda/CudaBackend.h"
#include "frontend/graph/GraphBuilder.h"
#include "ir/GptOss.h"
#include "passes/Passes.h"
#include "tools/gossc/ArtifactBuilder.h"
#include "tools/gossc/PassWatch.h"
#include "tools/gossc/PlanSummary.h"
#include "tools/gossc/RecordBuilder.h"
#include "tools/gossc/RemarkCollector.h"
#include "tools/gossc/StageDump.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"

#include <optional>

using namespace mlir;

namespace gossamer {

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
  Status prepareDump();
  Status resolveTarget();
  Status readInput();
  Status prepareContext();
  Status buildModule();
  Status runPipeline(StringRef stage, StringRef pipeline);
  Status lower();
  Status emitCode(EmitStage stage, CompiledCode &code);
  Status fuse();
  Status plan();
  Status buildArtifact(std::string fusedBytecode);
  Status emitText();
  Status compileStages();
  /// Ends a stage that left a module: times, dumps, and keeps the text where
  /// the compilation stops there. `pipeline` made it.
  Status finishModule(StageTimer &timer, EmitLevel level, StringRef pipeline);
  Status recordModule(EmitLevel level);
  /// Fills in the manifest of a report where no artifact is written.
  Status describe();
  void noteCode(const CompiledCode &code);
  void finishStage(StageTimer &timer, int64_t operations = 0);
  void finishPass(StringRef pass, ModuleOp module);
  Status runPasses(StringRef stage, PassManager &manager);
  Status dumpCode();
  Status fail(StringRef stage);
  Status checkCancelled() const;
  bool stopsAt(EmitLevel level) const { return options_.emit == level; }
  bool isRecorded() const {
    return options_.report || options_.writesArtifact();
  }
  /// Whether the compilation ends with the stage that has just run.
  bool endsWith(StringRef stage) const {
    return options_.until == stage || watch_.hasStopped();
  }
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
  PassWatch watch_{
      [this](StringRef pass, ModuleOp module) { finishPass(pass, module); }};
  Status passStatus_; ///< of what was done between passes.
  std::optional<StageDump> dump_;
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

Status Compilation::prepareDump() {
  if (options_.dumpDirectory.empty())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(dump_, StageDump::create(options_.dumpDirectory));
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
  GOSS_RETURN_IF_ERROR(checkFusionNames(options_));
  target_ = options_.codegen;
  GOSS_RETURN_IF_ERROR(backend_->resolve(target_));
  // 8-bit weights are multiplied with int8 activations only.
  if (options_.dense != DenseForm::Kept &&
      backend_->activationParts(target_.math) == 0)
    return usageError("--dense expects bf16 for the target " + options_.target +
                      " but got " + stringifyDenseForm(options_.dense).str());
  CompileReport &report = result_.report;
  report.target = backend_->name().str();
  report.cpu = target_.chip.empty() ? target_.mcpu : target_.chip;
  report.optLevel = target_.optLevel;
  report.math = stringifyMathMode(target_.math).str();
  report.cacheType = getCacheType(options_).str();
  if (report.cacheType != "f32" && report.cacheType != "bf16")
    return usageError("--cache expects f32 or bf16 but got '" +
                      report.cacheType + "'");
  GOSS_RETURN_IF_ERROR(checkPassNames(options_, *backend_, target_));
  return prepareDump();
}

Status Compilation::readInput() {
  StageTimer timer(result_.report, "read");
  GOSS_ASSIGN_OR_RETURN(CompilerInput input, CompilerInput::open(options_));
  input_ = std::make_unique<CompilerInput>(std::move(input));
  result_.report.model = input_->describe();
  result_.report.maxContext = input_->maxContext;
  result_.report.notes = input_->checkpoint.notes();
  if (input_->embedWeights && !options_.embedWeights)
    result_.report.notes.push_back("the weights of a " +
                                   input_->checkpoint.form() +
                                   " checkpoint are stored in the artifact "
                                   "(--weights=embed)");
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
  if (!options_.until.empty())
    watch_.stopAfter(*context_, getShortPassName(options_.until).str());
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
  return finishModule(timer, EmitLevel::Graph, "");
}

Status Compilation::runPipeline(StringRef stage, StringRef pipeline) {
  if (pipeline.empty())
    return Status::ok();
  PassManager manager(context_.get());
  std::string message;
  llvm::raw_string_ostream os(message);
  if (failed(parsePassPipeline(pipeline, manager, os)))
    return internalError(stage.str() + ": " + message);
  return runPasses(stage, manager);
}

Status Compilation::runPasses(StringRef stage, PassManager &manager) {
  watch_.attach(manager);
  if (failed(manager.run(*module_)))
    return fail(stage);
  return passStatus_;
}

void Compilation::finishPass(StringRef pass, ModuleOp module) {
  bool isShown = llvm::any_of(options_.printAfter, [&](StringRef name) {
    return name == "all" || getShortPassName(name) == pass;
  });
  std::string text = isShown ? printModule(module) : "";
  if (isShown && !dump_)
    llvm::errs() << "// After " << pass << "\n" << text;
  if (isShown && dump_ && passStatus_.isOk())
    passStatus_ = dump_->addPass(pass, text);
  if (dump_ && pass == getShortPassName(backend_->loopsPass()))
    dump_->keepLoops(module, printModule(module));
}

Status Compilation::lower() {
  StageTimer timer(result_.report, "lower");
  PassManager manager(context_.get());
  backend_->buildPipeline(manager, target_);
  // Kernels are thousands of operations: verified after each of the passes (as
  // goss-opt does) they would take half as long again to lower.
  manager.enableVerifier(false);
  GOSS_RETURN_IF_ERROR(runPasses("lower", manager));
  if (failed(verify(*module_)))
    return fail("lower");
  finishStage(timer, countOperations(*module_));
  if (dump_ && watch_.hasStopped())
    return dump_->addModule(getShortPassName(options_.until), *module_,
                            printModule(*module_), "", 0);
  return Status::ok();
}

/// The texts between plan and code, as far as the compilation goes.
Status Compilation::dumpCode() {
  auto emit = [this](EmitStage stage, CompiledCode &code) {
    return emitCode(stage, code);
  };
  bool isLast = stopsAt(EmitLevel::LLVM) || options_.until == "lower";
  return dump_->addCode(*backend_, target_, *plan_, *module_,
                        isLast ? EmitStage::LLVM : EmitStage::Assembly, emit);
}

Status Compilation::emitCode(EmitStage stage, CompiledCode &code) {
  FailureOr<CompiledCode> emitted = backend_->emit(*module_, target_, stage);
  if (failed(emitted))
    return fail("emit");
  code = std::move(*emitted);
  return Status::ok();
}

Status Compilation::recordModule(EmitLevel level) {
  // A stage that was cut short has left no level.
  if (!isRecorded() || watch_.hasStopped())
    return Status::ok();
  proto::CompileRecord &record = result_.report.record;
  return level == EmitLevel::Plan
             ? recordPlan(*module_, record)
             : recordGraph(stringifyEmitLevel(level), *module_, record);
}

Status Compilation::finishModule(StageTimer &timer, EmitLevel level,
                                 StringRef pipeline) {
  GOSS_RETURN_IF_ERROR(recordModule(level));
  finishStage(timer, countOperations(*module_));
  bool wanted = stopsAt(level);
  if (!wanted && !dump_)
    return Status::ok();
  std::string text = printModule(*module_);
  if (dump_) {
    // A stage that --until has cut short has the name of its last pass.
    bool isWhole = !watch_.hasStopped();
    GOSS_RETURN_IF_ERROR(dump_->addModule(
        isWhole ? stringifyEmitLevel(level) : getShortPassName(options_.until),
        *module_, text, isWhole ? pipeline.str() : "",
        result_.report.stages.back().seconds()));
  }
  if (wanted)
    result_.text = std::move(text);
  return Status::ok();
}

void Compilation::finishStage(StageTimer &timer, int64_t operations) {
  timer.finish(operations);
  if (finished_)
    finished_(result_.report);
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
  report.notes.insert(report.notes.end(), code.warnings.begin(),
                      code.warnings.end());
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
  StageTimer emitTimer(result_.report, "emit");
  GOSS_RETURN_IF_ERROR(emitCode(EmitStage::Code, code_));
  finishStage(emitTimer);
  GOSS_RETURN_IF_ERROR(checkCancelled());
  noteCode(code_);
  if (endsWith("emit"))
    return describe();
  StageTimer writeTimer(result_.report, "write");
  ArtifactParts parts{*input_, *plan_, code_, target_,
                      std::move(fusedBytecode)};
  GOSS_RETURN_IF_ERROR(
      writeArtifact(options_, parts, result_.report, cancelled_));
  finishStage(writeTimer);
  return Status::ok();
}

Status Compilation::emitText() {
  StageTimer timer(result_.report, "emit");
  EmitStage stage = stopsAt(EmitLevel::Assembly) ? EmitStage::Assembly
                    : stopsAt(EmitLevel::Object) ? EmitStage::Object
                                                 : EmitStage::LLVM;
  GOSS_RETURN_IF_ERROR(emitCode(stage, code_));
  noteCode(code_);
  if (!stopsAt(EmitLevel::Plan))
    result_.text = std::move(code_.bytes);
  finishStage(timer);
  return describe();
}

Status Compilation::fuse() {
  StageTimer timer(result_.report, "fuse");
  std::string pipeline = getFusePipeline(options_);
  GOSS_RETURN_IF_ERROR(runPipeline("fuse", pipeline));
  return finishModule(timer, EmitLevel::Fused, pipeline);
}

Status Compilation::plan() {
  StageTimer timer(result_.report, "plan");
  std::string pipeline = getPlanPipeline(options_, *backend_);
  GOSS_RETURN_IF_ERROR(runPipeline("plan", pipeline));
  GOSS_RETURN_IF_ERROR(finishModule(timer, EmitLevel::Plan, pipeline));
  if (watch_.hasStopped())
    return Status::ok();
  plan_ = module_->clone();
  return describePlan();
}

Status Compilation::compileStages() {
  GOSS_RETURN_IF_ERROR(resolveTarget());
  GOSS_RETURN_IF_ERROR(readInput());
  if (endsWith("read"))
    return describe();
  GOSS_RETURN_IF_ERROR(prepareContext());
  GOSS_RETURN_IF_ERROR(buildModule());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  if (stopsAt(EmitLevel::Graph) || endsWith("graph"))
    return describe();
  GOSS_RETURN_IF_ERROR(fuse());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  if (stopsAt(EmitLevel::Fused) || endsWith("fuse"))
    return describe();
  std::string bytecode;
  if (options_.writesArtifact()) {
    GOSS_ASSIGN_OR_RETURN(bytecode, writeGraphBytecode(*module_));
  }
  GOSS_RETURN_IF_ERROR(plan());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  // A report of the plan names the kernels that the backend would choose.
  if (endsWith("plan") || (stopsAt(EmitLevel::Plan) && !options_.report))
    return describe();
  GOSS_RETURN_IF_ERROR(lower());
  GOSS_RETURN_IF_ERROR(checkCancelled());
  if (dump_ && !watch_.hasStopped())
    GOSS_RETURN_IF_ERROR(dumpCode());
  if (endsWith("lower"))
    return describe();
  return stopsAt(EmitLevel::Artifact) ? buildArtifact(std::move(bytecode))
                                      : emitText();
}

Expected<CompileResult> Compilation::run() {
  GOSS_RETURN_IF_ERROR(compileStages());
  if (dump_)
    GOSS_RETURN_IF_ERROR(dump_->finish(result_.report));
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
  cuda::registerCudaBackend(registry);
}

} // namespace gossamer
