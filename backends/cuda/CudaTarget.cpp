//===- CudaTarget.cpp - NVIDIA chips --------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CudaTarget.h"

#include "backends/cpu/CpuTarget.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"

#include <cassert>
#include <mutex>

namespace gossamer::cuda {

// PTX 7.8 is what CUDA 11.8 brought; a chip that came later needs more.
static constexpr Chip kChips[] = {
    {"sm_80", 80, 78},   {"sm_86", 86, 78},   {"sm_87", 87, 78},
    {"sm_89", 89, 78},   {"sm_90", 90, 78},   {"sm_90a", 90, 80},
    {"sm_100", 100, 86}, {"sm_103", 103, 88}, {"sm_120", 120, 87},
};

/// The oldest: its PTX runs on all of them.
static constexpr llvm::StringLiteral kDefaultChip = "sm_80";

/// The host's step needs nothing beyond this.
static constexpr llvm::StringLiteral kHostProcessor = "x86-64";

llvm::ArrayRef<Chip> chips() { return kChips; }

const Chip *findChip(llvm::StringRef name) {
  for (const Chip &chip : kChips)
    if (chip.name == name)
      return &chip;
  return nullptr;
}

const Chip &chipOf(const TargetOptions &options) {
  const Chip *chip = findChip(options.chip);
  assert(chip && "expects resolved options");
  return *chip;
}

static Status resolvePtxas(std::string &ptxas) {
  if (ptxas == kNoPtxas)
    return Status::ok();
  bool isOptional = ptxas == "auto";
  auto found = llvm::sys::findProgramByName(isOptional ? "ptxas" : ptxas);
  bool isThere = found && llvm::sys::fs::can_execute(*found);
  if (!isThere && !isOptional)
    return notFound("--ptxas expects auto, none or a program but got '" +
                    ptxas + "'");
  ptxas = isThere ? *found : kNoPtxas;
  return Status::ok();
}

Status resolveTarget(TargetOptions &options) {
  if (options.chip.empty())
    options.chip = kDefaultChip.str();
  if (!findChip(options.chip)) {
    std::string known;
    for (const Chip &chip : kChips)
      known += (known.empty() ? "" : ", ") + chip.name.str();
    return usageError("--chip expects one of " + known + " but got '" +
                      options.chip + "'");
  }
  if (options.math == MathMode::Int8)
    return usageError("--math expects exact or fast for the target cuda but "
                      "got 'int8'");
  if (options.optLevel > 3)
    return usageError("expects an opt-level of 0 to 3 but got " +
                      std::to_string(options.optLevel));
  GOSS_RETURN_IF_ERROR(resolvePtxas(options.ptxas));
  options.mcpu = kHostProcessor.str();
  return cpu::resolveTarget(options);
}

void initializeCodeGenerator() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

} // namespace gossamer::cuda
