//===- Artifact.h - Opening a compiled model --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ARTIFACT_ARTIFACT_H
#define GOSSAMER_RUNTIME_ARTIFACT_ARTIFACT_H

#include "runtime/artifact/Format.h"
#include "runtime/artifact/manifest.pb.h"
#include "runtime/artifact/record.pb.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Sha256.h"
#include "runtime/support/Status.h"
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// A .goss file, checked before anything of it can be used: Format.h says what
/// holds of the bytes, ManifestChecks.h what holds of the manifest. All
/// sections but the weights are copies in memory, so that the bytes that were
/// checked are the bytes that are used even if somebody changes the file;
/// weights stay mapped. Movable; immutable, so thread-safe to read. Spans and
/// references live as long as it does.
class Artifact {
public:
  static Expected<Artifact> open(const std::string &path);
  /// The same for a file that is already mapped, or for bytes in memory
  /// (MappedFile::borrow).
  static Expected<Artifact> read(MappedFile file);

  const std::string &path() const { return file_.path(); }
  const proto::Manifest &manifest() const { return *manifest_; }

  bool hasSection(SectionKind kind) const;
  /// Bytes of a section; empty when the file has none of that kind.
  std::span<const std::byte> section(SectionKind kind) const;
  std::span<const std::byte> weightsSection() const {
    return section(SectionKind::Weights);
  }
  /// The section table, in the order of the file.
  std::span<const SectionEntry> sections() const { return sections_; }

  /// What the compiler saw on its way; empty without the section. Parsed on
  /// each call, and nothing of it is checked but that it is such a message:
  /// whoever follows its indices checks them.
  Expected<proto::CompileRecord> record() const;

  /// Digest of the header. It covers the table and so every byte of the file:
  /// two artifacts with equal identities are equal.
  Sha256Digest identity() const;

  /// Also checks what open() leaves out: the digest of the weights. Reads the
  /// whole file. `showProgress`: on a terminal, how far that is.
  Status verifyAll(bool showProgress = false) const;

private:
  /// Keeps the alignment that sections have in the file.
  struct alignas(sectionAlignment) Block {
    std::byte bytes[sectionAlignment];
  };

  Artifact() = default;
  Status copyChecked();
  Status checkContents() const;
  std::span<const std::byte> bytesOf(const SectionEntry &entry) const;

  MappedFile file_;
  std::vector<Block> checked_; ///< the file up to the weights.
  std::vector<SectionEntry> sections_;
  std::unique_ptr<const proto::Manifest> manifest_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_ARTIFACT_ARTIFACT_H
