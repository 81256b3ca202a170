//===- ReportDiff.cpp - What differs between two reports ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportDiff.h"

#include "runtime/support/JsonWriter.h"
#include "tools/report/LayerFolding.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <google/protobuf/descriptor.h>
#include <unordered_map>

namespace gossamer::tools {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

//===----------------------------------------------------------------------===//
// Entries: what a part is made of
//===----------------------------------------------------------------------===//

/// A named text of a part. Parts are compared by name.
struct Entry {
  std::string name;
  std::string text;
};

std::string scalarText(const Message &message, const FieldDescriptor &field,
                       int index) {
  const google::protobuf::Reflection &access = *message.GetReflection();
  bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
  case FieldDescriptor::CPPTYPE_STRING:
    return repeated ? access.GetRepeatedString(message, &field, index)
                    : access.GetString(message, &field);
  case FieldDescriptor::CPPTYPE_UINT32:
    return std::to_string(repeated
                              ? access.GetRepeatedUInt32(message, &field, index)
                              : access.GetUInt32(message, &field));
  case FieldDescriptor::CPPTYPE_UINT64:
    return std::to_string(repeated
                              ? access.GetRepeatedUInt64(message, &field, index)
                              : access.GetUInt64(message, &field));
  case FieldDescriptor::CPPTYPE_BOOL:
    return access.GetBool(message, &field) ? "true" : "false";
  case FieldDescriptor::CPPTYPE_DOUBLE:
    // Written like JSON: the shortest text that reads back the same.
    return JsonWriter().value(access.GetDouble(message, &field)).take();
  default:
    return "";
  }
}

/// The scalar fields of a message under their names; those of messages in it
/// with the path in front. Lists of messages are left to the caller.
void addFields(const Message &message, const std::string &prefix,
               const std::set<std::string_view> &without,
               std::vector<Entry> &entries) {
  const google::protobuf::Descriptor &type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor &field = *type.field(i);
    std::string name = prefix + field.name();
    if (without.contains(field.name()))
      continue;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field.is_repeated())
        addFields(message.GetReflection()->GetMessage(message, &field),
                  name + ".", without, entries);
      continue;
    }
    if (!field.is_repeated()) {
      entries.push_back({name, scalarText(message, field, 0)});
      continue;
    }
    std::string list;
    int size = message.GetReflection()->FieldSize(message, &field);
    for (int element = 0; element < size; ++element)
      list += (list.empty() ? "" : " ") + scalarText(message, field, element);
    entries.push_back({name, list});
  }
}

std::vector<Entry> configEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  addFields(report.summary().model(), "", {}, entries);
  return entries;
}

std::vector<Entry> summaryEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  addFields(report.summary(), "", {"source", "kind", "model", "artifact_bytes"},
            entries);
  for (const proto::EntryPoint &entry : report.summary().entry_points())
    entries.push_back(
        {"entry point " + entry.name(), entry.symbol() + entry.signature()});
  // What the parts below do not spell out; the manifest they do.
  for (const proto::Section &section : report.summary().sections())
    if (section.name() != "manifest" && section.name() != "record")
      entries.push_back({"section " + section.name(),
                         std::to_string(section.size()) + " bytes, sha256 " +
                             section.sha256().substr(0, 12)});
  return entries;
}

/// The text of an operation without the names of its values, which carry
/// numbers that every operation before it moves; its operands' names follow.
std::string operationText(const proto::Level &level,
                          const proto::Operation &operation) {
  constexpr std::string_view ofNames =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_#.$-";
  std::string text;
  std::string_view printed = operation.text();
  while (!printed.empty()) {
    size_t name = std::min(printed.find('%'), printed.size());
    text += printed.substr(0, name);
    printed.remove_prefix(name);
    if (printed.empty())
      break;
    text += '%';
    printed.remove_prefix(1);
    printed.remove_prefix(
        std::min(printed.find_first_not_of(ofNames), printed.size()));
  }
  text += " of";
  for (uint32_t operand : operation.operands())
    text += " " + (operand < static_cast<uint32_t>(level.values_size())
                       ? level.values(static_cast<int>(operand)).name()
                       : std::string("?"));
  return text;
}

