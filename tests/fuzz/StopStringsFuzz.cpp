//===- StopStringsFuzz.cpp - Stops are found as defined -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The input is stop strings and a text, divided by zero bytes; the text is the
// last. A byte 1 in the text divides it into deltas.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/StopStrings.h"
#include "runtime/text/Utf8.h"
#include "tests/fuzz/FuzzSupport.h"

using namespace gossamer;

namespace {

/// The definition, on the whole text.
std::string stopNaively(std::string_view text,
                        const std::vector<std::string> &stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string &stop : stops)
      if (text.substr(0, end).ends_with(stop))
        longest = std::max(longest, stop.size());
    if (longest > 0)
      return std::string(text.substr(0, end - longest));
  }
  return std::string(text);
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  std::vector<std::string> stops;
  for (size_t end; (end = bytes.find('\0')) != std::string_view::npos;
       bytes.remove_prefix(end + 1)) {
    std::string stop;
    appendValidUtf8(stop, bytes.substr(0, end));
    stops.push_back(stop);
  }
  if (stops.size() > 8 || bytes.size() > 512)
    return 0;
  StopStrings filter(stops);
  std::string text, out;
  bool stopped = false;
  for (size_t begin = 0; begin <= bytes.size();) {
    size_t end = std::min(bytes.find('\1', begin), bytes.size());
    std::string_view delta = bytes.substr(begin, end - begin);
    text += delta;
    require(filter.push(delta, out) == filter.stopped());
    require(filter.stopped() || !stopped);
    stopped = filter.stopped();
    begin = end + 1;
  }
  if (!stopped)
    filter.flush(out);
  require(out == stopNaively(text, stops));
  return 0;
}
