//===- ReportGraph.cpp - Levels, lowerings, repeated layers ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportPieces.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace gossamer::tools {

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

namespace {

Status checkLevel(const proto::Manifest &manifest, const proto::Level &level) {
  auto count = static_cast<uint32_t>(level.values_size());
  if (level.num_arguments() > count)
    return invalidData("num_arguments: expects at most " +
                       std::to_string(count) + " but got " +
                       std::to_string(level.num_arguments()));
  std::vector<bool> defined(count);
  std::fill_n(defined.begin(), level.num_arguments(), true);
  for (int i = 0; i < level.operations_size(); ++i) {
    const proto::Operation &operation = level.operations(i);
    std::string where = "operations[" + std::to_string(i) + "]: ";
    for (uint32_t value : operation.operands())
      if (value >= count || !defined[value])
        return invalidData(where +
                           "operands: expects a value defined before "
                           "but got " +
                           std::to_string(value));
    for (uint32_t value : operation.results()) {
      if (value >= count || defined[value])
        return invalidData(where +
                           "results: expects a value without a "
                           "definition but got " +
                           std::to_string(value));
      defined[value] = true;
    }
    auto layers = static_cast<int64_t>(manifest.config().num_layers());
    if (operation.layer() < -1 || operation.layer() >= layers)
      return invalidData(where + "layer: expects a value in [-1, " +
                         std::to_string(layers - 1) + "] but got " +
                         std::to_string(operation.layer()));
  }
  return Status::ok();
}

constexpr std::string_view levelNames[] = {"graph", "fused", "plan"};

} // namespace

Status checkRecord(const proto::Manifest &manifest,
                   const proto::CompileRecord &record) {
  if (record.levels_size() > static_cast<int>(std::size(levelNames)))
    return invalidData("record: levels: expects at most 3 but got " +
                       std::to_string(record.levels_size()));
  for (int i = 0; i < record.levels_size(); ++i) {
    const proto::Level &level = record.levels(i);
    std::string where = "record: levels[" + std::to_string(i) + "]";
    if (level.name() != levelNames[i])
      return invalidData(where + ": expects the name \"" +
                         std::string(levelNames[i]) + "\" but got \"" +
                         level.name().substr(0, 200) + "\"");
    GOSS_RETURN_IF_ERROR(checkLevel(manifest, level).withContext(where));
    if (i == 2 && level.operations_size() != manifest.launches_size())
      return invalidData(where + ": operations: expects " +
                         std::to_string(manifest.launches_size()) +
                         ", one a launch, but got " +
                         std::to_string(level.operations_size()));
  }
  if (record.kernel_reasons_size() != 0 &&
      record.kernel_reasons_size() != manifest.kernels_size())
    return invalidData("record: kernel_reasons: expects " +
                       std::to_string(manifest.kernels_size()) +
                       ", one a kernel, but got " +
                       std::to_string(record.kernel_reasons_size()));
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Lowerings
//===----------------------------------------------------------------------===//

namespace {

/// For each operation the first one that uses a result and is mapped by `own`,
/// itself included; of those that are not, what their users map to.
std::vector<std::optional<uint32_t>>
followResults(const proto::Level &level,
              const std::vector<std::optional<uint32_t>> &own) {
  std::vector<std::optional<uint32_t>> mapped = own;
  // By value: what its first user that leads anywhere leads to.
  std::vector<std::optional<uint32_t>> byValue(
      static_cast<size_t>(level.values_size()));
  for (int i = level.operations_size() - 1; i >= 0; --i) {
    const proto::Operation &operation = level.operations(i);
    std::optional<uint32_t> &target = mapped[static_cast<size_t>(i)];
    for (uint32_t value : operation.results()) {
      if (target)
        break;
      target = byValue[value];
    }
    if (!target)
      continue;
    for (uint32_t value : operation.operands())
      byValue[value] = target;
  }
  return mapped;
}

/// Operations of a level by name, and by name and operation.
class NameTable {
public:
  explicit NameTable(const proto::Level &level) {
    for (int i = 0; i < level.operations_size(); ++i) {
      const proto::Operation &operation = level.operations(i);
      auto index = static_cast<uint32_t>(i);
      byName_[operation.name()] = index;
      exact_.try_emplace(key(operation.name(), operation.op()), index);
    }
  }

  std::optional<uint32_t> find(const std::string &name,
                               const std::string &op) const {
    if (auto found = exact_.find(key(name, op)); found != exact_.end())
      return found->second;
    if (auto found = byName_.find(name); found != byName_.end())
      return found->second;
    return std::nullopt;
  }

private:
  static std::string key(const std::string &name, const std::string &op) {
    return name + '\n' + op;
  }

  /// Of several the last one: it has the value of that name.
  std::unordered_map<std::string, uint32_t> byName_;
  std::unordered_map<std::string, uint32_t> exact_;
};

/// Counterparts in `table` of the operations of `level`, whose operations
/// have `prefix` before their names there.
std::vector<std::optional<uint32_t>> findCounterparts(const proto::Level &level,
                                                      const NameTable &table,
                                                      const char *prefix) {
  std::vector<std::optional<uint32_t>> own;
  own.reserve(static_cast<size_t>(level.operations_size()));
  for (const proto::Operation &operation : level.operations())
    own.push_back(table.find(operation.name(), prefix + operation.op()));
  return followResults(level, own);
}

/// An operation became part of the one of its name, or else of the first one
/// downstream that has a name there too.
void lowerGraph(const proto::Level &graph, const proto::Level &fused,
                proto::GraphLevel &entry) {
  for (std::optional<uint32_t> target :
       findCounterparts(graph, NameTable(fused), "")) {
    proto::Lowering &lowering = *entry.add_lowerings();
    if (target)
      lowering.add_targets(*target);
  }
}

/// A launch belongs to the operation of its name, or else to that of the next
/// launch downstream that has one.
void lowerFused(const proto::Level &fused, const proto::Level &plan,
                proto::GraphLevel &entry) {
  for (int i = 0; i < fused.operations_size(); ++i)
    entry.add_lowerings();
  std::vector<std::optional<uint32_t>> owners =
      findCounterparts(plan, NameTable(fused), "gptoss.");
  for (size_t launch = 0; launch < owners.size(); ++launch)
    if (std::optional<uint32_t> owner = owners[launch])
      entry.mutable_lowerings(static_cast<int>(*owner))
          ->add_targets(static_cast<uint32_t>(launch));
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

bool isNameCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$' || c == '#';
}

/// Appends an operation's text without what differs between equal layers:
/// names of values, and the layer's number.
void appendWithoutNames(std::string_view text, std::string &out) {
  constexpr std::string_view places[] = {"layers.", "layer = ", "layer("};
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '%') {
      for (++i; i < text.size() && isNameCharacter(text[i]);)
        ++i;
      out += '%';
      continue;
    }
    std::string_view rest = text.substr(i);
    const auto *place =
        std::find_if(std::begin(places), std::end(places),
                     [&](std::string_view p) { return rest.starts_with(p); });
    if (place == std::end(places)) {
      out += text[i++];
      continue;
    }
    out += *place;
    for (i += place->size();
         i < text.size() && text[i] >= '0' && text[i] <= '9';)
      ++i;
  }
}