std::vector<Entry> levelEntries(const proto::Level &level) {
  std::vector<Entry> entries;
  for (const proto::Operation &operation : level.operations())
    entries.push_back({operation.name() + " " + operation.op(),
                       operationText(level, operation)});
  return entries;
}

std::vector<Entry> kernelEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  for (const proto::KernelReport &kernel : report.kernels()) {
    std::string text = kernel.operation() + ", " + kernel.kind() + ", " +
                       std::to_string(kernel.launches()) + " launches";
    if (kernel.code_bytes())
      text += ", " + std::to_string(kernel.code_bytes()) + " bytes of code " +
              kernel.sha256().substr(0, 12);
    entries.push_back({kernel.symbol(), text});
  }
  for (const proto::DeviceFunction &function : report.device_functions())
    entries.push_back({"device function " + function.symbol(),
                       std::to_string(function.registers()) + " registers, " +
                           std::to_string(function.code_bytes()) +
                           " bytes of code, " +
                           std::to_string(function.ptx_bytes()) +
                           " bytes of PTX " + function.sha256().substr(0, 12)});
  for (const proto::CodeFunction &function : report.functions())
    entries.push_back({"function " + function.symbol(),
                       std::to_string(function.code_bytes()) +
                           " bytes of code " +
                           function.sha256().substr(0, 12)});
  return entries;
}

std::vector<Entry> costEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  for (const proto::Cost &cost : report.costs()) {
    std::string prefix =
        cost.step().name() + ", " + std::to_string(cost.step().tokens()) +
        " tokens after " + std::to_string(cost.step().depth()) + ": ";
    addFields(cost.total(), prefix, {"share", "limit"}, entries);
  }
  return entries;
}

std::vector<Entry> memoryEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  addFields(report.memory(), "", {"peak_launch"}, entries);
  for (const proto::Buffer &buffer : report.memory().buffers())
    entries.push_back({"buffer " + buffer.name(),
                       std::to_string(buffer.size()) + " bytes at " +
                           std::to_string(buffer.offset())});
  return entries;
}

std::vector<Entry> weightEntries(const proto::Report &report) {
  std::vector<Entry> entries;
  for (const proto::WeightFile &file : report.summary().weight_files()) {
    std::string header;
    for (unsigned char byte : file.header_sha256().substr(0, 6)) {
      constexpr std::string_view digits = "0123456789abcdef";
      header += digits[byte >> 4];
      header += digits[byte & 15];
    }
    entries.push_back({"file " + file.name(), std::to_string(file.size()) +
                                                  " bytes, header " + header});
  }
  for (const proto::Weight &weight : report.weights()) {
    std::string text = weight.dtype();
    for (uint64_t extent : weight.shape())
      text += " " + std::to_string(extent);
    text += ", " + weight.layout();
    if (!weight.file().empty())
      text += ", in " + weight.file();
    if (!weight.sha256().empty())
      text += ", sha256 " + weight.sha256().substr(0, 12);
    entries.push_back({weight.name(), text});
  }
  return entries;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Several entries of a name are told apart by their order.
std::vector<Entry> withUniqueNames(std::vector<Entry> entries) {
  std::unordered_map<std::string, int> seen;
  for (Entry &entry : entries)
    if (int number = ++seen[entry.name]; number > 1)
      entry.name += " #" + std::to_string(number);
  return entries;
}

void comparePart(const std::string &part, std::vector<Entry> a,
                 std::vector<Entry> b, std::vector<Difference> &differences) {
  a = withUniqueNames(std::move(a));
  b = withUniqueNames(std::move(b));
  std::unordered_map<std::string_view, const Entry *> ofA, ofB;
  for (const Entry &entry : a)
    ofA[entry.name] = &entry;
  for (const Entry &entry : b)
    ofB[entry.name] = &entry;
  using Change = Difference::Change;
  for (const Entry &entry : a) {
    auto found = ofB.find(entry.name);
    if (found == ofB.end())
      differences.push_back(
          {part, entry.name, Change::Removed, entry.text, ""});
    else if (found->second->text != entry.text)
      differences.push_back(
          {part, entry.name, Change::Changed, entry.text, found->second->text});
  }
  for (const Entry &entry : b)
    if (!ofA.contains(entry.name))
      differences.push_back({part, entry.name, Change::Added, "", entry.text});
}

const proto::Level *findLevel(const proto::Report &report,
                              const std::string &name) {
  for (const proto::GraphLevel &graph : report.graph())
    if (graph.level().name() == name)
      return &graph.level();
  return nullptr;
}

void compareGraphs(const proto::Report &a, const proto::Report &b,
                   std::vector<Difference> &differences) {
  std::vector<std::string> names;
  for (const proto::Report *report : {&a, &b})
    for (const proto::GraphLevel &graph : report->graph())
      if (std::ranges::find(names, graph.level().name()) == names.end())
        names.push_back(graph.level().name());
  for (const std::string &name : names) {
    const proto::Level *ofA = findLevel(a, name), *ofB = findLevel(b, name);
    comparePart("graph, level " + name,
                ofA ? levelEntries(*ofA) : std::vector<Entry>(),
                ofB ? levelEntries(*ofB) : std::vector<Entry>(), differences);
  }
}

std::string_view changeName(Difference::Change change) {
  switch (change) {
  case Difference::Change::Added:
    return "added";
  case Difference::Change::Removed:
    return "removed";
  case Difference::Change::Changed:
    return "changed";
  }
  return "";
}

} // namespace

