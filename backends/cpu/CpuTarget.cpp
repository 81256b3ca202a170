//===- CpuTarget.cpp - Processor names and features -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <memory>
#include <mutex>

using namespace llvm;

namespace gossamer::cpu {

// The features of x86-64-v2, -v3, -v4 and after that change the code of our
// kernels. Each is one that a loader can ask the processor for.
static constexpr StringLiteral kUsedFeatures[] = {
    "sse3",     "ssse3",    "sse4.1",     "sse4.2",    "popcnt",
    "avx",      "avx2",     "bmi",        "bmi2",      "f16c",
    "fma",      "lzcnt",    "avx512f",    "avx512bw",  "avx512cd",
    "avx512dq", "avx512vl", "avx512vnni", "avx512vbmi"};

CpuFeatures::CpuFeatures(StringRef list) {
  SmallVector<StringRef> parts;
  list.split(parts, ',', -1, false);
  for (StringRef part : parts) {
    StringRef name = part.drop_front();
    if (part.starts_with("+"))
      enabled_.insert(name.str());
    else
      enabled_.erase(name.str());
  }
}

bool CpuFeatures::hasAll(ArrayRef<StringLiteral> features) const {
  return llvm::all_of(features, [&](StringRef f) { return has(f); });
}

void initializeCodeGenerator() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
}

static std::unique_ptr<MCSubtargetInfo> makeSubtarget(StringRef cpu,
                                                      StringRef features) {
  std::string error;
  Triple triple(kTriple);
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  return std::unique_ptr<MCSubtargetInfo>(
      target ? target->createMCSubtargetInfo(triple, cpu, features) : nullptr);
}

/// LLVM only warns about unknown features; we refuse them.
static Status checkFeatureNames(StringRef list, const MCSubtargetInfo &base) {
  SmallVector<StringRef> parts;
  list.split(parts, ',', -1, false);
  for (StringRef part : parts) {
    StringRef name = part.trim().drop_front();
    bool known = llvm::any_of(base.getAllProcessorFeatures(),
                              [&](const auto &f) { return name == f.Key; });
    if (!(part.starts_with("+") || part.starts_with("-")) || !known)
      return usageError("unknown processor feature '" + part.str() +
                        "': expects a list like +avx2,-avx512f");
  }
  return Status::ok();
}

static Status unknownCpu(StringRef cpu) {
  return usageError("unknown processor '" + cpu.str() +
                    "': expects native, x86-64, x86-64-v2, x86-64-v3, "
                    "x86-64-v4, or a 64-bit processor name of LLVM such as "
                    "haswell, znver4 or sapphirerapids");
}

Status resolveTarget(TargetOptions &options) {
  initializeCodeGenerator();
  std::string asked;
  if (options.mcpu == "native") {
    options.mcpu = sys::getHostCPUName().str();
    // The name alone would claim what a virtual machine hides.
    std::vector<std::string> host;
    for (const auto &entry : sys::getHostCPUFeatures())
      host.push_back((entry.second ? "+" : "-") + entry.first().str());
    llvm::sort(host);
    asked = llvm::join(host, ",");
  } else if (X86::parseArchX86(options.mcpu, /*Only64Bit=*/true) ==
             X86::CK_None) {
    return unknownCpu(options.mcpu);
  }
  auto base = makeSubtarget("x86-64", "");
  if (!base || !base->isCPUStringValid(options.mcpu))
    return unknownCpu(options.mcpu);
  GOSS_RETURN_IF_ERROR(checkFeatureNames(options.features, *base));

  if (!options.features.empty())
    asked += (asked.empty() ? "" : ",") + options.features;
  auto subtarget = makeSubtarget(options.mcpu, asked);
  CpuFeatures explicitly(options.features);
  std::set<std::string> used(std::begin(kUsedFeatures),
                             std::end(kUsedFeatures));
  for (const std::string &name : explicitly.names())
    used.insert(name);
  std::vector<std::string> result;
  result.reserve(used.size());
  for (const std::string &name : used)
    result.push_back(
        (subtarget->checkFeatures("+" + name) ? std::string("+") : "-")
            .append(name));
  options.features = llvm::join(result, ",");
  return Status::ok();
}

} // namespace gossamer::cpu
