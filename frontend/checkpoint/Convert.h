//===- Convert.h - A checkpoint in another form -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes the weights of a checkpoint in any form that Gossamer reads. A plan
// says which files there will be and where in them each tensor lies; running it
// makes the tensors piece by piece. Numbers stay as they are unless a narrower
// type was asked for: then what it could not hold is counted.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CONVERT_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CONVERT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/checkpoint/TensorProducers.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gossamer {

/// What a conversion writes of itself beside the weights: every file with the
/// place and SHA-256 of every tensor.
inline constexpr const char *conversionManifest = "gossamer-manifest.json";

struct ConvertOptions {
  std::string to = "hf"; ///< hf, hf-bf16, original, gguf or numpy.
  /// Type of floating-point tensors. By default what the form has, without a
  /// loss: BF16 where every number of a tensor fits, else as it is; F32 in
  /// numpy, which has no BF16.
  std::optional<DType> floats;
  /// Makes MXFP4 of plain experts, for hf and original.
  bool quantizeExperts = false;
  /// A new file begins when the current one would exceed this.
  uint64_t shardBytes = 4'800'000'000;
};

/// One tensor of a file.
struct OutputTensor {
  std::string name;
  std::string type; ///< as the form writes it.
  std::vector<uint64_t> shape;
  TensorBytes bytes;
  uint64_t offset = 0; ///< from the beginning of the file.
  std::vector<std::shared_ptr<ConversionLoss>> losses; ///< that making counts.
};

struct OutputFile {
  std::string name; ///< relative to the directory.
  std::string header;
  std::vector<OutputTensor> tensors;
  uint64_t size = 0;
};

/// All that a conversion will write.
struct ConversionPlan {
  std::string form, sourceForm;
  std::vector<WeightFile> sourceFiles;
  std::vector<OutputFile> files;
  /// Name and content of the files after those, in order: the config is last.
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::string> notes; ///< what the form cannot keep.

  /// Bytes of all files of weights.
  uint64_t byteSize() const;
};

/// The names of the forms.
std::span<const char *const> conversionForms();

/// Plans a conversion. The checkpoint must outlive the plan. Fails with Usage
/// for options that do not go together and with InvalidData for a model that
/// the form cannot express. May read floating-point tensors to find out
/// whether they fit BF16.
Expected<ConversionPlan> planConversion(const Checkpoint &checkpoint,
                                        const ConvertOptions &options);

struct RunOptions {
  /// Goes on where a run of the same conversion was stopped; keeps the finished
  /// files of this one when it is.
  bool resume = false;
  /// Threads that make tensors. The bytes written do not depend on it.
  unsigned workers = 2;
  ProgressFunction progress;
};

struct ConvertReport {
  uint64_t writtenBytes = 0;
  uint64_t keptBytes = 0; ///< of files that an earlier run finished.
  uint64_t overflows = 0, underflows = 0, rounded = 0;
  bool wasFinished = false; ///< by an earlier run; nothing was done.
};

/// Writes the files into `directory`, which is created and must be empty unless
/// a run is resumed. Each file appears when it is whole, the config last:
/// whenever the process ends, what is there is no checkpoint or a right one.
/// After a failure nothing is left behind, unless a run is resumed.
Expected<ConvertReport> runConversion(const ConversionPlan &plan,
                                      const std::string &directory,
                                      const RunOptions &options = {});

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CONVERT_H
