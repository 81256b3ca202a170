//===- ConvertJournal.cpp - What a conversion has finished ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertJournal.h"

#include "runtime/support/JsonWriter.h"

namespace gossamer {

static void writeShape(JsonWriter &json, const std::vector<uint64_t> &shape) {
  json.key("shape").beginArray();
  for (uint64_t extent : shape)
    json.value(extent);
  json.endArray();
}

std::string ConvertJournal::describeJob(const ConversionPlan &plan) {
  JsonWriter json;
  json.beginObject().member("form", plan.form).key("source").beginArray();
  for (const WeightFile &file : plan.sourceFiles)
    json.value(file.name).value(file.size).value(toHex(file.headerSha256));
  json.endArray().key("files").beginArray();
  for (const OutputFile &file : plan.files) {
    json.value(file.name).value(file.size).value(toHex(sha256(file.header)));
    for (const OutputTensor &tensor : file.tensors)
      json.value(tensor.name).value(tensor.type).value(tensor.offset);
  }
  json.endArray().key("texts").beginArray();
  for (const auto &[name, content] : plan.texts)
    json.value(name).value(toHex(sha256(content)));
  return toHex(sha256(json.endArray().endObject().take()));
}

static void writeLoss(JsonWriter &json, const WrittenTensor &tensor) {
  if (tensor.overflows + tensor.underflows + tensor.rounded == 0)
    return;
  json.member("overflows", tensor.overflows)
      .member("underflows", tensor.underflows)
      .member("rounded", tensor.rounded);
}

std::string ConvertJournal::toJson() const {
  JsonWriter json(1);
  json.beginObject().member("job", job).key("files").beginObject();
  for (const auto &[name, tensors] : files) {
    json.key(name).beginArray();
    for (const WrittenTensor &tensor : tensors) {
      json.beginObject().member("sha256", tensor.sha256);
      writeLoss(json, tensor);
      json.endObject();
    }
    json.endArray();
  }
  return json.endObject().endObject().take() + "\n";
}

Expected<ConvertJournal> ConvertJournal::load(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::load(path));
  ConvertJournal journal;
  GOSS_ASSIGN_OR_RETURN(journal.job, document.root().getString("job"));
  GOSS_ASSIGN_OR_RETURN(JsonValue files, document.root().getObject("files"));
  for (JsonValue file : files) {
    std::vector<WrittenTensor> &tensors =
        journal.files[std::string(file.name())];
    for (JsonValue entry : file) {
      WrittenTensor tensor;
      GOSS_ASSIGN_OR_RETURN(tensor.sha256, entry.getString("sha256"));
      for (auto [name, value] : {std::pair("overflows", &tensor.overflows),
                                 std::pair("underflows", &tensor.underflows),
                                 std::pair("rounded", &tensor.rounded)}) {
        GOSS_ASSIGN_OR_RETURN(int64_t count, entry.getIntegerOr(name, 0, 0));
        *value = static_cast<uint64_t>(count);
      }
      tensors.push_back(std::move(tensor));
    }
  }
  return journal;
}

std::string manifestJson(const ConversionPlan &plan,
                         const ConvertJournal &journal) {
  JsonWriter json(1);
  json.beginObject().member("format", "gossamer-manifest").member("version", 1);
  json.member("form", plan.form).member("source_form", plan.sourceForm);
  json.member("job", journal.job).key("files").beginArray();
  for (const OutputFile &file : plan.files) {
    json.beginObject().member("name", file.name).member("size", file.size);
    json.member("header_size", file.header.size());
    json.member("header_sha256", toHex(sha256(file.header)));
    json.key("tensors").beginArray();
    const std::vector<WrittenTensor> &written = journal.files.at(file.name);
    for (size_t i = 0; i < file.tensors.size(); ++i) {
      const OutputTensor &tensor = file.tensors[i];
      json.beginObject().member("name", tensor.name);
      json.member("type", tensor.type);
      writeShape(json, tensor.shape);
      json.member("offset", tensor.offset).member("size", tensor.bytes.size());
      json.member("sha256", written[i].sha256);
      writeLoss(json, written[i]);
      json.endObject();
    }
    json.endArray().endObject();
  }
  json.endArray().key("companions").beginArray();
  for (const auto &[name, content] : plan.texts)
    json.beginObject()
        .member("name", name)
        .member("size", content.size())
        .member("sha256", toHex(sha256(content)))
        .endObject();
  return json.endArray().endObject().take() + "\n";
}

std::optional<std::string> readManifestJob(const std::string &path) {
  Expected<JsonDocument> document = JsonDocument::load(path);
  if (!document)
    return std::nullopt;
  Expected<std::string> job = document->root().getString("job");
  return job ? std::optional(*job) : std::nullopt;
}

} // namespace gossamer
