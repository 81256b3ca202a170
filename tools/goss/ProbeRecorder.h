//===- ProbeRecorder.h - Intermediate values of a run -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_PROBERECORDER_H
#define GOSSAMER_TOOLS_GOSS_PROBERECORDER_H

#include "tools/goss/LaunchValues.h"
#include "tools/goss/ObservedModel.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace gossamer::tools {

/// Which values of a run are wanted, and where they go.
struct ProbeOptions {
  /// "NAME" or "NAME:K" with K the number of the written binding. Each value is
  /// described to `print`. None: all values of all launches, without a word.
  std::vector<std::string> probes;
  /// Folder for .npy files and index.json, which must not hold anything yet;
  /// empty: write nothing.
  std::string directory;
  uint64_t firstStep = 0;
  uint64_t lastStep = 0;
  std::function<void(const std::string &line)> print;
};

/// Smallest, largest and mean of the finite elements.
struct ValueSummary {
  double min = 0, max = 0, mean = 0;
  uint64_t finite = 0;
  uint64_t notFinite = 0;
};

template <typename T> ValueSummary summarize(std::span<const T> elements);
extern template ValueSummary summarize(std::span<const float>);
extern template ValueSummary summarize(std::span<const int32_t>);

/// Copies values right after the dispatch that wrote them. Launches that run
/// as one dispatch finish together. The folder appears whole at the end.
class ProbeRecorder final : public StepObserver {
public:
  /// Fails with Usage for a name that no launch has, and for a folder that
  /// holds something; `manifest` must outlive the recorder.
  static Expected<std::unique_ptr<ProbeRecorder>>
  create(const proto::Manifest &manifest, ProbeOptions options);
  ~ProbeRecorder() override;

  Status stepBegins(const goss_step_args &args) override;
  void dispatched(const DispatchEvent &event) override;
  Status stepEnded() override;

  uint64_t steps() const { return step_; }
  uint64_t seenValues() const { return seen_; }

  /// Writes index.json and gives the folder its name.
  Status finish(const std::string &model);

private:
  struct Step {
    uint64_t number;
    goss_dims dims;
    std::vector<int32_t> tokens, positions;
  };
  struct File {
    std::string name;
    uint64_t step;
    const LaunchValue *value;
    std::vector<uint64_t> shape;
    ValueSummary summary;
  };

  ProbeRecorder(const proto::Manifest &manifest, ProbeOptions options)
      : manifest_(manifest), options_(std::move(options)), values_(manifest) {}
  Status choose(const std::string &probe);
  Status openDirectory();
  Status see(const LaunchValue &value, const DispatchEvent &event,
             const void *data);
  template <typename T>
  Status keep(const LaunchValue &value, std::vector<uint64_t> shape,
              std::span<const T> elements);
  template <typename T>
  void print(const LaunchValue &value, std::span<const uint64_t> shape,
             std::span<const T> elements, const ValueSummary &summary) const;
  std::string fileName(const LaunchValue &value) const;
  std::string indexJson(const std::string &model) const;
  const proto::Launch &launchOf(const LaunchValue &value) const {
    return manifest_.launches(static_cast<int>(value.launch));
  }

  const proto::Manifest &manifest_;
  ProbeOptions options_;
  LaunchValues values_;
  std::set<const LaunchValue *> chosen_; ///< empty: all.
  std::string partial_;                  ///< the folder until it is complete.
  uint64_t step_ = 0;                    ///< steps that ended.
  bool active_ = false;                  ///< the step at hand is wanted.
  Status failure_;                       ///< of the step at hand.
  uint64_t seen_ = 0;
  std::vector<Step> steps_;
  std::vector<File> files_;
};

/// Reads "3" or "0-7" for ProbeOptions; returns "" or what was expected.
std::string parseSteps(const std::string &text, ProbeOptions &options);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_PROBERECORDER_H
