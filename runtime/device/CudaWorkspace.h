//===- CudaWorkspace.h - What one running step needs ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDAWORKSPACE_H
#define GOSSAMER_RUNTIME_DEVICE_CUDAWORKSPACE_H

#include "runtime/device/CudaMemory.h"
#include "runtime/device/CudaPlan.h"

#include <optional>
#include <vector>

namespace gossamer::cuda {

/// Copies of the host's arrays on the GPU, scratch memory, and the graphs that
/// were recorded with their addresses. They grow to the largest step so far.
/// Used by one step at a time.
class CudaWorkspace {
public:
  /// `usesGraphs`: otherwise every launch of every step is issued anew.
  CudaWorkspace(CudaMemory &memory, const CudaCode &code, StepArrays arrays,
                bool usesGraphs);
  ~CudaWorkspace();
  Status create();

  /// As Program::runAndChoose, or without `chosen` as Program::run; the context
  /// is the current one.
  Status run(const goss_step_args &args, std::span<const TokenChoice> wanted,
             std::span<int32_t> chosen, DispatchObserver *observer);

private:
  /// What a recorded graph is good for: T, R and all addresses.
  using Key = std::vector<uint64_t>;
  /// A kind of step that came before; recorded when it comes again.
  struct Recording {
    Key key;
    GraphExec exec;
    uint64_t lastUse;
  };
  struct Call; ///< What passes through the step to `dispatch`.

  const Driver &driver() const { return memory_.context().driver(); }
  Status makeRoom(const goss_dims &dims);
  Status makeRoomForSeen(uint64_t rows);
  Status prepareChoices(std::span<const TokenChoice> wanted,
                        std::span<const int32_t> chosen);
  Status upload(const goss_step_args &args);
  Status uploadTables(const goss_step_args &args);
  goss_step_args bind(const goss_step_args &args);
  Key keyOf(const goss_step_args &bound) const;
  Status compute(const goss_step_args &bound, DispatchObserver *observer);
  Status collect(const goss_step_args &bound, DispatchObserver *observer);
  Status collectChoice(const goss_step_args &bound);
  Status fetch(const goss_step_args &args, std::span<int32_t> chosen);
  Status fetchRow(const goss_step_args &args, size_t row);
  Status wait();
  static int32_t dispatch(void *context, const goss_launch *launches,
                          uint32_t count, const goss_dims *dims);
  Status dispatchObserved(Call &call, std::span<const goss_launch> launches,
                          const goss_dims &dims);
  Status makeScratch();
  Status issue(size_t dispatch);
  Status issueAll();
  Status record(GraphExec &exec);
  Recording &recordingOf(Key key, bool &isNew);
  void dropGraphs();

  CudaMemory &memory_;
  CudaLanes lanes_;
  CudaEvent begun_, ended_; ///< of an observed dispatch.
  CudaPlan plan_;
  const CudaCode &code_;
  StepArrays arrays_;
  bool usesGraphs_;

  uint64_t tokens_ = 0;    ///< room in inputs_: dims, then five arrays.
  uint64_t sequences_ = 0; ///< room in tables_: [groups][sequences][maxPages].
  /// `seen_`: [outputs][words], made when a choice has a penalty.
  DeviceBuffer inputs_, tables_, logits_, seen_, chosen_, scratch_;
  /// Pinned, of the same layout.
  DeviceBuffer hostInputs_, hostTables_, hostSeen_, hostChosen_;
  bool chooses_ = false; ///< the step at hand: runs goss_cuda_code.choose.
  std::vector<goss_cache_group> caches_;
  std::vector<Recording> recordings_;
  uint64_t uses_ = 0;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDAWORKSPACE_H
