//===- LaunchCost.h - What a launch reads and computes ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The work of a launch, from the estimates of its kernel in the manifest and
// the sizes of the step: of one that just ran, or as is to be expected of a
// step of some shape. It is what the mathematics cannot do without:
//
//  - every parameter byte counts once a launch, however many tokens use it; of
//    expert weights only those of the experts that the router chose, of an
//    embedding only the rows looked up;
//  - keys and values of a sequence count once a launch, those that at least
//    one of its tokens sees;
//  - a multiplication and an addition are two operations.
//
// Activations and what is written are left out, as they stay in the caches;
// expected work names them beside it.
//
// Of experts that nobody chose yet the expected number is used: when each of T
// tokens chooses k of E at random, E (1 - (1 - k/E)^T) are chosen by any.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_LAUNCHCOST_H
#define GOSSAMER_TOOLS_REPORT_LAUNCHCOST_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/manifest.pb.h"
#include "runtime/device/Device.h"
#include "tools/report/report.pb.h"

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

/// Work of a launch in a step that has not run.
struct ExpectedWork {
  double flops = 0;
  double weightBytes = 0;
  double cacheBytes = 0;
  double activationBytes = 0; ///< read and written.

  ExpectedWork &operator+=(const ExpectedWork &other) {
    flops += other.flops;
    weightBytes += other.weightBytes;
    cacheBytes += other.cacheBytes;
    activationBytes += other.activationBytes;
    return *this;
  }
};

/// How to count the work of one launch of the manifest; small enough to be
/// asked after every dispatch.
class LaunchCost {
public:
  LaunchCost(const proto::Manifest &manifest, const proto::Launch &launch);

  /// Work of a launch that just ran. Reads its bindings where the step's data
  /// decide (chosen experts, positions): memory of `device`, or of this process
  /// without one.
  Work of(const goss_launch &launch, const goss_dims &dims,
          Device *device = nullptr) const;

  /// Expected work in a step of that shape.
  ExpectedWork expected(const proto::StepShape &step) const;

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

  /// What the rules count with.
  struct Facts {
    double items = 0;
    double tokens = 0;
    double outputs = 0;
    double experts = 0; ///< that at least one token chose.
    double slots = 0;   ///< pairs of a token and an expert that it chose.
    double visible = 0; ///< pairs of a token and a key that it sees.
    double keys = 0;    ///< that at least one token of their sequence sees.
  };

  static Rule chooseRule(const proto::Kernel &kernel);
  void findBindings(const proto::Manifest &manifest,
                    const proto::Launch &launch);
  void addVector(const proto::Tensor &tensor);
  void addActivation(const proto::Binding &binding, uint64_t maxTokens);
  void readCache(const proto::CacheLayout &cache,
                 const proto::CacheGroup &group);
  double countItems(double tokens, double outputs) const;
  void findExperts(const goss_launch &launch, const goss_dims &dims,
                   Device *device, Facts &facts) const;
  void findKeys(const goss_launch &launch, const goss_dims &dims,
                Device *device, Facts &facts) const;
  void expectKeys(const proto::StepShape &step, Facts &facts) const;
  ExpectedWork count(const Facts &facts) const;

  Rule rule_;
  double bytesPerItem_;
  double flopsPerItem_;
  std::vector<proto::WorkBound> work_;
  uint32_t numExperts_;
  uint32_t expertsPerToken_;
  uint32_t heads_;
  uint32_t headDim_;
  double vectorBytes_ = 0;       ///< norm weights, biases, sinks.
  double expertVectorBytes_ = 0; ///< biases of all experts.
  double rowBytes_ = 0;          ///< activations of a token or output.
  double fixedBytes_ = 0;        ///< other activations.
  bool writesLogits_ = false;
  bool rowsAreOutputs_ = false; ///< rows are outputs, not tokens.
  double keyBytes_ = 0;         ///< key and value of a position, one layer.
  uint32_t window_ = 0;         ///< most keys a token sees; 0 = all.
  /// Bindings to look into.
  std::optional<size_t> offsets_, active_, positions_, sequences_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_LAUNCHCOST_H
