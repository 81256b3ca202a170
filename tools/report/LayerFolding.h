//===- LayerFolding.h - Equal layers shown once -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_LAYERFOLDING_H
#define GOSSAMER_TOOLS_REPORT_LAYERFOLDING_H

#include "tools/report/report.pb.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer::tools {

/// Which layers a folded view shows. Of the layers of a pattern that are equal,
/// the first one that is not opened stands for the others; opened layers and
/// those outside the pattern stand for themselves.
class LayerFolding {
public:
  /// `layers` are those that occur. Without a pattern (count 0) nothing folds.
  LayerFolding(const proto::LayerPattern &pattern, const std::set<int> &layers,
               const std::set<int> &openLayers, bool openAll);

  /// The layers of a level's operations.
  static std::set<int> layersOf(const proto::Level &level);
  /// The layers of the launches.
  static std::set<int> layersOf(const proto::Report &report);

  /// The layer that stands for this one; -1 for what belongs to no layer.
  int representative(int layer) const;
  bool isShown(int layer) const { return representative(layer) == layer; }
  /// The layers that a shown one stands for, itself included.
  const std::vector<int> &members(int layer) const;
  /// Their number; 1 for what belongs to no layer.
  size_t repeats(int layer) const;
  /// "layer 3", or "layers 0, 2 ... 22 (× 12)".
  std::string title(int layer) const;

private:
  std::map<int, int> representative_;
  std::map<int, std::vector<int>> members_;
};

/// The folding of launches: that of the level "plan", where the report has it.
LayerFolding foldLaunches(const proto::Report &report,
                          const std::set<int> &openLayers = {},
                          bool openAll = false);

/// "layers.3.attention.q" -> "layers.*.attention.q", wherever it stands.
std::string withoutLayer(std::string_view name);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_LAYERFOLDING_H
