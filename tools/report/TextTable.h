//===- TextTable.h - Aligned columns for a terminal -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_TEXTTABLE_H
#define GOSSAMER_TOOLS_REPORT_TEXTTABLE_H

#include <string>
#include <string_view>
#include <vector>

namespace gossamer::tools {

/// `text` with each byte that a terminal would act on as '?': names come from
/// files, which may be anybody's.
std::string printable(std::string_view text);

/// Rows of cells, as wide as they need; the last column may be of any length.
class TextTable {
public:
  struct Column {
    std::string title;
    bool isNumber = false; ///< aligned to the right.
  };

  explicit TextTable(std::vector<Column> columns)
      : columns_(std::move(columns)) {}

  /// Missing cells are empty.
  void addRow(std::vector<std::string> cells);
  /// A line across the columns, between two rows.
  void addLine(std::string_view text);
  bool isEmpty() const { return rows_.empty(); }

  /// The table with two spaces before and between the columns. Columns in
  /// which nothing stands are left out.
  std::string print() const;

private:
  struct Row {
    std::vector<std::string> cells;
    bool isLine = false;
  };

  std::vector<size_t> measure() const;
  void appendRow(const std::vector<std::string> &cells,
                 const std::vector<size_t> &widths, std::string &out) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_TEXTTABLE_H
