//===- StopStrings.h - Ending a text before given strings -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Looks for stop strings in a text that comes in deltas. A suffix that may be
// the beginning of a stop string is held back, so that no part of a stop
// string is ever put out. The string that is complete first ends the text; of
// several that end together, the longest. How the text is divided into deltas
// makes no difference.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_STOPSTRINGS_H
#define GOSSAMER_RUNTIME_TEXT_STOPSTRINGS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Filters one text. Time is linear in the text for each stop string. Deltas
/// and output are well-formed UTF-8 when the input is. Not thread-safe.
class StopStrings {
public:
  /// Empty strings are left out; ill-formed ones are repaired like the text
  /// (see Utf8.h). No strings: everything passes through.
  explicit StopStrings(const std::vector<std::string> &stops = {});

  /// Appends to `out` what is certain to come before any stop string. Returns
  /// true once a stop string is complete; everything after it is dropped.
  bool push(std::string_view delta, std::string &out);

  /// Ends the text without a stop: appends what was held back.
  void flush(std::string &out);

  bool stopped() const { return stopped_; }

  /// Forgets the text, keeps the stop strings.
  void reset();

private:
  /// Knuth-Morris-Pratt: `matched` is the length of the longest prefix of
  /// `text` that the input so far ends with.
  struct Matcher {
    std::string text;
    std::vector<uint32_t> failure; ///< [i]: state after a mismatch in state i.
    uint32_t matched = 0;

    explicit Matcher(std::string stop);
    void advance(char c);
  };

  std::vector<Matcher> matchers_;
  std::string held_;
  bool stopped_ = false;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_STOPSTRINGS_H
