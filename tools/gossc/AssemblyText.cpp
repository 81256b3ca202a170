//===- AssemblyText.cpp - Functions and loops of assembler text -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/AssemblyText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using llvm::StringRef;

namespace gossamer {

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// A label or an instruction without its comment; "" for directives.
static StringRef getCode(StringRef line) {
  line = line.split('#').first.trim();
  return line.starts_with(".") && !line.ends_with(":") ? "" : line;
}

AssemblyText::AssemblyText(StringRef text) {
  size_t chunk = 0; // where the next function's text begins.
  std::optional<Function> open;
  StringRef type; // of the last .type directive: a function's name.
  for (size_t at = 0; at < text.size();) {
    size_t next = std::min(text.find('\n', at), text.size() - 1) + 1;
    StringRef code = getCode(text.slice(at, next));
    StringRef word = text.slice(at, next).trim();
    at = next;
    if (word.consume_front(".type") && word.consume_back(",@function")) {
      type = word.trim().trim('"');
    } else if (!open && !type.empty() && code.ends_with(":") &&
               code.drop_back().trim('"') == type) {
      open.emplace();
    } else if (open && code.starts_with(".Lfunc_end")) {
      // The directive .size follows, which belongs to the function.
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
      open->chunk = text.slice(chunk, at);
      functions_[type] = std::move(*open);
      open.reset();
      chunk = at;
    } else if (open && !code.empty()) {
      open->lines.push_back(code);
    }
  }
}

/// The symbol that a call or a jump names; "" for other instructions.
static StringRef getCallee(StringRef line) {
  auto [mnemonic, operand] = line.split('\t');
  if (!mnemonic.starts_with("call") && !mnemonic.starts_with("jmp"))
    return "";
  return operand.split('@').first.trim().trim('"');
}

void AssemblyText::visit(StringRef symbol, llvm::StringSet<> &seen,
                         std::vector<StringRef> &order) const {
  auto found = functions_.find(symbol);
  if (found == functions_.end() || !seen.insert(symbol).second)
    return;
  for (StringRef line : found->getValue().lines)
    visit(getCallee(line), seen, order);
  order.push_back(found->getKey());
}

std::vector<StringRef> AssemblyText::closure(StringRef symbol) const {
  llvm::StringSet<> seen;
  std::vector<StringRef> order;
  visit(symbol, seen, order);
  return order;
}

std::string AssemblyText::extract(StringRef symbol) const {
  std::string text;
  for (StringRef name : closure(symbol))
    text += functions_.find(name)->getValue().chunk;
  return text;
}

std::map<std::string, int64_t> AssemblyText::countMnemonics() const {
  std::map<std::string, int64_t> counts;
  for (const auto &function : functions_)
    for (StringRef line : function.getValue().lines)
      if (!line.ends_with(":"))
        ++counts[line.split('\t').first.str()];
  return counts;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

static bool isVectorArithmetic(StringRef line) {
  auto [mnemonic, operands] = line.split('\t');
  auto contains = [&](StringRef part) { return mnemonic.contains(part); };
  return operands.contains("mm") && // %xmm0, %ymm0, %zmm0
         llvm::any_of(llvm::ArrayRef<StringRef>{"mul", "add", "sub", "dp",
                                                "div", "max", "min", "sqrt"},
                      contains);
}

using Span = std::pair<size_t, size_t>; ///< first and last line.

static std::vector<Span> findInnermostLoops(llvm::ArrayRef<StringRef> lines) {
  llvm::StringMap<size_t> labels;
  std::vector<Span> spans;
  for (auto [i, line] : llvm::enumerate(lines)) {
    if (line.ends_with(":"))
      labels[line.drop_back()] = i;
    auto [mnemonic, target] = line.split('\t');
    auto label = labels.find(target.trim());
    if (mnemonic.starts_with("j") && label != labels.end())
      spans.push_back({label->getValue(), i});
  }
  std::vector<Span> innermost;
  for (Span span : spans)
    if (llvm::none_of(spans, [&](Span other) {
          return other != span && span.first <= other.first &&
                 other.second <= span.second;
        }))
      innermost.push_back(span);
  return innermost;
}

static AssemblyLoop makeLoop(StringRef function,
                             llvm::ArrayRef<StringRef> lines) {
  AssemblyLoop loop;
  loop.function = function.str();
  for (StringRef line : lines) {
    loop.lines.push_back(line.str());
    if (line.ends_with(":"))
      continue;
    ++loop.instructions;
    loop.vectorArithmetic += isVectorArithmetic(line);
  }
  return loop;
}

std::optional<AssemblyLoop> AssemblyText::findHotLoop(StringRef symbol) const {
  std::optional<AssemblyLoop> best;
  auto weigh = [](const AssemblyLoop &loop) {
    return std::pair(loop.vectorArithmetic, loop.instructions);
  };
  for (StringRef name : closure(symbol)) {
    llvm::ArrayRef<StringRef> lines = functions_.find(name)->getValue().lines;
    for (auto [first, last] : findInnermostLoops(lines)) {
      AssemblyLoop loop = makeLoop(name, lines.slice(first, last - first + 1));
      if (!best || weigh(*best) < weigh(loop))
        best = std::move(loop);
    }
  }
  return best;
}

//===----------------------------------------------------------------------===//
// llvm-mca
//===----------------------------------------------------------------------===//

/// The newest name first: it is the one of this LLVM.
static llvm::ErrorOr<std::string> findAnalyzer() {
  auto found = llvm::sys::findProgramByName("llvm-mca-22");
  return found ? found : llvm::sys::findProgramByName("llvm-mca");
}

/// A file that is gone when the object is.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef ending) {
    error_ = llvm::sys::fs::createTemporaryFile("gossc", ending, path_);
    if (!error_)
      remover_.setFile(path_);
  }
  std::error_code error() const { return error_; }
  StringRef path() const { return path_; }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(path_);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }

