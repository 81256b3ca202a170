//===- CudaPlan.h - The launches of one step --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDAPLAN_H
#define GOSSAMER_RUNTIME_DEVICE_CUDAPLAN_H

#include "runtime/device/CudaCode.h"

#include <array>
#include <span>
#include <vector>

namespace gossamer::cuda {

/// The streams that launches of one dispatch are divided among. Not
/// thread-safe.
class CudaLanes {
public:
  explicit CudaLanes(const CudaContext &context)
      : context_(context), main_(context), fork_(context) {}
  Status create();

  Stream main() const { return main_.get(); }
  /// Lets the first `count` lanes begin after what is on the main one.
  Status fork(size_t count);
  /// Lets the main one go on after the first `count` lanes.
  Status join(size_t count);
  /// Lane 0 is the main one; numbers beyond the last begin anew.
  Stream lane(size_t index) const {
    index %= sides_.size() + 1;
    return index == 0 ? main_.get() : sides_[index - 1]->stream.get();
  }
  size_t count() const { return sides_.size() + 1; }

private:
  struct Side {
    explicit Side(const CudaContext &context)
        : stream(context), done(context) {}
    CudaStream stream;
    CudaEvent done;
  };

  const CudaContext &context_;
  CudaStream main_;
  CudaEvent fork_;
  std::vector<std::unique_ptr<Side>> sides_;
};

/// What the compiled step asked for, in the driver's terms. Not thread-safe.
class CudaPlan {
public:
  explicit CudaPlan(const CudaCode &code) : code_(code) {}

  void clear();
  /// Adds the launches of one dispatch; they may run side by side.
  Status addDispatch(std::span<const goss_launch> launches,
                     const goss_dims &dims);
  /// Adds a dispatch of one kernel that no dispatch of the step names.
  Status addDispatch(const CudaKernel &kernel, const void *const *bindings,
                     const goss_dims &dims);
  size_t dispatches() const { return dispatches_.size(); }
  /// Memory that the launches of the neediest dispatch take together.
  uint64_t scratchBytes() const { return scratchBytes_; }

  /// Puts the launches of one dispatch on the lanes; on the main lane they are
  /// done when all are. `dims` and `scratch` are memory of the GPU.
  Status issue(size_t dispatch, const Driver &driver, CudaLanes &lanes,
               Address dims, Address scratch);

private:
  struct StageLaunch {
    const CudaKernel::Stage *stage;
    std::array<unsigned, 3> grid;
  };
  struct Launch {
    size_t firstStage, endStage;
    size_t firstBinding, endBinding;
    uint64_t scratch; ///< offset.
    bool hasScratch;
  };
  struct Dispatch {
    size_t firstLaunch, endLaunch;
  };

  Status addLaunch(const CudaKernel &kernel, const void *const *bindings,
                   const goss_dims &dims, uint64_t &scratch);
  void endDispatch(size_t firstLaunch, uint64_t scratch);
  Status issueLaunch(const Launch &launch, const Driver &driver, Stream stream,
                     Address dims, Address scratch);

  const CudaCode &code_;
  std::vector<Dispatch> dispatches_;
  std::vector<Launch> launches_;
  std::vector<StageLaunch> stages_;
  std::vector<Address> bindings_;
  uint64_t scratchBytes_ = 0;
  std::vector<Address> values_;   ///< arguments of the launch at hand.
  std::vector<void *> arguments_; ///< their addresses.
};

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDAPLAN_H
