//===- Ptxas.cpp - From PTX to machine code -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CodeGen.h"
#include "backends/cuda/CudaTarget.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer::cuda {

namespace {

/// A file that goes away with the object.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef ending) {
    error_ = llvm::sys::fs::createTemporaryFile("gossamer", ending, path_);
    if (!error_)
      remover_.setFile(path_);
  }

  StringRef path() const { return path_; }
  std::error_code error() const { return error_; }

  std::error_code write(StringRef text) {
    std::error_code error;
    llvm::raw_fd_ostream os(path_, error);
    if (error)
      return error;
    os << text;
    os.close();
    error = os.error();
    os.clear_error();
    return error;
  }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(path_);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }

private:
  llvm::SmallString<128> path_;
  std::error_code error_;
  llvm::FileRemover remover_;
};

} // namespace

/// The functions that keep values in memory for want of registers, by the
/// report of `ptxas -v`: a line names the function, a later one its spills.
static std::vector<std::string> findSpills(StringRef report) {
  std::vector<std::string> warnings;
  StringRef function;
  llvm::SmallVector<StringRef> lines;
  report.split(lines, '\n');
  for (StringRef line : lines) {
    if (size_t at = line.find("Compiling entry function '");
        at != StringRef::npos)
      function = line.drop_front(at).split('\'').second.split('\'').first;
    size_t at = line.find(" bytes spill stores");
    if (at == StringRef::npos || line.take_front(at).ends_with(" 0"))
      continue;
    warnings.push_back((function + ": " + line.trim()).str());
  }
  return warnings;
}

static std::string firstLine(StringRef text) {
  return text.trim().split('\n').first.trim().str();
}

FailureOr<Cubin> assemblePtx(ModuleOp module, const TargetOptions &options,
                             StringRef ptx) {
  TemporaryFile input("ptx"), output("cubin"), report("txt");
  for (const TemporaryFile *file : {&input, &output, &report})
    if (file->error())
      return module.emitError("no temporary file for ptxas: ")
             << file->error().message();
  if (std::error_code error = input.write(ptx))
    return module.emitError(input.path())
           << ": cannot write: " << error.message();
  std::string architecture = "-arch=" + options.chip;
  llvm::SmallVector<StringRef> arguments = {
      options.ptxas, architecture, "-v", "-o", output.path(), input.path()};
  std::optional<StringRef> redirects[] = {StringRef(), report.path(),
                                          report.path()};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(options.ptxas, arguments, std::nullopt,
                                       redirects, /*SecondsToWait=*/0,
                                       /*MemoryLimit=*/0, &message);
  std::string text = report.read();
  if (code != 0)
    return module.emitError("ptxas refused the PTX: ")
           << (message.empty() ? firstLine(text) : message);
  return Cubin{output.read(), findSpills(text)};
}

} // namespace gossamer::cuda