private:
  llvm::SmallString<128> path_;
  std::error_code error_;
  llvm::FileRemover remover_;
};

static std::string joinLines(const std::vector<std::string> &lines) {
  std::string text;
  for (const std::string &line : lines)
    text += (StringRef(line).ends_with(":") ? "" : "\t") + line + "\n";
  return text;
}

/// Runs llvm-mca over the text and returns what it prints.
static Expected<std::string> runAnalyzer(StringRef program, StringRef text,
                                         llvm::ArrayRef<std::string> options) {
  TemporaryFile input("s"), output("txt"), errors("txt");
  for (const TemporaryFile *file : {&input, &output, &errors})
    if (file->error())
      return ioError("cannot create a temporary file: " +
                     file->error().message());
  std::error_code error;
  llvm::raw_fd_ostream os(input.path(), error);
  os << text;
  os.close();
  if (os.has_error()) {
    os.clear_error();
    return ioError(input.path().str() + ": cannot write");
  }
  std::vector<StringRef> arguments = {program};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.push_back(input.path());
  std::optional<StringRef> redirects[] = {StringRef(""), output.path(),
                                          errors.path()};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(program, arguments, std::nullopt,
                                       redirects, /*SecondsToWait=*/60,
                                       /*MemoryLimit=*/0, &message);
  std::string complaint = errors.read();
  // An unknown processor is only a warning there.
  if (code == 0 && !StringRef(complaint).contains("not a recognized processor"))
    return output.read();
  if (message.empty())
    message = StringRef(complaint).trim().split('\n').first.str();
  return unavailable("llvm-mca failed: " + message);
}

Expected<std::string> analyzeLoop(const AssemblyLoop &loop,
                                  const std::string &triple,
                                  const std::string &cpu) {
  llvm::ErrorOr<std::string> program = findAnalyzer();
  if (!program)
    return unavailable("llvm-mca is not installed");
  std::string text = joinLines(loop.lines);
  std::vector<std::string> options = {"-mtriple=" + triple, "-mcpu=" + cpu,
                                      "-iterations=100", "-instruction-info=0"};
  GOSS_ASSIGN_OR_RETURN(std::string report,
                        runAnalyzer(*program, text, options));
  // The table by instruction is as long as the loop, and wide.
  StringRef summary = StringRef(report).split("Resource pressure by").first;
  return "The hottest loop of " + loop.function +
         ": the innermost one with most vector arithmetic,\n" +
         std::to_string(loop.vectorArithmetic) + " of its " +
         std::to_string(loop.instructions) + " instructions.\n\n$ llvm-mca " +
         llvm::join(options, " ") + "\n" + summary.rtrim().str() +
         "\n\nLoop:\n" + text;
}

} // namespace gossamer
