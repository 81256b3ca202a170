//===- LaunchCost.cpp - What a launch reads and computes ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LaunchCost.h"

#include "runtime/weights/Safetensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string_view>

namespace gossamer::tools {

LaunchCost::Rule LaunchCost::chooseRule(const proto::Kernel &kernel) {
  std::string_view operation = kernel.operation();
  if (operation == "embedding")
    return Rule::PerRow;
  if (operation == "linear" || operation == "project" ||
      operation == "norm_route")
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
  work_.assign(kernel.work().begin(), kernel.work().end());
  for (const proto::WorkBound &bound : work_)
    rowsAreOutputs_ |= bound.per_output() > 0;
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
    addActivation(binding, manifest.max_tokens_per_step());
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
      writesLogits_ = rowsAreOutputs_ = true;
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

/// The rows of a buffer are those of the step; lists of experts are not.
void LaunchCost::addActivation(const proto::Binding &binding,
                               uint64_t maxTokens) {
  std::optional<DType> dtype = dtypeFromName(binding.dtype());
  if (!dtype || binding.shape_size() == 0)
    return;
  double bytes = dtypeBits(*dtype) / 8.0;
  for (uint64_t extent : binding.shape())
    bytes *= static_cast<double>(extent);
  bool isExpertList = binding.dtype() == "I32" && binding.shape_size() == 1 &&
                      (binding.shape(0) == numExperts_ ||
                       binding.shape(0) == uint64_t(numExperts_) + 1) &&
                      binding.role() == proto::Binding::ARENA;
  if (maxTokens > 0 && binding.shape(0) % maxTokens == 0 && !isExpertList)
    rowBytes_ += bytes / static_cast<double>(maxTokens);
  else
    fixedBytes_ += bytes;
}

void LaunchCost::readCache(const proto::CacheLayout &cache,
                           const proto::CacheGroup &group) {
  // The size of a page tells the size of an element, padding included.
  double positions = static_cast<double>(cache.page_tokens()) *
                     std::max(1, group.layers_size());
  keyBytes_ = static_cast<double>(group.page_bytes()) / positions;
  window_ = group.window();
}

/// `count` integers of a binding, in the host's memory.
static std::vector<int32_t> readIntegers(const void *from, int64_t count,
                                         Device *device) {
  std::vector<int32_t> values(static_cast<size_t>(std::max<int64_t>(count, 0)));
  size_t bytes = values.size() * sizeof(int32_t);
  if (!device)
    std::memcpy(values.data(), from, bytes);
  else if (!device->read(values.data(), from, bytes).isOk())
    std::fill(values.begin(), values.end(), 0); // The step itself will fail.
  return values;
}

Work LaunchCost::of(const goss_launch &launch, const goss_dims &dims,
                    Device *device) const {
  Facts facts;
  facts.items = static_cast<double>(std::max<int64_t>(launch.items, 0));
  facts.tokens = static_cast<double>(dims.tokens);
  facts.outputs = static_cast<double>(dims.outputs);
  if (facts.items == 0)
    return {};
  if (rule_ == Rule::GateUp || rule_ == Rule::Down || rule_ == Rule::TokenMoe)
    findExperts(launch, dims, device, facts);
  else if (rule_ == Rule::Attention || rule_ == Rule::HalfOfThat)
    findKeys(launch, dims, device, facts);
  ExpectedWork work = count(facts);
  return {work.weightBytes + work.cacheBytes, work.flops};
}

/// As many experts as the tokens could name, unless the router's lists tell.
void LaunchCost::findExperts(const goss_launch &launch, const goss_dims &dims,
                             Device *device, Facts &facts) const {
  int64_t slots = dims.tokens * int64_t(expertsPerToken_);
  int64_t active = std::min<int64_t>(numExperts_, slots);
  if (offsets_ && active_ && rule_ != Rule::TokenMoe) {
    active = readIntegers(launch.bindings[*active_], 1, device)[0];
    active = std::clamp<int64_t>(active, 0, numExperts_);
    slots = readIntegers(launch.bindings[*offsets_], active + 1, device).back();
  }
  facts.experts = static_cast<double>(active);
  facts.slots = static_cast<double>(slots);
}

void LaunchCost::findKeys(const goss_launch &launch, const goss_dims &dims,
                          Device *device, Facts &facts) const {
  auto readAll = [&](const std::optional<size_t> &binding) {
    return binding
               ? readIntegers(launch.bindings[*binding], dims.tokens, device)
               : std::vector<int32_t>();
  };
  std::vector<int32_t> positions = readAll(positions_);
  std::vector<int32_t> sequences = readAll(sequences_);
  /// The keys that tokens of one sequence see: first to last.
  struct KeyRange {
    int64_t first;
    int64_t end;
  };
  std::map<int32_t, KeyRange> ranges;
  int64_t visible = 0;
  for (size_t t = 0; t < static_cast<size_t>(dims.tokens); ++t) {
    // The unfused kernels know no positions: they visit all keys of the step.
    int64_t end = positions_ ? int64_t(positions[t]) + 1 : dims.keys;
    int64_t first =
        positions_ && window_ ? std::max<int64_t>(0, end - window_) : 0;
    visible += end - first;
    auto [range, isNew] =
        ranges.try_emplace(sequences_ ? sequences[t] : 0, KeyRange{first, end});
    range->second.first = std::min(range->second.first, first);
    range->second.end = std::max(range->second.end, end);
  }
  int64_t keys = 0;
  for (const auto &[sequence, range] : ranges)
    keys += range.end - range.first;
  facts.visible = static_cast<double>(visible);
  facts.keys = static_cast<double>(keys);
}

ExpectedWork LaunchCost::expected(const proto::StepShape &step) const {
  Facts facts;
  facts.tokens = static_cast<double>(step.tokens()) *
                 static_cast<double>(step.sequences());
  facts.outputs = static_cast<double>(step.outputs());
  facts.items = countItems(facts.tokens, facts.outputs);
  facts.slots = facts.tokens * expertsPerToken_;
  double missed = 1 - double(expertsPerToken_) / numExperts_;
  facts.experts = numExperts_ * (1 - std::pow(missed, facts.tokens));
  expectKeys(step, facts);
  if (facts.items == 0)
    return {};
  ExpectedWork work = count(facts);
  work.activationBytes =
      fixedBytes_ +
      rowBytes_ * (rowsAreOutputs_ ? facts.outputs : facts.tokens);
  return work;
}

double LaunchCost::countItems(double tokens, double outputs) const {
  std::optional<double> least;
  for (const proto::WorkBound &bound : work_) {
    double items = static_cast<double>(bound.constant()) +
                   static_cast<double>(bound.per_token()) * tokens +
                   static_cast<double>(bound.per_output()) * outputs;
    least = std::min(least.value_or(items), items);
  }
  return least.value_or(0);
}

/// Token i of a sequence sees the keys before it and its own, at most a
/// window; all tokens of it together those from the first one's window on.
void LaunchCost::expectKeys(const proto::StepShape &step, Facts &facts) const {
  auto tokens = static_cast<double>(step.tokens());
  auto depth = static_cast<double>(step.depth());
  auto sequences = static_cast<double>(step.sequences());
  if (!positions_) {
    facts.visible = facts.tokens * (depth + tokens);
    facts.keys = (sequences_ ? sequences : 1) * (depth + tokens);
    return;
  }
  double growing = tokens; // Tokens whose window is not yet full.
  if (window_)
    growing = std::clamp(window_ - depth, 0.0, tokens);
  double visible = growing * depth + growing * (growing + 1) / 2 +
                   (tokens - growing) * window_;
  double first = window_ ? std::max(0.0, depth + 1 - window_) : 0;
  facts.visible = sequences * visible;
  facts.keys = sequences * (depth + tokens - first);
}

ExpectedWork LaunchCost::count(const Facts &facts) const {
  ExpectedWork work;
  double rows = writesLogits_ ? facts.outputs : facts.tokens;
  double items = facts.items;
  double expertVectors = expertVectorBytes_ / numExperts_;
  switch (rule_) {
  case Rule::PerItem:
    work.weightBytes = vectorBytes_;
    work.flops = flopsPerItem_ * items;
    break;
  case Rule::PerRow:
    work.weightBytes = bytesPerItem_ * items;
    break;
  case Rule::Linear:
    if (rows <= 0)
      break;
    work.weightBytes = bytesPerItem_ * items + vectorBytes_;
    work.flops = flopsPerItem_ * items * rows;
    break;
  case Rule::GateUp:
    // The launch has items for as many experts as the tokens could name.
    items /= std::max(
        1.0, std::min<double>(numExperts_, facts.tokens * expertsPerToken_));
    [[fallthrough]];
  case Rule::Down:
    work.weightBytes = (bytesPerItem_ * items + expertVectors) * facts.experts;
    work.flops = flopsPerItem_ * items * facts.slots;
    break;
  case Rule::TokenMoe:
    work.weightBytes =
        (bytesPerItem_ / expertsPerToken_ + expertVectors) * facts.experts;
    work.flops = flopsPerItem_ * items;
    break;
  case Rule::Attention:
  case Rule::HalfOfThat: {
    double part = rule_ == Rule::HalfOfThat ? 0.5 : 1;
    work.weightBytes = vectorBytes_;
    work.cacheBytes = part * keyBytes_ * facts.keys;
    work.flops = part * 4 * heads_ * headDim_ * facts.visible;
    break;
  }
  }
  return work;
}

} // namespace gossamer::tools
