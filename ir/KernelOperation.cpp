//===- KernelOperation.cpp - What kernels can compute -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/KernelOperation.h"

using namespace mlir;
using namespace mlir::gptoss;

namespace {
constexpr Access r = Access::Read, w = Access::Write, rw = Access::ReadWrite,
                 p = Access::Parameter;

constexpr BindingSpec embedding[] = {{"tokens", r}, {"table", p}, {"y", w}};
constexpr BindingSpec rmsNorm[] = {{"x", r}, {"weight", p}, {"y", w}};
constexpr BindingSpec quantize[] = {{"x", r}, {"y", w}};
constexpr BindingSpec linear[] = {{"x", r},
                                  {"weight", p},
                                  {"bias", p, "has_bias"},
                                  {"residual", r, "has_residual"},
                                  {"y", w}};
constexpr BindingSpec ropeTable[] = {{"positions", r}, {"cos", w}, {"sin", w}};
constexpr BindingSpec rope[] = {{"x", r}, {"cos", r}, {"sin", r}, {"y", w}};
constexpr BindingSpec splitHalf[] = {{"x", r}, {"low", w}, {"high", w}};
constexpr BindingSpec rotate[] = {{"low", r}, {"high", r},    {"cos", r},
                                  {"sin", r}, {"new_low", w}, {"new_high", w}};
constexpr BindingSpec mergeHalf[] = {{"low", r}, {"high", r}, {"y", w}};
constexpr BindingSpec cacheAppend[] = {{"key", r},
                                       {"value", r},
                                       {"positions", r},
                                       {"sequences", r},
                                       {"cache", rw}};
constexpr BindingSpec attention[] = {{"query", r},     {"cache", r},
                                     {"sinks", p},     {"positions", r},
                                     {"sequences", r}, {"y", w}};
constexpr BindingSpec attentionScores[] = {
    {"query", r}, {"cache", r}, {"sequences", r}, {"scores", w}};
constexpr BindingSpec mask[] = {{"scores", r}, {"positions", r}, {"y", w}};
constexpr BindingSpec softmaxSink[] = {{"scores", r}, {"sinks", p}, {"y", w}};
constexpr BindingSpec attentionValues[] = {
    {"probabilities", r}, {"cache", r}, {"sequences", r}, {"y", w}};
constexpr BindingSpec topK[] = {{"x", r}, {"values", w}, {"indices", w}};
constexpr BindingSpec unary[] = {{"x", r}, {"y", w}};
constexpr BindingSpec expertLinear[] = {
    {"x", r}, {"indices", r}, {"weight", p}, {"bias", p}, {"y", w}};
constexpr BindingSpec weightedSum[] = {{"x", r}, {"weights", r}, {"y", w}};
constexpr BindingSpec add[] = {{"a", r}, {"b", r}, {"y", w}};
constexpr BindingSpec gatherRows[] = {{"x", r}, {"rows", r}, {"y", w}};
constexpr BindingSpec route[] = {{"logits", r},  {"weights", w}, {"experts", w},
                                 {"offsets", w}, {"active", w},  {"slots", w}};
constexpr BindingSpec expertGateUp[] = {
    {"x", r},     {"experts", r}, {"offsets", r}, {"active", r},
    {"slots", r}, {"weight", p},  {"bias", p},    {"y", w}};
constexpr BindingSpec expertDown[] = {
    {"x", r},      {"experts", r}, {"offsets", r},
    {"active", r}, {"slots", r},   {"weights", r},
    {"weight", p}, {"bias", p},    {"residual", r, "has_residual"},
    {"y", w}};
// What merge-launches makes of several launches.
constexpr BindingSpec project[] = {
    {"x", r},          {"norm", p},     {"query_weight", p}, {"query_bias", p},
    {"key_weight", p}, {"key_bias", p}, {"value_weight", p}, {"value_bias", p},
    {"cos", r},        {"sin", r},      {"positions", r},    {"sequences", r},
    {"query", w},      {"cache", rw}};
constexpr BindingSpec normRoute[] = {
    {"x", r},      {"norm", p},    {"router", p},  {"bias", p},
    {"y", w},      {"weights", w}, {"experts", w}, {"offsets", w},
    {"active", w}, {"slots", w}};

constexpr StringRef eps[] = {"eps"};
constexpr StringRef quantizeAttrs[] = {"unit", "zero"};
constexpr StringRef linearAttrs[] = {"has_bias", "has_residual", "rows"};
constexpr StringRef ropeAttrs[] = {"rope"};
constexpr StringRef group[] = {"group"};
constexpr StringRef attentionAttrs[] = {"group", "scale", "window"};
constexpr StringRef scoresAttrs[] = {"group", "scale"};
constexpr StringRef window[] = {"window"};
constexpr StringRef k[] = {"k"};
constexpr StringRef swigluAttrs[] = {"alpha", "limit"};
constexpr StringRef gateUpAttrs[] = {"alpha", "k", "limit"};
constexpr StringRef projectAttrs[] = {"eps", "group"};
constexpr StringRef normRouteAttrs[] = {"eps", "k"};
constexpr StringRef downAttrs[] = {"has_residual", "k"};

constexpr KernelOperation table[] = {
    {"embedding", embedding, {}, "rows of a table, widened to f32"},
    {"rms_norm", rmsNorm, eps, "root mean square norm of rows"},
    {"quantize", quantize, quantizeAttrs,
     "blocks of rows as int8 parts, a scale and an offset"},
    {"linear", linear, linearAttrs,
     "product with a weight matrix, plus bias, plus residual"},
    {"rope_table", ropeTable, ropeAttrs, "cosines and sines of positions"},
    {"rope", rope, {}, "rotary embedding of heads"},
    {"split_half", splitHalf, {}, "halves of heads"},
    {"rotate", rotate, {}, "rotation of the halves of heads"},
    {"merge_half", mergeHalf, {}, "heads from their halves"},
    {"cache_append", cacheAppend, group, "stores keys and values"},
    {"attention", attention, attentionAttrs,
     "grouped attention over the cache with window and sinks"},
    {"attention_scores", attentionScores, scoresAttrs,
     "products of queries with cached keys"},
    {"mask", mask, window, "-inf for keys that a token must not see"},
    {"softmax_sink", softmaxSink, {}, "softmax with a sink"},
    {"attention_values", attentionValues, group,
     "cached values summed by probability"},
    {"top_k", topK, k, "largest elements of rows"},
    {"softmax", unary, {}, "softmax of rows"},
    {"expert_linear",
     expertLinear,
     {},
     "products with the matrices of the chosen experts"},
    {"swiglu", unary, swigluAttrs, "clamped gated activation"},
    {"weighted_sum", weightedSum, {}, "experts summed by weight"},
    {"add", add, {}, "sum of two activations"},
    {"gather_rows", gatherRows, {}, "chosen rows"},
    {"route", route, k, "chosen experts, and tokens grouped by expert"},
    {"expert_gate_up", expertGateUp, gateUpAttrs,
     "first expert product with its activation, grouped by expert"},
    {"expert_down", expertDown, downAttrs,
     "second expert product, summed by weight"},
    {"project", project, projectAttrs,
     "norm, then query, key and value as attention takes them"},
    {"norm_route", normRoute, normRouteAttrs,
     "norm, then the router's product and its choice of experts"},
};
} // namespace

ArrayRef<KernelOperation> gptoss::getKernelOperations() { return table; }

const KernelOperation *gptoss::lookupKernelOperation(StringRef name) {
  for (const KernelOperation &operation : table)
    if (operation.name == name)
      return &operation;
  return nullptr;
}

SmallVector<const BindingSpec *>
gptoss::getBindings(const KernelOperation &operation, DictionaryAttr config) {
  SmallVector<const BindingSpec *> bindings;
  for (const BindingSpec &spec : operation.bindings) {
    if (!spec.condition.empty()) {
      auto present = config.getAs<BoolAttr>(spec.condition);
      if (!present || !present.getValue())
        continue;
    }
    bindings.push_back(&spec);
  }
  return bindings;
}
