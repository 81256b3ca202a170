//===- LaunchCost.h - What a launch reads and computes ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The work of a launch, from the estimates of its kernel in the manifest and
// the sizes of the step. It is what the mathematics cannot do without:
//
//  - every parameter byte counts once a launch, however many tokens use it; of
//    expert weights only those of the experts that the router chose, of an
//    embedding only the rows looked up;
//  - keys and values of a sequence count once a launch, those that at least
//    one of its tokens sees;
//  - a multiplication and an addition are two operations.
//
// Activations and what is written are left out: they stay in the caches.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_LAUNCHCOST_H
#define GOSSAMER_TOOLS_GOSS_LAUNCHCOST_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/manifest.pb.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace gossamer::tools {

struct Work {
  double bytes = 0; ///< read from memory.
  double flops = 0; ///< arithmetic operations.

  Work &operator+=(const Work &other) {
    bytes += other.bytes;
    flops += other.flops;
    return *this;
  }
};

/// How to count the work of one launch of the manifest; small enough to be
/// asked after every dispatch.
class LaunchCost {
public:
  LaunchCost(const proto::Manifest &manifest, const proto::Launch &launch);

  /// Work of a launch that just ran. Reads its bindings where the step's data
  /// decide (chosen experts, positions): they must be memory of this process.
  Work of(const goss_launch &launch, const goss_dims &dims) const;

private:
  enum class Rule {
    PerItem,    ///< the arithmetic of the items.
    PerRow,     ///< and the bytes: rows of a table.
    Linear,     ///< an item is rows of a matrix, used by every token.
    GateUp,     ///< an item is rows of the matrix of one active expert.
    Down,       ///< an item is rows of the matrices of all active experts.
    TokenMoe,   ///< an item is a token with the matrices that it chose.
    Attention,  ///< keys and values of the cache.
    HalfOfThat, ///< keys or values.
  };

  /// The keys that tokens of one sequence see: first to last.
  struct KeyRange {
    int64_t first;
    int64_t end;
  };

  static Rule chooseRule(const proto::Kernel &kernel);
  void findBindings(const proto::Manifest &manifest,
                    const proto::Launch &launch);
  void addVector(const proto::Tensor &tensor);
  void readCache(const proto::CacheLayout &cache,
                 const proto::CacheGroup &group);
  Work linearWork(double items, const goss_dims &dims) const;
  Work expertWork(const goss_launch &launch, const goss_dims &dims) const;
  Work tokenMoeWork(double items, const goss_dims &dims) const;
  Work attentionWork(const goss_launch &launch, const goss_dims &dims) const;

  Rule rule_;
  double bytesPerItem_;
  double flopsPerItem_;
  uint32_t numExperts_;
  uint32_t expertsPerToken_;
  uint32_t heads_;
  uint32_t headDim_;
  double vectorBytes_ = 0;       ///< norm weights, biases, sinks.
  double expertVectorBytes_ = 0; ///< biases of all experts.
  bool rowsAreOutputs_ = false;  ///< writes logits.
  double keyBytes_ = 0;          ///< key and value of a position, one layer.
  uint32_t window_ = 0;          ///< most keys a token sees; 0 = all.
  /// Bindings to look into.
  std::optional<size_t> offsets_, active_, positions_, sequences_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_LAUNCHCOST_H
