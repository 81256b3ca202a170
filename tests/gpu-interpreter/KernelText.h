//===- KernelText.h - Device functions from text ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_KERNELTEXT_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_KERNELTEXT_H

#include "tests/gpu-interpreter/Interpreter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace gossamer::cuda::testing {

/// Memory of `values`, to read and write or only to read.
template <typename T> Region inOut(std::vector<T> &values) {
  return {reinterpret_cast<std::byte *>(values.data()),
          values.size() * sizeof(T), true};
}
template <typename T> Region input(std::vector<T> &values) {
  Region region = inOut(values);
  region.isWritable = false;
  return region;
}

/// Runs a function of the arguments %a0, %a1, ... with the operations `body`.
/// It begins with %t and %b, the thread and block in x as i32. `globals` go
/// into the module. Returns the first error, empty if all went well.
std::string runText(const std::string &body, const LaunchShape &shape,
                    const std::vector<Region> &arguments,
                    const std::string &globals = "");

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_KERNELTEXT_H
