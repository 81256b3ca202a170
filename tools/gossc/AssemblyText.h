//===- AssemblyText.h - Functions and loops of assembler text ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Reads the text that LLVM's code generator writes for ELF: for people and for
// llvm-mca, never for what runs.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_ASSEMBLYTEXT_H
#define GOSSAMER_TOOLS_GOSSC_ASSEMBLYTEXT_H

#include "runtime/support/Status.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gossamer {

/// The text from a label to a jump back to it.
struct AssemblyLoop {
  std::string function;
  std::vector<std::string> lines; ///< the label, then instructions and labels.
  size_t instructions = 0;
  size_t vectorArithmetic = 0; ///< of them.
};

/// Text of one module. The text must outlive this.
class AssemblyText {
public:
  explicit AssemblyText(llvm::StringRef text);

  /// The function with its constants, and before it those that it calls; ""
  /// where there is no such function.
  std::string extract(llvm::StringRef symbol) const;

  /// Of the innermost loops of the function and those that it calls, the one
  /// with most vector arithmetic, then with most instructions.
  std::optional<AssemblyLoop> findHotLoop(llvm::StringRef symbol) const;

  /// Uses of each mnemonic in the whole text.
  std::map<std::string, int64_t> countMnemonics() const;

private:
  struct Function {
    llvm::StringRef chunk;              ///< from the end of the one before.
    std::vector<llvm::StringRef> lines; ///< labels and instructions.
  };
  /// The function after all that it calls.
  std::vector<llvm::StringRef> closure(llvm::StringRef symbol) const;
  void visit(llvm::StringRef symbol, llvm::StringSet<> &seen,
             std::vector<llvm::StringRef> &order) const;

  llvm::StringMap<Function> functions_;
};

/// The summary and the resource table that llvm-mca prints for a loop, with the
/// loop after them. Unavailable where the program is not installed or does not
/// know the processor; no shell is involved.
Expected<std::string> analyzeLoop(const AssemblyLoop &loop,
                                  const std::string &triple,
                                  const std::string &cpu);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_ASSEMBLYTEXT_H