std::vector<Difference> compareReports(const proto::Report &a,
                                       const proto::Report &b) {
  std::vector<Difference> differences;
  comparePart("config", configEntries(a), configEntries(b), differences);
  comparePart("summary", summaryEntries(a), summaryEntries(b), differences);
  compareGraphs(a, b, differences);
  comparePart("kernels", kernelEntries(a), kernelEntries(b), differences);
  comparePart("costs", costEntries(a), costEntries(b), differences);
  comparePart("memory", memoryEntries(a), memoryEntries(b), differences);
  comparePart("weights", weightEntries(a), weightEntries(b), differences);
  return differences;
}

std::string printDiffText(const std::vector<Difference> &differences) {
  struct Group {
    const Difference *first;
    size_t count = 0;
  };
  std::vector<Group> groups;
  std::unordered_map<std::string, size_t> index;
  for (const Difference &difference : differences) {
    std::string key = difference.part;
    for (const std::string &text :
         {difference.name, difference.before, difference.after})
      key += '\n' + withoutLayer(text);
    key += changeName(difference.change);
    auto [found, isNew] = index.try_emplace(key, groups.size());
    if (isNew)
      groups.push_back({&difference});
    ++groups[found->second].count;
  }
  std::string text, part;
  for (const Group &group : groups) {
    const Difference &first = *group.first;
    if (first.part != part)
      text += (text.empty() ? "" : "\n") + printable(first.part) + "\n";
    part = first.part;
    auto show = [&](const std::string &content) {
      return printable(group.count > 1 ? withoutLayer(content) : content);
    };
    text +=
        std::string("  ") + std::string(changeName(first.change)) + " " +
        show(first.name) +
        (group.count > 1 ? " (× " + std::to_string(group.count) + ")" : "") +
        "\n";
    if (first.change != Difference::Change::Added)
      text += "    - " + show(first.before) + "\n";
    if (first.change != Difference::Change::Removed)
      text += "    + " + show(first.after) + "\n";
  }
  return text;
}

std::string printDiffJson(const std::vector<Difference> &differences) {
  JsonWriter json(2);
  json.beginObject().member("equal", differences.empty());
  json.key("differences").beginArray();
  for (const Difference &difference : differences) {
    json.beginObject()
        .member("part", difference.part)
        .member("name", difference.name)
        .member("change", changeName(difference.change));
    if (difference.change != Difference::Change::Added)
      json.member("a", difference.before);
    if (difference.change != Difference::Change::Removed)
      json.member("b", difference.after);
    json.endObject();
  }
  json.endArray().endObject();
  return json.take() + "\n";
}

} // namespace gossamer::tools
