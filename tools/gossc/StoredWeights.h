//===- StoredWeights.h - Where an artifact's weights lie --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_STOREDWEIGHTS_H
#define GOSSAMER_TOOLS_GOSSC_STOREDWEIGHTS_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/checkpoint/PackedWeights.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "tools/gossc/ArtifactBuilder.h"
#include "tools/gossc/PlanSummary.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gossamer {

/// The tensors of the plan in the checkpoint's files, or in the artifact's
/// section `weights`: as they are, or packed.
class StoredWeights {
public:
  /// The checkpoint must outlive this.
  explicit StoredWeights(const Checkpoint &checkpoint)
      : checkpoint_(checkpoint) {}

  /// Adds the tensors to the manifest, with places in the section where `embed`
  /// is set. Packed tensors need that. A config alone has no places.
  Status place(const PlanSummary &plan, bool embed, proto::Manifest &manifest);

  /// Bytes of the section.
  uint64_t size() const { return size_; }

  /// Writes the section in pieces, so that a long copy can be watched and
  /// stopped; the next piece is made while one is written.
  Status append(const CancelCallback &cancelled, bool showProgress,
                ArtifactWriter &writer) const;

private:
  /// One tensor of the section.
  struct Entry {
    uint64_t offset = 0, size = 0;
    TensorBytes bytes;                  ///< as they are; or
    std::optional<PackedTensor> packed; ///< how they are made.
  };

  Expected<PackedTensor> describePacked(const PlanTensor &tensor) const;
  /// Fills the manifest's entry.
  Status placeTensor(const PlanTensor &tensor, bool embed,
                     proto::Tensor &entry);
  /// Gives the tensor a place in the section and notes it in its entry.
  Status embedTensor(const PlanTensor &tensor, const TensorLocation &location,
                     proto::Tensor &entry);

  const Checkpoint &checkpoint_;
  std::vector<Entry> entries_; ///< each once, in the order of first use.
  std::map<std::pair<std::string, int>, size_t> byKey_;
  uint64_t size_ = 0;
};

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_STOREDWEIGHTS_H
