//===- HuggingFaceReader.cpp - The published form -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// config.json, and model.safetensors or the files that
// model.safetensors.index.json names. Experts are MXFP4 or plain. The names,
// types and shapes are those of Gossamer, so that nothing is made.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorReader.h"
#include "frontend/checkpoint/WeightIndex.h"

namespace gossamer {

static void addTensors(const SafetensorsFile &file,
                       CheckpointContents &contents) {
  auto number = static_cast<uint32_t>(contents.files.size());
  for (const TensorView &tensor : file.tensors())
    contents.tensors.push_back(
        {tensor.name,
         tensorOrigin(file.path(), tensor.name),
         tensor.dtype,
         tensor.shape,
         {number, tensor.offset, tensor.size, TensorBytes(tensor.bytes())}});
}

/// Takes over an open file. Views into its mapping stay valid.
static void addFile(const std::string &name, SafetensorsFile file,
                    CheckpointContents &contents) {
  addTensors(file, contents);
  contents.files.push_back(
      {name, file.file().size(), file.headerSize(), file.headerSha256()});
  contents.mappings.push_back(std::move(file).takeFile());
}

static Expected<SafetensorsFile> openBeneath(const std::string &directory,
                                             const std::string &name) {
  GOSS_ASSIGN_OR_RETURN(MappedFile mapped,
                        MappedFile::openBeneath(directory, name));
  return SafetensorsFile::read(std::move(mapped));
}

Status addSafetensors(const std::string &directory, const std::string &name,
                      CheckpointContents &contents) {
  GOSS_ASSIGN_OR_RETURN(SafetensorsFile file, openBeneath(directory, name));
  addFile(name, std::move(file), contents);
  return Status::ok();
}

static Status addShards(const std::string &directory,
                        const std::string &indexPath,
                        CheckpointContents &contents) {
  GOSS_ASSIGN_OR_RETURN(WeightIndex index, WeightIndex::load(indexPath));
  std::vector<SafetensorsFile> files;
  for (const std::string &name : index.fileNames()) {
    Expected<SafetensorsFile> file = openBeneath(directory, name);
    if (!file)
      return file.status().withContext(std::string(indexPath)
                                           .append(": file \"")
                                           .append(name)
                                           .append("\" of weight_map"));
    files.push_back(file.take());
  }
  GOSS_RETURN_IF_ERROR(index.compare(files));
  for (size_t i = 0; i < files.size(); ++i)
    addFile(index.fileNames()[i], std::move(files[i]), contents);
  return Status::ok();
}

Status addIndexedSafetensors(const std::string &directory,
                             CheckpointContents &contents) {
  std::string indexPath = joinPath(directory, weightIndexFile);
  bool single = fileExists(joinPath(directory, singleWeightFile));
  if (!single && !fileExists(indexPath))
    return notFound(directory + ": expects " + singleWeightFile + " or " +
                    weightIndexFile + " but found neither");
  if (!single)
    return addShards(directory, indexPath, contents);
  if (fileExists(indexPath))
    contents.config.notes.push_back(std::string(weightIndexFile) +
                                    " is ignored, as " + singleWeightFile +
                                    " is present");
  return addSafetensors(directory, singleWeightFile, contents);
}

static bool recognisesHuggingFace(const std::string &path) {
  return fileExists(joinPath(path, singleWeightFile)) ||
         fileExists(joinPath(path, weightIndexFile));
}

static Expected<CheckpointContents> readHuggingFace(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(CheckpointContents contents,
                        readConfig(joinPath(path, "config.json")));
  GOSS_RETURN_IF_ERROR(findCompanions(path, contents));
  GOSS_RETURN_IF_ERROR(addIndexedSafetensors(path, contents));
  return contents;
}

const TensorReader huggingFaceReader = {"hf", recognisesHuggingFace,
                                        readHuggingFace};

} // namespace gossamer
