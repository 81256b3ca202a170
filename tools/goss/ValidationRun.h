//===- ValidationRun.h - The checks of goss validate ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// docs/validation.md says what each check is, and why its limits are what they
// are. A check that finds something wrong fails and the others go on; only what
// keeps all of them from running ends the validation.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_VALIDATIONRUN_H
#define GOSSAMER_TOOLS_GOSS_VALIDATIONRUN_H

#include "frontend/checkpoint/Checkpoint.h"
#include "tools/eval/LogitStatistics.h"
#include "tools/eval/TokenSequences.h"
#include "tools/goss/ModelArguments.h"
#include "tools/validate/SamplingCheck.h"
#include "tools/validate/validation.pb.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gossamer::tools {

/// The checks, in their order.
inline constexpr const char *validationChecks[] = {
    "decode",     "products", "layers",     "logits",    "reference",
    "perplexity", "sampling", "generation", "throughput"};

/// Tokens that are generated to measure a rate.
inline constexpr uint32_t validationDecodedTokens = 16;

struct ValidationOptions {
  std::set<std::string> skipped;   ///< of validationChecks.
  std::string against;             ///< reference logits; may be empty.
  uint64_t last = 0;               ///< as of KeptRows, for the reference.
  uint64_t oracleTokens = 64;      ///< computed by the oracle too.
  uint64_t draws = 20000;          ///< of each strategy.
  uint64_t seed = 1;               ///< of all draws.
  std::vector<uint64_t> lengths;   ///< empty: what the context holds.
  std::optional<double> tolerance; ///< of logits; none: by math mode.
  bool quiet = false;
};

/// What a validation is of. All are open and fit each other.
struct ValidationSubject {
  Checkpoint checkpoint;
  LoadedModel model;
  LoadedModel oracle;
  TokenSequences sequences; ///< checked against the model.
};

/// Runs the checks that are not skipped.
class ValidationRun {
public:
  ValidationRun(const ValidationSubject &subject,
                const ValidationOptions &options);

  /// Fails with Interrupted, or where the machine or the disk does; what is
  /// wrong with the model is in the result.
  Expected<proto::Validation> run();

private:
  /// What a check says of itself.
  struct Finding {
    proto::Verdict::Outcome outcome = proto::Verdict::PASSED;
    std::string summary;
    std::string limit;
    double bound = 0; ///< in a limit of relative RMS.
  };
  using Check = Expected<Finding> (ValidationRun::*)();

  Status runCheck(const char *name, Check check);
  Expected<Finding> checkDecoding();
  Expected<Finding> checkProducts();
  Expected<Finding> checkLayers();
  Expected<Finding> checkLogits();
  Expected<Finding> checkReference();
  Expected<Finding> checkPerplexity();
  Expected<Finding> checkSampling();
  Expected<Finding> checkGeneration();
  Expected<Finding> measureThroughput();

  using ReferenceRow = std::function<Expected<LogitRow>(uint64_t row)>;
  Expected<proto::LogitCheck> compareLogits(const TokenSequences &sequences,
                                            const KeptRows &kept,
                                            const ReferenceRow &reference);
  Finding judgeLogits(const proto::LogitCheck &check) const;
  /// The first tokens of the first sequence, as many as the oracle computes.
  std::vector<int32_t> beginning(uint64_t most) const;
  std::string textOf(int32_t token) const;
  void describeBins(const SamplingResult &result,
                    proto::StrategyCheck &check) const;

  const ValidationSubject &subject_;
  const ValidationOptions &options_;
  const proto::Manifest &manifest_; ///< of the model.
  proto::Validation result_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_VALIDATIONRUN_H
