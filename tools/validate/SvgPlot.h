//===- SvgPlot.h - Plots as inline SVG --------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_SVGPLOT_H
#define GOSSAMER_TOOLS_VALIDATE_SVGPLOT_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gossamer::tools {

/// `text` with <, >, &, and quotes as references, bytes that are not UTF-8 or
/// are control characters as U+FFFD.
std::string escapeHtml(std::string_view text);

/// Points of one colour.
struct PlotSeries {
  std::string name;
  bool isLine = false; ///< joined, with marks; else marks alone.
  std::vector<std::pair<double, double>> points = {};
  /// What a mark says when it is pointed at; one a point, or none.
  std::vector<std::string> labels = {};
};

/// A plot with axes, grid and legend. Colours come from the page's style
/// (series-0, series-1, ..., limit). On a logarithmic axis, what is not above
/// zero stands at the lower end; infinite values at the upper one.
struct Plot {
  std::string title;
  std::string xLabel, yLabel;
  bool isLogX = false, isLogY = false;
  std::vector<PlotSeries> series = {};
  /// A value that must not be exceeded: a line across.
  std::vector<std::pair<std::string, double>> limits = {};

  /// An <svg> element that scales to its place, or "" without a point.
  std::string print() const;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_SVGPLOT_H
