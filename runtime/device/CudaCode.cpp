//===- CudaCode.cpp - Loaded code for a GPU -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaCode.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

constexpr uint32_t maxBlockThreads = 1024;
/// Of goss_cuda_code.choose.
constexpr uint32_t choiceBindings = 4;
/// More has to be allowed function by function.
constexpr uint32_t sharedBytesForAll = 48 * 1024;

/// What a chip's name says of the GPUs that code for it runs on.
struct ChipNeed {
  int capability = 0;
  bool isExact = false; ///< "sm_90a": of no other capability.
};

bool parseChip(std::string_view name, ChipNeed &need) {
  if (!name.starts_with("sm_"))
    return false;
  const char *end = name.data() + name.size();
  auto parsed = std::from_chars(name.data() + 3, end, need.capability);
  if (parsed.ec != std::errc() || need.capability < 10)
    return false;
  need.isExact = parsed.ptr != end;
  return !need.isExact || (parsed.ptr + 1 == end && *parsed.ptr == 'a');
}

/// What the driver's compiler wrote, as part of a line.
std::string oneLine(std::string_view log) {
  constexpr size_t most = 400;
  std::string line;
  for (char c : log.substr(0, log.find('\0'))) {
    bool isSpace = static_cast<unsigned char>(c) <= ' ';
    if (!isSpace)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (line.size() > most)
    line = line.substr(0, most) + "...";
  while (line.ends_with(' '))
    line.pop_back();
  return line;
}

bool isValid(const goss_cuda_extent &extent) {
  return extent.quantity <= GOSS_CUDA_OUTPUTS && extent.divisor > 0;
}

bool isValid(const goss_cuda_stage &stage, uint32_t mostShared) {
  return stage.symbol &&
         std::ranges::all_of(stage.grid,
                             [](const auto &each) {
                               return isValid(each) && each.scale > 0;
                             }) &&
         stage.block > 0 && stage.block <= maxBlockThreads &&
         stage.shared_bytes <= mostShared &&
         stage.dynamic_shared_bytes <= stage.shared_bytes;
}

} // namespace

uint64_t cuda::evaluate(const goss_cuda_extent &extent, const goss_dims &dims) {
  int64_t quantity = 1;
  if (extent.quantity == GOSS_CUDA_TOKENS)
    quantity = dims.tokens;
  else if (extent.quantity == GOSS_CUDA_OUTPUTS)
    quantity = dims.outputs;
  if (quantity <= 0)
    return 0;
  uint64_t value = extent.scale *
                   ((static_cast<uint64_t>(quantity) - 1) / extent.divisor + 1);
  return extent.limit ? std::min<uint64_t>(value, extent.limit) : value;
}

const CudaKernel::Variant *CudaKernel::choose(const goss_dims &dims) const {
  uint64_t count = evaluate(rows, dims);
  if (count == 0)
    return nullptr;
  // The last one has no limit.
  return &*std::ranges::find_if(variants, [&](const Variant &variant) {
    return variant.maxRows >= count || &variant == &variants.back();
  });
}

Expected<std::unique_ptr<const CudaCode>>
CudaCode::load(std::shared_ptr<const CudaContext> context,
               const ProgramDescription &description) {
  GOSS_ASSIGN_OR_RETURN(SharedObject object,
                        SharedObject::load(description.code));
  std::unique_ptr<CudaCode> code(
      new CudaCode(std::move(context), std::move(object)));
  code->step_ =
      reinterpret_cast<goss_step_fn>(code->object_.lookup("goss_step"));
  code->table_ =
      static_cast<const goss_cuda_code *>(code->object_.lookup("goss_cuda"));
  if (!code->step_ || !code->table_)
    return invalidData("code section: exports no symbol " +
                       std::string(code->step_ ? "goss_cuda" : "goss_step"));
  GOSS_RETURN_IF_ERROR(code->checkTable(description.kernels.size()));
  GOSS_RETURN_IF_ERROR(code->loadModule());
  GOSS_RETURN_IF_ERROR(code->findFunctions());
  return std::unique_ptr<const CudaCode>(std::move(code));
}

CudaCode::~CudaCode() {
  if (module_ && context_->enter().isOk())
    context_->driver().moduleUnload(module_);
}

/// Launch numbers come from outside: a wrong one must not reach the driver.
Status CudaCode::checkTable(size_t numKernels) const {
  if (table_->abi_version != GOSS_CUDA_ABI_VERSION ||
      table_->size != sizeof(goss_cuda_code))
    return unavailable("code section: expects version " +
                       std::to_string(GOSS_CUDA_ABI_VERSION) +
                       " of the table goss_cuda but got " +
                       std::to_string(table_->abi_version));
  if (table_->num_kernels != numKernels || (numKernels && !table_->kernels) ||
      !table_->chip || !table_->ptx)
    return invalidData("code section: goss_cuda: expects code and " +
                       std::to_string(numKernels) +
                       " kernels, as the manifest says, but got " +
                       std::to_string(table_->num_kernels) + " kernels");
  for (uint32_t i = 0; i < table_->num_kernels; ++i)
    if (Status status = checkKernel(table_->kernels[i]); !status.isOk())
      return status.withContext("code section: goss_cuda: kernel " +
                                std::to_string(i));
  if (table_->choose && table_->choose->num_bindings != choiceBindings)
    return invalidData("code section: goss_cuda: choose: expects " +
                       std::to_string(choiceBindings) + " bindings but got " +
                       std::to_string(table_->choose->num_bindings));
  if (table_->choose)
    if (Status status = checkKernel(*table_->choose); !status.isOk())
      return status.withContext("code section: goss_cuda: choose");
  return Status::ok();
}

