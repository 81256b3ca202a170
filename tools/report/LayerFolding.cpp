//===- LayerFolding.cpp - Equal layers shown once -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LayerFolding.h"

#include <algorithm>

namespace gossamer::tools {

LayerFolding::LayerFolding(const proto::LayerPattern &pattern,
                           const std::set<int> &layers,
                           const std::set<int> &openLayers, bool openAll) {
  uint64_t first = pattern.first_layer(), period = pattern.period();
  // Two factors of 32 bits: no overflow.
  uint64_t end = first + period * pattern.count();
  std::map<uint64_t, int> standsFor;
  for (int layer : layers) {
    auto number = static_cast<uint64_t>(layer);
    bool folds = layer >= 0 && period > 0 && number >= first && number < end &&
                 !openAll && !openLayers.contains(layer);
    int shown = layer;
    if (folds)
      shown =
          standsFor.try_emplace((number - first) % period, layer).first->second;
    representative_[layer] = shown;
    members_[shown].push_back(layer);
  }
}

std::set<int> LayerFolding::layersOf(const proto::Level &level) {
  std::set<int> layers;
  for (const proto::Operation &operation : level.operations())
    layers.insert(operation.layer());
  return layers;
}

std::set<int> LayerFolding::layersOf(const proto::Report &report) {
  std::set<int> layers;
  for (const proto::LaunchReport &launch : report.launches())
    layers.insert(launch.layer());
  return layers;
}

int LayerFolding::representative(int layer) const {
  auto found = representative_.find(layer);
  return layer < 0 || found == representative_.end() ? layer : found->second;
}

const std::vector<int> &LayerFolding::members(int layer) const {
  static const std::vector<int> none;
  auto found = members_.find(layer);
  return found == members_.end() ? none : found->second;
}

size_t LayerFolding::repeats(int layer) const {
  size_t count = members(layer).size();
  return layer < 0 || count == 0 ? 1 : count;
}

std::string LayerFolding::title(int layer) const {
  if (layer < 0)
    return "no layer";
  const std::vector<int> &all = members(layer);
  if (all.size() < 2)
    return "layer " + std::to_string(layer);
  std::string text = "layers " + std::to_string(all[0]);
  constexpr size_t named = 4;
  for (size_t i = 1; i < all.size(); ++i) {
    if (all.size() > named && i == 2) {
      text += " ... " + std::to_string(all.back());
      break;
    }
    text += ", " + std::to_string(all[i]);
  }
  return text + " (× " + std::to_string(all.size()) + ")";
}

LayerFolding foldLaunches(const proto::Report &report,
                          const std::set<int> &openLayers, bool openAll) {
  proto::LayerPattern pattern;
  for (const proto::GraphLevel &level : report.graph())
    if (level.level().name() == "plan")
      pattern = level.layers();
  return {pattern, LayerFolding::layersOf(report), openLayers, openAll};
}

std::string withoutLayer(std::string_view name) {
  constexpr std::string_view prefix = "layers.";
  std::string out;
  while (true) {
    size_t at = name.find(prefix);
    if (at == std::string_view::npos)
      return out.append(name);
    out.append(name.substr(0, at + prefix.size()));
    name.remove_prefix(at + prefix.size());
    size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    if (digits > 0)
      out += '*';
    name.remove_prefix(digits);
  }
}

} // namespace gossamer::tools