/// A number for each layer; equal layers have equal ones.
std::vector<size_t> classifyLayers(const proto::Level &level,
                                   uint32_t numLayers) {
  std::vector<std::string> texts(numLayers);
  for (const proto::Operation &operation : level.operations()) {
    if (operation.layer() < 0)
      continue;
    std::string &text = texts[static_cast<size_t>(operation.layer())];
    text += operation.op() + " ";
    appendWithoutNames(operation.text(), text);
    text += '\n';
  }
  std::map<std::string, size_t> classes;
  std::vector<size_t> numbers;
  numbers.reserve(texts.size());
  for (std::string &text : texts)
    numbers.push_back(
        classes.try_emplace(std::move(text), classes.size()).first->second);
  return numbers;
}

/// The pattern that leaves the fewest layers to draw; of several the shortest.
void findPattern(const std::vector<size_t> &layers,
                 proto::LayerPattern &pattern) {
  size_t total = layers.size();
  pattern.set_period(static_cast<uint32_t>(total));
  pattern.set_count(1);
  size_t fewest = total;
  for (size_t period = 1; 2 * period <= total; ++period) {
    // The longest run in which each layer equals the one a period later.
    size_t begin = 0;
    for (size_t i = 0; i + period <= total; ++i) {
      bool goesOn = i + period < total && layers[i] == layers[i + period];
      if (goesOn)
        continue;
      size_t count = (i - begin) / period + 1;
      size_t drawn = total - (count - 1) * period;
      if (count > 1 && drawn < fewest) {
        fewest = drawn;
        pattern.set_first_layer(static_cast<uint32_t>(begin));
        pattern.set_period(static_cast<uint32_t>(period));
        pattern.set_count(static_cast<uint32_t>(count));
      }
      begin = i + 1;
    }
  }
}

} // namespace

void fillGraph(const proto::Manifest &manifest,
               const proto::CompileRecord &record, proto::Report &report) {
  for (int i = 0; i < record.levels_size(); ++i) {
    proto::GraphLevel &entry = *report.add_graph();
    *entry.mutable_level() = record.levels(i);
    findPattern(
        classifyLayers(record.levels(i), manifest.config().num_layers()),
        *entry.mutable_layers());
    if (i + 1 == record.levels_size())
      continue;
    if (i == 0)
      lowerGraph(record.levels(0), record.levels(1), entry);
    else
      lowerFused(record.levels(1), record.levels(2), entry);
  }
}

} // namespace gossamer::tools