Status CudaCode::checkKernel(const goss_cuda_kernel &kernel) const {
  if (kernel.rows > GOSS_CUDA_OUTPUTS || kernel.num_variants == 0 ||
      !kernel.variants)
    return invalidData("expects at least one variant");
  std::span variants(kernel.variants, kernel.num_variants);
  if (variants.back().max_rows != UINT32_MAX)
    return invalidData("expects a last variant for any number of rows");
  for (const goss_cuda_variant &variant : variants) {
    if (!isValid(variant.scratch) || (variant.num_stages && !variant.stages))
      return invalidData("expects a divisor of at least 1 and stages");
    for (const goss_cuda_stage &stage :
         std::span(variant.stages, variant.num_stages))
      if (!isValid(stage, context_->maxSharedBytes()))
        return invalidData(
            "stage " + std::string(stage.symbol ? stage.symbol : "") +
            ": expects 1 to " + std::to_string(maxBlockThreads) +
            " threads and at most " +
            std::to_string(context_->maxSharedBytes()) +
            " bytes of shared memory but got " + std::to_string(stage.block) +
            " and " + std::to_string(stage.shared_bytes));
  }
  return Status::ok();
}

Status CudaCode::loadModule() {
  GOSS_RETURN_IF_ERROR(context_->enter());
  ChipNeed need;
  if (!parseChip(table_->chip, need))
    return invalidData("code section: goss_cuda: expects a chip like sm_90 but "
                       "got '" +
                       std::string(table_->chip) + "'");
  int capability = context_->capability();
  if (need.isExact ? capability != need.capability
                   : capability < need.capability)
    return unavailable(
        "code for " + std::string(table_->chip) + " does not run on " +
        context_->chipName() + " (sm_" + std::to_string(capability) +
        "): compile with --chip=sm_" + std::to_string(capability));
  std::string log;
  // Machine code is for later minor versions of one architecture.
  if (table_->cubin && table_->cubin_size &&
      capability / 10 == need.capability / 10 &&
      loadImage(table_->cubin, log).isOk())
    return Status::ok();
  int needed = driverForPtx(table_->ptx_version);
  if (context_->driver().version < needed)
    return unavailable("PTX " + std::to_string(table_->ptx_version / 10) + "." +
                       std::to_string(table_->ptx_version % 10) +
                       " needs an NVIDIA driver for CUDA " +
                       formatVersion(needed) +
                       " or later but this one is for " +
                       formatVersion(context_->driver().version));
  Status status = loadImage(table_->ptx, log);
  if (status.isOk() || status.code() == StatusCode::OutOfMemory)
    return status;
  std::string message = "code section: the driver refuses the PTX: ";
  message += log.empty() ? status.message() : log;
  return invalidData(message);
}

/// `log`: what the driver's compiler had to say, when it failed.
Status CudaCode::loadImage(const void *image, std::string &log) {
  // CUjit_option: the buffer for errors, and its size, passed as a pointer.
  std::array<int, 2> options = {5, 6};
  std::string buffer(16384, '\0');
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto *size = reinterpret_cast<void *>(buffer.size());
  std::array<void *, 2> values = {buffer.data(), size};
  const Driver &driver = context_->driver();
  Result result = driver.moduleLoadDataEx(&module_, image, options.size(),
                                          options.data(), values.data());
  log = result == 0 ? std::string() : oneLine(buffer);
  if (result != 0)
    module_ = nullptr;
  return driver.check("moduleLoadDataEx", result);
}

Status CudaCode::findFunctions() {
  std::span tables(table_->kernels, table_->num_kernels);
  kernels_.reserve(tables.size());
  for (const goss_cuda_kernel &table : tables) {
    GOSS_ASSIGN_OR_RETURN(CudaKernel kernel, findKernel(table));
    kernels_.push_back(std::move(kernel));
  }
  if (table_->choose) {
    GOSS_ASSIGN_OR_RETURN(choice_, findKernel(*table_->choose));
  }
  return Status::ok();
}

Expected<CudaKernel> CudaCode::findKernel(const goss_cuda_kernel &table) {
  CudaKernel kernel;
  kernel.numBindings = table.num_bindings;
  kernel.rows = {table.rows, 1, 1, 0};
  for (const goss_cuda_variant &each :
       std::span(table.variants, table.num_variants)) {
    CudaKernel::Variant variant{each.max_rows, each.scratch, {}};
    for (const goss_cuda_stage &stage :
         std::span(each.stages, each.num_stages)) {
      variant.stages.push_back({nullptr, &stage});
      GOSS_RETURN_IF_ERROR(findFunction(stage, variant.stages.back().function));
    }
    kernel.variants.push_back(std::move(variant));
  }
  return kernel;
}

Status CudaCode::findFunction(const goss_cuda_stage &stage,
                              Function &function) {
  const Driver &driver = context_->driver();
  Result result = driver.moduleGetFunction(&function, module_, stage.symbol);
  if (result == errorNotFound)
    return invalidData("code section: the module has no function " +
                       std::string(stage.symbol));
  GOSS_RETURN_IF_ERROR(driver.check("moduleGetFunction", result));
  if (stage.shared_bytes > sharedBytesForAll) {
    constexpr int maxDynamicSharedBytes = 8;
    GOSS_CUDA_CALL(driver, funcSetAttribute, function, maxDynamicSharedBytes,
                   static_cast<int>(stage.dynamic_shared_bytes));
  }
  return Status::ok();
}
