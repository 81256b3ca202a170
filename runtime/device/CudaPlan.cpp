//===- CudaPlan.cpp - The launches of one step ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaPlan.h"

#include <algorithm>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

/// Launches that can run side by side. The widest dispatches, of query, key and
/// value, have three.
constexpr size_t sideLanes = 3;

/// What `goss_cuda_variant.scratch` counts.
constexpr uint64_t scratchUnit = 256;

constexpr std::array<uint64_t, 3> mostBlocks = {0x7fffffff, 65535, 65535};

} // namespace

//===----------------------------------------------------------------------===//
// CudaLanes
//===----------------------------------------------------------------------===//

Status CudaLanes::create() {
  GOSS_RETURN_IF_ERROR(main_.create());
  GOSS_RETURN_IF_ERROR(fork_.create());
  for (size_t i = 0; i < sideLanes; ++i) {
    sides_.push_back(std::make_unique<Side>(context_));
    GOSS_RETURN_IF_ERROR(sides_.back()->stream.create());
    GOSS_RETURN_IF_ERROR(sides_.back()->done.create());
  }
  return Status::ok();
}

Status CudaLanes::fork(size_t count) {
  if (count < 2)
    return Status::ok();
  const Driver &driver = context_.driver();
  GOSS_CUDA_CALL(driver, eventRecord, fork_.get(), main_.get());
  for (size_t i = 1; i < std::min(count, this->count()); ++i)
    GOSS_CUDA_CALL(driver, streamWaitEvent, lane(i), fork_.get(), 0);
  return Status::ok();
}

Status CudaLanes::join(size_t count) {
  const Driver &driver = context_.driver();
  for (size_t i = 1; i < std::min(count, this->count()); ++i) {
    Event done = sides_[i - 1]->done.get();
    GOSS_CUDA_CALL(driver, eventRecord, done, lane(i));
    GOSS_CUDA_CALL(driver, streamWaitEvent, main_.get(), done, 0);
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// CudaPlan
//===----------------------------------------------------------------------===//

void CudaPlan::clear() {
  dispatches_.clear();
  launches_.clear();
  stages_.clear();
  bindings_.clear();
  scratchBytes_ = 0;
}

Status CudaPlan::addDispatch(std::span<const goss_launch> launches,
                             const goss_dims &dims) {
  size_t first = launches_.size();
  uint64_t scratch = 0;
  for (const goss_launch &launch : launches) {
    if (launch.kernel >= code_.kernels().size())
      return internalError("the compiled step launches kernel " +
                           std::to_string(launch.kernel) + " of " +
                           std::to_string(code_.kernels().size()));
    GOSS_RETURN_IF_ERROR(addLaunch(code_.kernels()[launch.kernel],
                                   launch.bindings, dims, scratch));
  }
  endDispatch(first, scratch);
  return Status::ok();
}

Status CudaPlan::addDispatch(const CudaKernel &kernel,
                             const void *const *bindings,
                             const goss_dims &dims) {
  size_t first = launches_.size();
  uint64_t scratch = 0;
  GOSS_RETURN_IF_ERROR(addLaunch(kernel, bindings, dims, scratch));
  endDispatch(first, scratch);
  return Status::ok();
}

void CudaPlan::endDispatch(size_t firstLaunch, uint64_t scratch) {
  dispatches_.push_back({firstLaunch, launches_.size()});
  scratchBytes_ = std::max(scratchBytes_, scratch);
}

Status CudaPlan::addLaunch(const CudaKernel &kernel,
                           const void *const *bindings, const goss_dims &dims,
                           uint64_t &scratch) {
  const CudaKernel::Variant *variant = kernel.choose(dims);
  if (!variant)
    return Status::ok();
  uint64_t ownScratch = evaluate(variant->scratch, dims) * scratchUnit;
  size_t firstStage = stages_.size();
  for (const CudaKernel::Stage &stage : variant->stages) {
    StageLaunch each{&stage, {}};
    bool isEmpty = false;
    for (size_t i = 0; i < 3; ++i) {
      uint64_t blocks = evaluate(stage.launch->grid[i], dims);
      if (blocks > mostBlocks[i])
        return internalError(std::string(stage.launch->symbol) + ": expects " +
                             "at most " + std::to_string(mostBlocks[i]) +
                             " blocks but got " + std::to_string(blocks));
      each.grid[i] = static_cast<unsigned>(blocks);
      isEmpty |= blocks == 0;
    }
    if (!isEmpty)
      stages_.push_back(each);
  }
  size_t firstBinding = bindings_.size();
  for (uint32_t i = 0; i < kernel.numBindings; ++i)
    bindings_.push_back(reinterpret_cast<uintptr_t>(bindings[i]));
  launches_.push_back({firstStage, stages_.size(), firstBinding,
                       bindings_.size(), scratch, ownScratch != 0});
  scratch += ownScratch;
  return Status::ok();
}

Status CudaPlan::issue(size_t dispatch, const Driver &driver, CudaLanes &lanes,
                       Address dims, Address scratch) {
  const Dispatch &each = dispatches_[dispatch];
  size_t count = each.endLaunch - each.firstLaunch;
  GOSS_RETURN_IF_ERROR(lanes.fork(count));
  for (size_t i = 0; i < count; ++i)
    GOSS_RETURN_IF_ERROR(issueLaunch(launches_[each.firstLaunch + i], driver,
                                     lanes.lane(i), dims, scratch));
  return lanes.join(count);
}

Status CudaPlan::issueLaunch(const Launch &launch, const Driver &driver,
                             Stream stream, Address dims, Address scratch) {
  values_.assign(bindings_.begin() +
                     static_cast<ptrdiff_t>(launch.firstBinding),
                 bindings_.begin() + static_cast<ptrdiff_t>(launch.endBinding));
  values_.push_back(dims);
  values_.push_back(launch.hasScratch ? scratch + launch.scratch : 0);
  arguments_.clear();
  for (Address &value : values_)
    arguments_.push_back(&value);
  for (size_t i = launch.firstStage; i < launch.endStage; ++i) {
    const StageLaunch &stage = stages_[i];
    const goss_cuda_stage &table = *stage.stage->launch;
    Status status = driver.check(
        "launchKernel",
        driver.launchKernel(stage.stage->function, stage.grid[0], stage.grid[1],
                            stage.grid[2], table.block, 1, 1,
                            table.dynamic_shared_bytes, stream,
                            arguments_.data(), nullptr));
    if (!status.isOk())
      return status.withContext(table.symbol);
  }
  return Status::ok();
}
