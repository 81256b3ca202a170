//===- PrintKernelKinds.cpp - The reference of kernel kinds ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes docs/reference/CpuKernels.md or CudaKernels.md when the project is
// built: `print-kernel-kinds cpu`.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelKinds.h"
#include "backends/cuda/KernelKinds.h"

#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::StringRef backend = argc == 2 ? argv[1] : "";
  if (backend == "cpu") {
    gossamer::cpu::printKernelKinds(llvm::outs());
  } else if (backend == "cuda") {
    gossamer::cuda::printKernelKinds(llvm::outs());
  } else {
    llvm::errs() << "print-kernel-kinds: expects cpu or cuda\n";
    return 64;
  }
  return 0;
}
