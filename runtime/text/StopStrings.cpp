//===- StopStrings.cpp - Ending a text before given strings ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/StopStrings.h"
#include "runtime/text/Utf8.h"
#include <algorithm>

using namespace gossamer;

StopStrings::Matcher::Matcher(std::string stop)
    : text(std::move(stop)), failure(text.size() + 1, 0) {
  for (size_t i = 1; i < text.size(); ++i) {
    uint32_t state = failure[i];
    while (state > 0 && text[state] != text[i])
      state = failure[state];
    failure[i + 1] = state + (text[state] == text[i] ? 1 : 0);
  }
}

void StopStrings::Matcher::advance(char c) {
  while (matched > 0 && text[matched] != c)
    matched = failure[matched];
  if (text[matched] == c)
    ++matched;
}

StopStrings::StopStrings(const std::vector<std::string> &stops) {
  for (const std::string &stop : stops) {
    std::string repaired;
    appendValidUtf8(repaired, stop);
    if (!repaired.empty())
      matchers_.emplace_back(std::move(repaired));
  }
}

bool StopStrings::push(std::string_view delta, std::string &out) {
  if (stopped_)
    return true;
  for (char c : delta) {
    held_.push_back(c);
    size_t longest = 0;
    for (Matcher &matcher : matchers_) {
      matcher.advance(c);
      if (matcher.matched == matcher.text.size())
        longest = std::max(longest, matcher.text.size());
    }
    if (longest == 0)
      continue;
    out.append(held_, 0, held_.size() - longest);
    held_.clear();
    stopped_ = true;
    return true;
  }
  size_t keep = 0;
  for (const Matcher &matcher : matchers_)
    keep = std::max<size_t>(keep, matcher.matched);
  out.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return false;
}

void StopStrings::flush(std::string &out) {
  out += held_;
  held_.clear();
  for (Matcher &matcher : matchers_)
    matcher.matched = 0;
}

void StopStrings::reset() {
  std::string dropped;
  flush(dropped);
  stopped_ = false;
}
