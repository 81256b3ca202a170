//===- LaunchCost.cpp - What a launch reads and computes ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/LaunchCost.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace gossamer::tools {

LaunchCost::Rule LaunchCost::chooseRule(const proto::Kernel &kernel) {
  std::string_view operation = kernel.operation();
  if (operation == "embedding")
    return Rule::PerRow;
  if (operation == "linear")
    return Rule::Linear;
  if (operation == "expert_gate_up")
    return Rule::GateUp;
  if (operation == "expert_down")
    return Rule::Down;
  if (operation == "expert_linear")
    return Rule::TokenMoe;
  if (operation == "attention_scores" || operation == "attention_values")
    return Rule::HalfOfThat;
  return operation == "attention" ? Rule::Attention : Rule::PerItem;
}

LaunchCost::LaunchCost(const proto::Manifest &manifest,
                       const proto::Launch &launch) {
  const proto::Kernel &kernel =
      manifest.kernels(static_cast<int>(launch.kernel()));
  rule_ = chooseRule(kernel);
  bytesPerItem_ = static_cast<double>(kernel.bytes_per_item());
  flopsPerItem_ = static_cast<double>(kernel.flops_per_item());
  numExperts_ = manifest.config().num_experts();
  expertsPerToken_ = manifest.config().experts_per_token();
  heads_ = manifest.config().num_heads();
  headDim_ = manifest.config().head_dim();
  findBindings(manifest, launch);
}

void LaunchCost::findBindings(const proto::Manifest &manifest,
                              const proto::Launch &launch) {
  for (int i = 0; i < launch.bindings_size(); ++i) {
    const proto::Binding &binding = launch.bindings(i);
    auto at = static_cast<size_t>(i);
    auto index = static_cast<int>(binding.index());
    auto isList = [&](uint64_t size) {
      return binding.dtype() == "I32" && binding.shape_size() == 1 &&
             binding.shape(0) == size;
    };
    switch (binding.role()) {
    case proto::Binding::ARENA:
      // `route` writes experts [E], offsets [E + 1], active [1] and slots, and
      // every user binds them in this order.
      if (!offsets_ && isList(uint64_t(numExperts_) + 1))
        offsets_ = at;
      else if (offsets_ && !active_ && isList(1))
        active_ = at;
      break;
    case proto::Binding::PARAMETER:
      addVector(manifest.tensors(index));
      break;
    case proto::Binding::POSITIONS:
      positions_ = at;
      break;
    case proto::Binding::SEQUENCES:
      sequences_ = at;
      break;
    case proto::Binding::LOGITS:
      rowsAreOutputs_ = true;
      break;
    case proto::Binding::CACHE_PAGES:
      readCache(manifest.cache(), manifest.cache().groups(index));
      break;
    default:
      break;
    }
  }
}

/// Matrices are part of a kernel's bytes per item, the vectors beside them are
/// not.
void LaunchCost::addVector(const proto::Tensor &tensor) {
  if (tensor.dtype() != "BF16" && tensor.dtype() != "F16" &&
      tensor.dtype() != "F32")
    return;
  bool ofExperts =
      rule_ == Rule::GateUp || rule_ == Rule::Down || rule_ == Rule::TokenMoe;
  if (ofExperts && tensor.shape_size() == 2)
    expertVectorBytes_ += static_cast<double>(tensor.size());
  else if (tensor.shape_size() <= 1)
    vectorBytes_ += static_cast<double>(tensor.size());
}

void LaunchCost::readCache(const proto::CacheLayout &cache,
                           const proto::CacheGroup &group) {
  // The size of a page tells the size of an element, padding included.
  double positions = static_cast<double>(cache.page_tokens()) *
                     std::max(1, group.layers_size());
  keyBytes_ = static_cast<double>(group.page_bytes()) / positions;
  window_ = group.window();
}

