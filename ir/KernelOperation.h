//===- KernelOperation.h - What kernels can compute -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The table of kernel operations: the contract between the passes that make
// `gptoss.kernel` operations and the backends that implement them. A backend
// implements every operation of this table.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_KERNELOPERATION_H
#define GOSSAMER_IR_KERNELOPERATION_H

#include "ir/GptOss.h"

namespace mlir::gptoss {

/// One binding of a kernel operation.
struct BindingSpec {
  StringRef role; ///< e.g. "x", "weight"; unique within the operation.
  Access access;
  /// Name of the boolean attribute that says whether the binding is there;
  /// empty for a binding that always is.
  StringRef condition = {};
};

/// One entry of the table.
struct KernelOperation {
  StringRef name;
  ArrayRef<BindingSpec> bindings; ///< in order.
  ArrayRef<StringRef> attributes; ///< names that the kernel's config has.
  StringRef description;          ///< one line.
};

/// All kernel operations, in a fixed order.
ArrayRef<KernelOperation> getKernelOperations();

/// The operation of that name, or null.
const KernelOperation *lookupKernelOperation(StringRef name);

/// Bindings of a kernel with this configuration: those whose condition holds.
SmallVector<const BindingSpec *> getBindings(const KernelOperation &operation,
                                             DictionaryAttr config);

} // namespace mlir::gptoss

#endif // GOSSAMER_IR_KERNELOPERATION_H
