//===- TextTable.cpp - Aligned columns for a terminal ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/TextTable.h"

#include <algorithm>

namespace gossamer::tools {

std::string printable(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size(); ++i) {
    auto byte = static_cast<unsigned char>(out[i]);
    // The controls of ASCII, and those of Latin-1 as UTF-8 has them.
    bool isControl = byte < 0x20 || byte == 0x7F;
    if (byte == 0xC2 && i + 1 < out.size() &&
        static_cast<unsigned char>(out[i + 1]) < 0xA0)
      out[i + 1] = '?', isControl = true;
    if (isControl)
      out[i] = '?';
  }
  return out;
}

/// Columns that a text takes: one a code point.
static size_t widthOf(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

void TextTable::addRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string &cell : cells)
    cell = printable(cell);
  rows_.push_back({std::move(cells), false});
}

void TextTable::addLine(std::string_view text) {
  rows_.push_back({{printable(text)}, true});
}

std::vector<size_t> TextTable::measure() const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const Row &row : rows_)
    for (size_t i = 0; !row.isLine && i < row.cells.size(); ++i)
      widths[i] = std::max(widths[i], widthOf(row.cells[i]));
  for (size_t i = 0; i < widths.size(); ++i)
    if (widths[i] != 0)
      widths[i] = std::max(widths[i], widthOf(columns_[i].title));
  return widths;
}

void TextTable::appendRow(const std::vector<std::string> &cells,
                          const std::vector<size_t> &widths,
                          std::string &out) const {
  size_t begin = out.size();
  for (size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == 0)
      continue;
    std::string padding(widths[i] - widthOf(cells[i]), ' ');
    out += "  ";
    out += columns_[i].isNumber ? padding + cells[i] : cells[i] + padding;
  }
  while (out.size() > begin && out.back() == ' ')
    out.pop_back();
  out += '\n';
}

std::string TextTable::print() const {
  std::vector<size_t> widths = measure();
  std::vector<std::string> titles;
  titles.reserve(columns_.size());
  for (const Column &column : columns_)
    titles.push_back(column.title);
  std::string out;
  if (std::ranges::any_of(titles, [](auto &title) { return !title.empty(); })) {
    for (size_t i = 0; i < titles.size(); ++i)
      if (widths[i] == 0)
        titles[i].clear();
    appendRow(titles, widths, out);
  }
  for (const Row &row : rows_)
    if (row.isLine)
      out += "  " + row.cells.front() + "\n";
    else
      appendRow(row.cells, widths, out);
  return out;
}

} // namespace gossamer::tools
