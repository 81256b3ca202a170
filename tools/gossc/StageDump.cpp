//===- StageDump.cpp - The folder of --dump-dir ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/StageDump.h"

#include "ir/GptOss.h"
#include "runtime/support/AtomicFile.h"
#include "tools/gossc/AssemblyText.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <utility>

using namespace mlir;

namespace gossamer {

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Expected<StageDump> StageDump::create(const std::string &directory) {
  namespace fs = llvm::sys::fs;
  fs::file_status status;
  std::error_code error = fs::status(directory, status);
  if (status.type() == fs::file_type::file_not_found)
    return StageDump(directory);
  if (!error && status.type() != fs::file_type::directory_file)
    return usageError("--dump-dir expects a directory but got the file '" +
                      directory + "'");
  fs::directory_iterator begin(directory, error), end;
  if (error)
    return ioError(directory + ": cannot read: " + error.message());
  if (begin != end)
    return usageError("--dump-dir expects an empty or new directory but got '" +
                      directory + "', which has files");
  return StageDump(directory);
}

static std::string formatNumber(size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

Status StageDump::write(const std::string &path, StringRef text,
                        std::vector<DumpedFile> &files) {
  llvm::SmallString<128> full(directory_);
  llvm::sys::path::append(full, path);
  StringRef folder = llvm::sys::path::parent_path(full);
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return ioError(folder.str() +
                   ": cannot create the directory: " + error.message());
  GOSS_RETURN_IF_ERROR(writeFile(full.str().str(), text));
  files.push_back({path, text.size()});
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

Status StageDump::addStage(StringRef fileName, StringRef text,
                           DumpedStage stage, bool hasLocations) {
  std::vector<DumpedFile> files;
  std::string path = formatNumber(stages_.size()) + "-" + fileName.str();
  GOSS_RETURN_IF_ERROR(write(path, text, files));
  if (!stage.pipeline.empty() && !stages_.empty())
    stage.command =
        "goss-opt " + stages_.back().file.path +
        " --pass-pipeline='builtin.module(" + stage.pipeline + ")'" +
        (hasLocations ? " --mlir-print-debuginfo --mlir-use-nameloc-as-prefix"
                      : "") +
        " -o " + path;
  stage.file = files.front();
  stage.passes = std::move(passes_);
  passes_.clear();
  stages_.push_back(std::move(stage));
  return Status::ok();
}

Status StageDump::addModule(StringRef name, ModuleOp module, StringRef text,
                            std::string pipeline, double seconds) {
  DumpedStage stage;
  stage.title = name.str();
  stage.seconds = seconds;
  stage.pipeline = std::move(pipeline);
  stage.counts = countOperations(module);
  return addStage((name + ".mlir").str(), text, std::move(stage),
                  /*hasLocations=*/true);
}

Status StageDump::addText(const TextStage &text, StringRef content,
                          DumpedStage stage) {
  stage.title = text.title.str();
  if (text.fileName.ends_with(".ll")) {
    GOSS_ASSIGN_OR_RETURN(LlvmText module, LlvmText::parse(content));
    stage.counts = module.countInstructions();
    llvm_ = std::make_unique<LlvmText>(std::move(module));
  } else if (text.fileName.ends_with(".s")) {
    stage.counts = AssemblyText(content).countMnemonics();
    assembly_ = content.str();
  }
  return addStage(text.fileName, content, std::move(stage),
                  /*hasLocations=*/false);
}

Status StageDump::addPass(StringRef pass, StringRef text) {
  return write("passes/" + formatNumber(passCount_++) + "-" + pass.str() +
                   ".mlir",
               text, passes_);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static std::string printPlain(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op->print(os, OpPrintingFlags().printNameLocAsPrefix());
  os << '\n';
  return text;
}

Status StageDump::addKernel(DumpedKernel kernel, ModuleOp module,
                            const AssemblyText &assembly,
                            const CompiledCode &code) {
  const std::string &symbol = kernel.record.symbol;
  std::string base = "kernels/" + formatNumber(kernels_.size()) + "-" + symbol;
  auto part = extractSymbols(module, {kernel.name, symbol});
  GOSS_RETURN_IF_ERROR(write(base + ".mlir", printPlain(*part), kernel.files));
  if (llvm_)
    if (std::string text = llvm_->extract(symbol); !text.empty())
      GOSS_RETURN_IF_ERROR(write(base + ".ll", text, kernel.files));
  std::string text = assembly.extract(symbol);
  kernel.loopMissing = "no assembler text that can be read";
  if (!text.empty()) {
    GOSS_RETURN_IF_ERROR(write(base + ".s", text, kernel.files));
    for (const auto &[name, count] : AssemblyText(text).countMnemonics())
      kernel.instructions += count;
    kernel.loopMissing = "no loop";
  }
  if (std::optional<AssemblyLoop> loop = assembly.findHotLoop(symbol)) {
    Expected<std::string> report = analyzeLoop(*loop, code.triple, code.cpu);
    if (report) {
      kernel.loop = report.take();
      GOSS_RETURN_IF_ERROR(write(base + ".mca.txt", kernel.loop, kernel.files));
    } else {
      kernel.loopMissing = report.status().message();
    }
  }
  kernels_.push_back(std::move(kernel));
  return Status::ok();
}

Status StageDump::addKernels(ModuleOp plan, const CompiledCode &code) {
  llvm::StringMap<size_t> launches;
  plan->walk(
      [&](gptoss::DispatchOp dispatch) { ++launches[dispatch.getKernel()]; });
  ModuleOp module = loops_ ? *loops_ : plan;
  AssemblyText assembly(assembly_);
  // Entry i of the records is kernel i of the plan (Backend.h).
  size_t index = 0;
  for (auto op : plan.getOps<gptoss::KernelOp>()) {
    if (index == code.kernels.size())
      break;
    DumpedKernel kernel;
    kernel.record = code.kernels[index++];
    kernel.name = op.getSymName().str();
    kernel.operation = printPlain(op);
    kernel.launches = launches[op.getSymName()];
    GOSS_RETURN_IF_ERROR(addKernel(std::move(kernel), module, assembly, code));
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// From plan to code
//===----------------------------------------------------------------------===//

void StageDump::keepLoops(ModuleOp module, std::string text) {
  loops_ = module.clone();
  loopsText_ = std::move(text);
  loopsPasses_ = std::exchange(passes_, {});
}

/// The backend's passes up to the one that writes kernels out, and the others;
/// all are others where there is no such pass.
static std::pair<std::string, std::string>
splitPipeline(const Backend &backend, const TargetOptions &target) {
  OpPassManager manager(ModuleOp::getOperationName());
  backend.buildPipeline(manager, target);
  std::string first, list;
  for (Pass &pass : manager.getPasses()) {
    llvm::raw_string_ostream os(list);
    os << (list.empty() ? "" : ",");
    pass.printAsTextualPipeline(os);
    if (!backend.loopsPass().empty() &&
        pass.getArgument() == backend.loopsPass())
      first = std::exchange(list, "");
  }
  return {first, list};
}

Status StageDump::addCode(const Backend &backend, const TargetOptions &target,
                          ModuleOp plan, ModuleOp lowered, EmitStage last,
                          TextEmitter emit) {
  auto [toLoops, pipeline] = splitPipeline(backend, target);
  if (loops_) {
    // What was printed after that pass belongs to the stage after it.
    std::swap(passes_, loopsPasses_);
    GOSS_RETURN_IF_ERROR(addModule("loops", *loops_, loopsText_, toLoops, 0));
    std::swap(passes_, loopsPasses_);
  }
  for (const TextStage &stage : backend.textStages()) {
    if (stage.stage > last)
      return Status::ok();
    auto begin = std::chrono::steady_clock::now();
    CompiledCode code;
    GOSS_RETURN_IF_ERROR(emit(stage.stage, code));
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - begin;
    DumpedStage made;
    made.seconds = time.count();
    if (stage.stage == EmitStage::LLVM) {
      made.pipeline = pipeline;
      made.counts = countOperations(lowered);
    }
    GOSS_RETURN_IF_ERROR(addText(stage, code.bytes, std::move(made)));
    if (stage.stage == EmitStage::Assembly)
      return addKernels(plan, code);
  }
  return Status::ok();
}

Status StageDump::finish(const CompileReport &report) {
  std::vector<DumpedFile> files;
  return write("index.html", makeDumpPage(stages_, kernels_, report), files);
}

} // namespace gossamer