Work LaunchCost::of(const goss_launch &launch, const goss_dims &dims) const {
  auto items = static_cast<double>(std::max<int64_t>(launch.items, 0));
  if (items == 0)
    return {};
  switch (rule_) {
  case Rule::PerItem:
    return {vectorBytes_, flopsPerItem_ * items};
  case Rule::PerRow:
    return {bytesPerItem_ * items, 0};
  case Rule::Linear:
    return linearWork(items, dims);
  case Rule::GateUp:
  case Rule::Down:
    return expertWork(launch, dims);
  case Rule::TokenMoe:
    return tokenMoeWork(items, dims);
  case Rule::Attention:
  case Rule::HalfOfThat:
    return attentionWork(launch, dims);
  }
  return {};
}

Work LaunchCost::linearWork(double items, const goss_dims &dims) const {
  auto rows = static_cast<double>(rowsAreOutputs_ ? dims.outputs : dims.tokens);
  if (rows <= 0)
    return {};
  return {bytesPerItem_ * items + vectorBytes_, flopsPerItem_ * items * rows};
}

Work LaunchCost::expertWork(const goss_launch &launch,
                            const goss_dims &dims) const {
  // Slots are pairs of a token and an expert that it chose; the launch has
  // items for as many experts as the slots could name.
  int64_t slots = dims.tokens * int64_t(expertsPerToken_);
  int64_t most = std::min<int64_t>(numExperts_, slots);
  int64_t active = most;
  if (offsets_ && active_) {
    active = *static_cast<const int32_t *>(launch.bindings[*active_]);
    active = std::clamp<int64_t>(active, 0, numExperts_);
    slots = static_cast<const int32_t *>(launch.bindings[*offsets_])[active];
  }
  auto itemsOfExpert = static_cast<double>(launch.items);
  if (rule_ == Rule::GateUp)
    itemsOfExpert /= static_cast<double>(std::max<int64_t>(most, 1));
  auto experts = static_cast<double>(active);
  return {(bytesPerItem_ * itemsOfExpert + expertVectorBytes_ / numExperts_) *
              experts,
          flopsPerItem_ * itemsOfExpert * static_cast<double>(slots)};
}

/// The experts are not looked up: as many as the tokens could name. Exact for
/// a single token.
Work LaunchCost::tokenMoeWork(double items, const goss_dims &dims) const {
  auto slots = static_cast<double>(dims.tokens * int64_t(expertsPerToken_));
  double experts = std::min<double>(numExperts_, slots);
  return {bytesPerItem_ / expertsPerToken_ * experts +
              expertVectorBytes_ / numExperts_ * experts,
          flopsPerItem_ * items};
}

Work LaunchCost::attentionWork(const goss_launch &launch,
                               const goss_dims &dims) const {
  const auto *positions =
      positions_ ? static_cast<const int32_t *>(launch.bindings[*positions_])
                 : nullptr;
  const auto *sequences =
      sequences_ ? static_cast<const int32_t *>(launch.bindings[*sequences_])
                 : nullptr;
  std::map<int32_t, KeyRange> ranges;
  int64_t visible = 0;
  for (int64_t t = 0; t < dims.tokens; ++t) {
    // The unfused kernels know no positions: they visit all keys of the step.
    int64_t end = positions ? int64_t(positions[t]) + 1 : dims.keys;
    int64_t first =
        positions && window_ ? std::max<int64_t>(0, end - window_) : 0;
    visible += end - first;
    auto [range, isNew] =
        ranges.try_emplace(sequences ? sequences[t] : 0, KeyRange{first, end});
    range->second.first = std::min(range->second.first, first);
    range->second.end = std::max(range->second.end, end);
  }
  int64_t read = 0;
  for (const auto &[sequence, range] : ranges)
    read += range.end - range.first;
  double part = rule_ == Rule::HalfOfThat ? 0.5 : 1;
  return {part * keyBytes_ * static_cast<double>(read) + vectorBytes_,
          part * 4 * heads_ * headDim_ * static_cast<double>(visible)};
}

} // namespace gossamer::tools
