//===- ConvertJournal.h - What a conversion has finished --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to the conversion. While it runs, a file beside the weights says
// which conversion it is and which files are finished, with the digest of each
// tensor. When all is done, the manifest says the same for good.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CONVERTJOURNAL_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CONVERTJOURNAL_H

#include "frontend/checkpoint/Convert.h"

#include <map>

namespace gossamer {

/// Name of the journal's file.
inline constexpr const char *conversionJournal = "gossamer-convert.json";

/// What is known of a tensor once it is written.
struct WrittenTensor {
  std::string sha256; ///< hexadecimal.
  uint64_t overflows = 0, underflows = 0, rounded = 0;
};

/// The finished files of a conversion, by name: a WrittenTensor for each of the
/// plan's tensors.
struct ConvertJournal {
  std::string job; ///< digest of plan and source.
  std::map<std::string, std::vector<WrittenTensor>> files;

  /// The digest of what the plan would write, from which files.
  static std::string describeJob(const ConversionPlan &plan);

  /// Reads a journal. Fails with InvalidData on anything that toJson() does
  /// not write.
  static Expected<ConvertJournal> load(const std::string &path);
  std::string toJson() const;
};

/// Text of the manifest.
std::string manifestJson(const ConversionPlan &plan,
                         const ConvertJournal &journal);

/// The job of the manifest at `path`, or nothing where there is none.
std::optional<std::string> readManifestJob(const std::string &path);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CONVERTJOURNAL_H
