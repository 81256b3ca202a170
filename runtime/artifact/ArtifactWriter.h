//===- ArtifactWriter.h - Writing a compiled model --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ARTIFACT_ARTIFACTWRITER_H
#define GOSSAMER_RUNTIME_ARTIFACT_ARTIFACTWRITER_H

#include "runtime/artifact/Format.h"
#include "runtime/artifact/manifest.pb.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Status.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Writes a .goss file, which appears whole or not at all. The same calls give
/// the same bytes. One thread at a time.
///
///   GOSS_ASSIGN_OR_RETURN(
///       ArtifactWriter writer,
///       ArtifactWriter::create(path, manifest, {{SectionKind::Code, code}}));
///   GOSS_RETURN_IF_ERROR(writer.commit());
class ArtifactWriter {
public:
  /// A section other than the manifest and the weights.
  struct Section {
    SectionKind kind;
    std::string_view bytes;
  };

  /// Writes all but the weights. `manifest` must pass checkManifest; its
  /// format version is set here. Sections may come in any order, each kind at
  /// most once, `Code` always. `weightsBytes` is the size of the embedded
  /// weights: not zero exactly if manifest.weights_embedded.
  static Expected<ArtifactWriter> create(const std::string &path,
                                         proto::Manifest manifest,
                                         std::vector<Section> sections,
                                         uint64_t weightsBytes = 0);

  /// Appends embedded weights, in pieces of any size. The caller puts the zero
  /// bytes between tensors.
  Status appendWeights(std::span<const std::byte> bytes);

  /// Completes the file; all declared weights must have been appended.
  Status commit();

private:
  explicit ArtifactWriter(AtomicFile file) : file_(std::move(file)) {}

  AtomicFile file_;
  std::vector<SectionEntry> table_;
  uint64_t weightsLeft_ = 0;
  Sha256 weightsHash_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_ARTIFACT_ARTIFACTWRITER_H
