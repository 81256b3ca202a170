//===- WeightIndex.h - model.safetensors.index.json -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The index maps tensors to files; the names of the
// files carry no meaning (the published ones count from zero).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_WEIGHTINDEX_H
#define GOSSAMER_FRONTEND_CHECKPOINT_WEIGHTINDEX_H

#include "runtime/support/Status.h"
#include "runtime/weights/Safetensors.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// Names of the only file of weights, and of the index of several.
inline constexpr const char *singleWeightFile = "model.safetensors";
inline constexpr const char *weightIndexFile = "model.safetensors.index.json";

/// The checked content of an index file.
class WeightIndex {
public:
  /// Reads the file; refuses file names that leave its directory.
  static Expected<WeightIndex> load(const std::string &path);

  const std::string &path() const { return path_; }
  /// The file of each tensor.
  const std::map<std::string, std::string, std::less<>> &fileOfTensor() const {
    return fileOfTensor_;
  }
  /// The recorded sum of the tensors' sizes.
  std::optional<uint64_t> totalSize() const { return totalSize_; }
  /// Names of the files, each once, in lexicographic order.
  const std::vector<std::string> &fileNames() const { return fileNames_; }

  /// Compares with the opened files (in fileNames() order): each tensor must
  /// be in the file that the index says and nowhere else, and the sum of sizes
  /// must be the recorded one.
  Status compare(std::span<const SafetensorsFile> files) const;

private:
  Status compareFile(const SafetensorsFile &file,
                     const std::string &name) const;

  std::string path_;
  std::map<std::string, std::string, std::less<>> fileOfTensor_;
  std::vector<std::string> fileNames_;
  std::optional<uint64_t> totalSize_;
};

/// Text of an index file.
std::string weightIndexJson(uint64_t totalSize,
                            const std::map<std::string, std::string> &files);

/// Name of a file of `count`, as published: counted from zero, with the last
/// index as the total; or model.safetensors for a single one.
std::string shardName(size_t index, size_t count);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_WEIGHTINDEX_H
