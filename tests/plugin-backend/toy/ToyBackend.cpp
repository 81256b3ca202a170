//===- ToyBackend.cpp - The smallest backend ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// "Compiles" a plan to a listing of its launches. Nothing runs it: it shows
// what a backend outside the tree has to write, and lets a test load one.
//
//===----------------------------------------------------------------------===//

#include "backends/BackendRegistry.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/raw_ostream.h"

#include <map>

namespace {

using namespace gossamer;

class ToyBackend final : public Backend {
public:
  llvm::StringRef name() const override { return "toy"; }

  std::string description() const override {
    return "a listing of the plan's launches (example of a plug-in)";
  }

  void registerDialects(mlir::DialectRegistry &) const override {}

  Status resolve(TargetOptions &options) const override {
    if (options.mcpu != "native" && options.mcpu != "paper")
      return usageError("unknown processor '" + options.mcpu +
                        "': expects paper");
    options.mcpu = "paper";
    return Status::ok();
  }

  // The plan is what gets listed.
  void buildPipeline(mlir::OpPassManager &,
                     const TargetOptions &) const override {}

  mlir::FailureOr<CompiledCode> emit(mlir::ModuleOp module,
                                     const TargetOptions &options,
                                     EmitStage) const override {
    CompiledCode code;
    code.triple = "toy";
    code.cpu = options.mcpu;
    std::map<std::string, std::string> operations;
    module.walk([&](mlir::Operation *op) {
      if (op->getName().getStringRef() != "gptoss.kernel")
        return;
      KernelRecord record;
      record.symbol = mlir::SymbolTable::getSymbolName(op).str();
      if (auto operation =
              op->getAttrOfType<mlir::StringAttr>("kernel_operation"))
        record.operation = operation.str();
      record.kind = "listing";
      operations[record.symbol] = record.operation;
      code.kernels.push_back(record);
    });
    llvm::raw_string_ostream os(code.bytes);
    unsigned number = 0;
    module.walk([&](mlir::Operation *op) {
      if (op->getName().getStringRef() != "gptoss.dispatch")
        return;
      auto kernel = op->getAttrOfType<mlir::FlatSymbolRefAttr>("kernel");
      os << "launch " << number++ << ": "
         << (kernel ? operations[kernel.getValue().str()] : "?") << " of "
         << op->getNumOperands() - 1 << " bindings\n";
    });
    if (number == 0) {
      module.emitError("expects a plan with launches");
      return mlir::failure();
    }
    return code;
  }
};

void registerToy(BackendRegistry &registry) {
  if (Status status = registry.add(std::make_unique<ToyBackend>()); !status)
    llvm::errs() << status.message() << "\n";
}

} // namespace

GOSSAMER_BACKEND_PLUGIN(registerToy)
