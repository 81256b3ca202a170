//===- ReportTextMemory.cpp - The arena as a picture ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LayerFolding.h"
#include "tools/report/ReportText.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <algorithm>

namespace gossamer::tools::detail {

namespace {

/// Width of a terminal, less a row's label.
constexpr size_t pictureColumns = 84;
constexpr size_t pictureRows = 24;

/// Names buffers in the picture; after the last letter the first comes again.
char letterOf(size_t buffer) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return letters[buffer % letters.size()];
}

/// The launches that a folded view shows, in their order, and the buffers that
/// one of them begins.
struct MemoryView {
  std::vector<uint32_t> launches;
  std::vector<const proto::Buffer *> buffers;

  /// Position among the shown launches of the first at or after `launch`.
  size_t positionOf(uint64_t launch) const {
    return static_cast<size_t>(std::ranges::lower_bound(launches, launch) -
                               launches.begin());
  }
};

MemoryView makeView(const proto::Report &report, const LayerFolding &folding) {
  MemoryView view;
  for (int i = 0; i < report.launches_size(); ++i)
    if (folding.isShown(report.launches(i).layer()))
      view.launches.push_back(static_cast<uint32_t>(i));
  for (const proto::Buffer &buffer : report.memory().buffers()) {
    uint32_t first = buffer.first_launch();
    if (first < static_cast<uint32_t>(report.launches_size()) &&
        folding.isShown(report.launches(static_cast<int>(first)).layer()))
      view.buffers.push_back(&buffer);
  }
  return view;
}

/// Launches from left to right, offsets from top to bottom; the letter of the
/// buffer that has most of a cell.
class Picture {
public:
  Picture(const MemoryView &view, uint64_t arenaBytes)
      : view_(view), arenaBytes_(static_cast<double>(arenaBytes)),
        columns_(std::min(pictureColumns, view.launches.size())),
        cells_(pictureRows, std::string(columns_, '.')),
        filled_(pictureRows, std::vector<double>(columns_, 0)) {
    for (size_t i = 0; i < view.buffers.size(); ++i)
      paint(*view.buffers[i], letterOf(i));
  }

  std::string print() const {
    std::string text;
    for (size_t row = 0; row < pictureRows; ++row) {
      std::string label = formatBytes(static_cast<uint64_t>(
          arenaBytes_ * static_cast<double>(row) / pictureRows));
      text += std::string(12 - std::min<size_t>(12, label.size()), ' ') +
              label + " |" + cells_[row] + "|\n";
    }
    return text;
  }

private:
  static double overlap(double begin, double end, size_t cell, double scale) {
    return std::min(end * scale, static_cast<double>(cell + 1)) -
           std::max(begin * scale, static_cast<double>(cell));
  }

  void paint(const proto::Buffer &buffer, char letter) {
    auto first = static_cast<double>(view_.positionOf(buffer.first_launch()));
    auto end = static_cast<double>(
        view_.positionOf(uint64_t(buffer.last_launch()) + 1));
    auto offset = static_cast<double>(buffer.offset());
    double bytesEnd = offset + static_cast<double>(buffer.size());
    double perColumn = static_cast<double>(columns_) /
                       static_cast<double>(view_.launches.size());
    double perRow = pictureRows / arenaBytes_;
    for (size_t row = 0; row < pictureRows; ++row)
      for (size_t column = 0; column < columns_; ++column) {
        double height = overlap(offset, bytesEnd, row, perRow);
        double width = overlap(first, end, column, perColumn);
        if (height <= 0 || width <= 0 || height * width <= filled_[row][column])
          continue;
        filled_[row][column] = height * width;
        cells_[row][column] = letter;
      }
  }

  const MemoryView &view_;
  double arenaBytes_;
  size_t columns_;
  std::vector<std::string> cells_;
  std::vector<std::vector<double>>
      filled_; ///< share of the cell that is taken.
};

std::string tableOfBuffers(const proto::Report &report,
                           const MemoryView &view) {
  TextTable table({{""},
                   {"buffer"},
                   {"type"},
                   {"offset", true},
                   {"bytes", true},
                   {"from launch"},
                   {"to launch"},
                   {"shares bytes with", true}});
  for (size_t i = 0; i < view.buffers.size(); ++i) {
    const proto::Buffer &buffer = *view.buffers[i];
    table.addRow({std::string(1, letterOf(i)), buffer.name(),
                  buffer.dtype() + " " + describeShape(buffer.shape()),
                  formatCount(buffer.offset()), formatCount(buffer.size()),
                  launchName(report, buffer.first_launch()),
                  launchName(report, buffer.last_launch()),
                  buffer.shares_bytes_with()
                      ? formatCount(buffer.shares_bytes_with())
                      : "none"});
  }
  return table.print();
}

std::string describeSizes(const proto::Report &report) {
  const proto::MemoryPlan &memory = report.memory();
  std::string text = "  arena " + describeBytes(memory.arena_bytes()) + "\n";
  text += "  peak " + describeBytes(memory.peak_bytes()) + " alive in " +
          printable(launchName(report, memory.peak_launch())) + "\n";
  text += "  without reuse " + describeBytes(memory.unshared_bytes());
  if (memory.arena_bytes() > 0)
    text += ", " +
            formatFixed(static_cast<double>(memory.unshared_bytes()) /
                            static_cast<double>(memory.arena_bytes()),
                        1) +
            " times the arena";
  return text + "\n";
}

} // namespace

std::string textOfMemory(const proto::Report &report,
                         const TextOptions &options) {
  if (!report.has_memory())
    return "";
  const proto::MemoryPlan &memory = report.memory();
  MemoryView view = makeView(
      report, foldLaunches(report, options.openLayers, options.openAll));
  std::string text = "Memory of a step\n" + describeSizes(report);
  if (view.launches.empty() || memory.arena_bytes() == 0)
    return text;
  text += "\nArena: offsets down, launches across (" +
          formatCount(view.launches.size()) + " of " +
          formatCount(static_cast<uint64_t>(report.launches_size())) +
          "; equal layers once)\n";
  text += Picture(view, memory.arena_bytes()).print();
  return text + "\nBuffers: " + formatCount(view.buffers.size()) + " of " +
         formatCount(static_cast<uint64_t>(memory.buffers_size())) + "\n" +
         tableOfBuffers(report, view);
}

} // namespace gossamer::tools::detail
