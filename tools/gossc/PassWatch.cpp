//===- PassWatch.cpp - The module between passes --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/PassWatch.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer {

StringRef getShortPassName(StringRef argument) {
  argument.consume_front("gptoss-");
  return argument;
}

std::vector<std::string> listPasses(OpPassManager &manager) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (Pass &pass : manager.getPasses()) {
    pass.printAsTextualPipeline(os);
    os << ',';
  }
  // "func.func(canonicalize{max-iterations=10},cse),gptoss-plan-memory,": what
  // stands before "(" is an operation, what stands in braces are options.
  std::vector<std::string> names;
  StringRef rest = text;
  while (!rest.empty()) {
    StringRef name =
        rest.take_until([](char c) { return StringRef("(){},").contains(c); });
    rest = rest.drop_front(name.size());
    StringRef pass = getShortPassName(name);
    if (!pass.empty() && !rest.starts_with("(") &&
        !llvm::is_contained(names, pass))
      names.push_back(pass.str());
    if (rest.starts_with("{"))
      rest = rest.drop_front(rest.find('}'));
    rest = rest.drop_front(rest.empty() ? 0 : 1);
  }
  return names;
}

Status checkPassName(const std::string &option, StringRef name,
                     llvm::ArrayRef<std::string> known) {
  if (llvm::is_contained(known, name))
    return Status::ok();
  // Near is what contains the name, or is a few letters away from it.
  unsigned most = std::max<size_t>(2, name.size() / 3);
  std::vector<std::string> near;
  for (const std::string &each : known)
    if (StringRef(each).contains(name) ||
        name.edit_distance(each, /*AllowReplacements=*/true, most) <= most)
      near.push_back(each);
  return usageError(option + " but got '" + name.str() + "'; " +
                    (near.empty()
                         ? "the passes are " + llvm::join(known, ", ")
                         : "did you mean " + llvm::join(near, ", ") + "?"));
}

class PassWatch::Instrumentation final : public PassInstrumentation {
public:
  explicit Instrumentation(PassWatch &watch) : watch_(watch) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    watch_.finish(getShortPassName(pass->getArgument()), op);
  }

private:
  PassWatch &watch_;
};

void PassWatch::attach(PassManager &manager) {
  manager.addInstrumentation(std::make_unique<Instrumentation>(*this));
}

void PassWatch::stopAfter(MLIRContext &context, std::string pass) {
  last_ = std::move(pass);
  context.registerActionHandler(
      [this](function_ref<void()> run, const tracing::Action &action) {
        const auto *pass = dyn_cast<PassExecutionAction>(&action);
        if (!pass || !finished_.contains(pass->getOp()))
          run();
      });
}

void PassWatch::finish(StringRef pass, Operation *op) {
  // A nested pipeline has no name of its own; a pass that was left out changed
  // nothing.
  if (pass.empty() || finished_.contains(op))
    return;
  auto module = dyn_cast<ModuleOp>(op);
  seen_(pass, module ? module : op->getParentOfType<ModuleOp>());
  if (pass != last_)
    return;
  for (; op; op = op->getParentOp())
    finished_.insert(op);
}

} // namespace gossamer
