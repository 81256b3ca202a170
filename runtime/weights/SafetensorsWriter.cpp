//===- SafetensorsWriter.cpp - Writing the safetensors container ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/CheckedMath.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/weights/Safetensors.h"
#include <bit>

using namespace gossamer;

static_assert(std::endian::native == std::endian::little,
              "files are written in the order of memory");

namespace {

/// Data begins at a multiple of this, like the reference writer's.
constexpr size_t headerAlignment = 8;

Expected<std::string>
buildHeader(const std::string &path,
            std::span<const SafetensorsWriter::Tensor> tensors,
            std::span<const std::pair<std::string, std::string>> metadata,
            uint64_t &dataBytes) {
  JsonWriter json;
  json.beginObject();
  if (!metadata.empty()) {
    json.key(safetensorsMetadata).beginObject();
    for (const auto &[name, content] : metadata)
      json.member(name, content);
    json.endObject();
  }
  dataBytes = 0;
  for (const SafetensorsWriter::Tensor &tensor : tensors) {
    if (tensor.name == safetensorsMetadata)
      return invalidData(path + ": expects a tensor name but got the reserved "
                                "\"__metadata__\"");
    std::optional<uint64_t> size = tensorBytes(tensor.dtype, tensor.shape);
    std::optional<uint64_t> end =
        size ? checkedAdd(dataBytes, *size) : std::nullopt;
    if (!end)
      return invalidData(path + ": tensor \"" + tensor.name +
                         "\": expects a whole number of bytes below 2^61 but "
                         "got " +
                         std::string(dtypeName(tensor.dtype)) + " " +
                         shapeText(tensor.shape));
    json.key(tensor.name).beginObject();
    json.member("dtype", dtypeName(tensor.dtype)).key("shape").beginArray();
    for (uint64_t extent : tensor.shape)
      json.value(extent);
    json.endArray().key("data_offsets").beginArray();
    json.value(dataBytes).value(*end).endArray().endObject();
    dataBytes = *end;
  }
  std::string text = json.endObject().take();
  while (text.size() % headerAlignment != 0)
    text += ' ';
  return text;
}

} // namespace

Expected<std::string> SafetensorsWriter::makeHeader(
    const std::string &path, std::span<const Tensor> tensors,
    std::span<const std::pair<std::string, std::string>> metadata,
    uint64_t &dataBytes) {
  GOSS_ASSIGN_OR_RETURN(std::string text,
                        buildHeader(path, tensors, metadata, dataBytes));
  // The reader's own parser says whether the names can be told apart.
  GOSS_RETURN_IF_ERROR(JsonDocument::parse(text, path + ": header").status());
  uint64_t size = text.size();
  return std::string(reinterpret_cast<const char *>(&size), sizeof(size)) +
         text;
}

Expected<SafetensorsWriter> SafetensorsWriter::create(
    const std::string &path, std::vector<Tensor> tensors,
    std::vector<std::pair<std::string, std::string>> metadata) {
  uint64_t dataBytes = 0;
  GOSS_ASSIGN_OR_RETURN(std::string header,
                        makeHeader(path, tensors, metadata, dataBytes));
  GOSS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  GOSS_RETURN_IF_ERROR(file.write(header));
  std::optional<uint64_t> end = checkedAdd(file.size(), dataBytes);
  if (!end)
    return invalidData(path + ": expects a file of fewer than 2^64 bytes");
  GOSS_RETURN_IF_ERROR(file.reserve(*end));
  return SafetensorsWriter(std::move(file), *end);
}

Status SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > end_ - file_.size())
    return internalError(file_.path() + ": expects at most " +
                         std::to_string(end_ - file_.size()) +
                         " more bytes of data but got " +
                         std::to_string(bytes.size()));
  return file_.write(bytes);
}

Status SafetensorsWriter::commit() {
  if (file_.size() != end_)
    return internalError(file_.path() + ": expects " +
                         std::to_string(end_ - file_.size()) +
                         " more bytes of data before the end");
  return file_.commit();
}
