//===- ModelCheck.h - A model against its oracle ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Operations keep the names of the graph on their way through the compiler. So
// a value of the fused plan can be compared with the value of the same name
// that the unfused oracle computes, and the first that differs names the
// operation to look at.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_MODELCHECK_H
#define GOSSAMER_TOOLS_GOSS_MODELCHECK_H

#include "runtime/model/Model.h"
#include "tools/goss/LaunchValues.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gossamer::tools {

/// How far two arrays of one size are apart.
struct Distance {
  double maxAbs = 0;
  double rms = 0;      ///< of the differences.
  double relative = 0; ///< rms by the root mean square of the oracle's values.
};

/// Values that are not finite are infinitely far from all others.
Distance measureDistance(std::span<const float> values,
                         std::span<const float> oracle);

/// One value in one step.
struct CheckedValue {
  uint32_t launch; ///< of the model.
  uint32_t oracleLaunch;
  uint64_t step;
  std::vector<uint64_t> shape;
  Distance distance;
};

struct CheckResult {
  std::vector<CheckedValue> values; ///< in the order of execution.
  std::vector<int64_t> stepTokens;
  // Launches of the model:
  uint64_t compared = 0;
  uint64_t withoutCounterpart = 0; ///< the oracle has no such value.
  uint64_t quantized = 0;          ///< leave int8 for the next one.
  uint64_t cacheOnly = 0;          ///< store keys and values, compared before.

  /// The first value that is farther off than `tolerance`.
  std::optional<size_t> firstBeyond(double tolerance) const;
};

/// The largest relative RMS of a right model, by its math mode.
double defaultTolerance(std::string_view mathMode);

/// Fails with InvalidData when `oracle` is not one, or not one of the
/// checkpoint that `model` was made from; the message has the command that
/// makes it. Weight values are not compared.
Status checkOracle(const Model &model, const Model &oracle);

/// The options of gossc that make an oracle for `model`.
std::vector<std::string> oracleOptions(const proto::Manifest &model);
/// The command line that makes one.
std::string oracleCommand(const proto::Manifest &model);

/// Tokens to compute where no text is given: drawn at random, always the same.
/// `most` of them, or as many as a sequence may have.
std::vector<int32_t> builtInTokens(const StepShape &shape, size_t most);

/// Computes `tokens` with both: all but the last in one step, then the last.
/// Fails with Usage when these do not fit a step.
Expected<CheckResult> checkModel(std::shared_ptr<const Model> model,
                                 std::shared_ptr<const Model> oracle,
                                 std::span<const int32_t> tokens);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_MODELCHECK_H
