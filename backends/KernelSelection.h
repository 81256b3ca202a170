//===- KernelSelection.h - Looking a kernel kind up -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A backend's kernel kinds are a table of structs with an `operation` and a
// `name`; of one operation the preferred kinds come first.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_KERNELSELECTION_H
#define GOSSAMER_BACKENDS_KERNELSELECTION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace gossamer {

/// The kind of that name for the operation, or null.
template <typename Kind>
const Kind *findKind(llvm::ArrayRef<Kind> kinds, llvm::StringRef operation,
                     llvm::StringRef name) {
  for (const Kind &kind : kinds)
    if (kind.operation == operation && kind.name == name)
      return &kind;
  return nullptr;
}

/// Why `kind` is the one to use: what the kinds that are preferred to it lack,
/// which `whyNot` says as a phrase, empty for a kind that would do.
template <typename Kind>
std::string explainKind(llvm::ArrayRef<Kind> kinds, const Kind &kind,
                        llvm::function_ref<std::string(const Kind &)> whyNot) {
  std::string lacking;
  for (const Kind &other : kinds) {
    if (other.operation != kind.operation)
      continue;
    if (other.name == kind.name)
      break;
    std::string why = whyNot(other);
    if (why.empty())
      return "was chosen before the selection, which would take " +
             other.name.str();
    lacking += (lacking.empty() ? ": " : "; ") + other.name.str() + " " + why;
  }
  return lacking.empty() ? "the preferred kind fits"
                         : "the first that fits" + lacking;
}

} // namespace gossamer

#endif // GOSSAMER_BACKENDS_KERNELSELECTION_H
