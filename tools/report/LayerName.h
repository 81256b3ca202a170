//===- LayerName.h - The layer in an operation's name -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_LAYERNAME_H
#define GOSSAMER_TOOLS_REPORT_LAYERNAME_H

#include <charconv>
#include <cstdint>
#include <string_view>

namespace gossamer::tools {

/// 3 for "layers.3.attention.q", -1 for a name of no layer.
inline int32_t layerOfName(std::string_view name) {
  constexpr std::string_view prefix = "layers.";
  if (!name.starts_with(prefix))
    return -1;
  int32_t layer = -1;
  const char *end = name.data() + name.size();
  auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, layer);
  bool isLayer = error == std::errc() && layer >= 0 && rest != end;
  return isLayer && *rest == '.' ? layer : -1;
}

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_LAYERNAME_H
