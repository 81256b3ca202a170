//===- GraphBuilder.cpp - The graph level of a model ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/graph/GraphBuilder.h"

#include "ir/GptOss.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

#include <cmath>
#include <utility>

using namespace mlir;

namespace gossamer {

namespace {

/// The arguments of `step`.
struct StepArguments {
  Value tokens, positions, sequences, outputs, cache;
};

/// Builds one module. Each operation is created in a statement of its own, so
/// that the order of the IR never hangs on the order in which C++ evaluates
/// arguments.
class GraphBuilder {
public:
  GraphBuilder(MLIRContext &context, const ModelConfig &config,
               const ParameterList &parameters, const GraphOptions &options)
      : builder_(&context), config_(config), parameters_(parameters),
        maxContext_(options.maxContext), cacheElement_(options.cacheElement) {}

  OwningOpRef<ModuleOp> build();

private:
  // Types and attributes.
  gptoss::WeightType getWeightType(const Parameter &parameter);
  gptoss::CacheType getCacheType();
  gptoss::RopeAttr getRopeAttr();
  DictionaryAttr getConfigAttr();
  RankedTensorType getRowsType(int64_t width);
  Location getLoc(const Twine &name) {
    return NameLoc::get(builder_.getStringAttr(name));
  }

  // Parts of the module.
  void declareParameters();
  void buildStep();
  void buildLayer(int64_t layer);
  Value buildAttention(int64_t layer, Value input);
  Value buildScores(int64_t layer, Value query);
  Value buildExperts(int64_t layer, Value input);

  // Pieces.
  Value useParameter(const Twine &symbol);
  Value buildNorm(const Twine &name, Value input);
  Value buildLinear(const Twine &name, Value input, bool hasBias);
  Value buildHeads(const Twine &name, Value input);
  Value buildRotation(const Twine &name, Value heads);

  OpBuilder builder_;
  const ModelConfig &config_;
  const ParameterList &parameters_;
  int64_t maxContext_;
  ElementType cacheElement_;

  ModuleOp module_;
  StepArguments arguments_;
  Value cos_, sin_;
  Value stream_; ///< the residual stream so far.
};

//===----------------------------------------------------------------------===//
// Types and attributes
//===----------------------------------------------------------------------===//

gptoss::WeightType GraphBuilder::getWeightType(const Parameter &parameter) {
  if (parameter.element == ElementType::F4E2M1)
    return gptoss::WeightType::getMxFp4(builder_.getContext(), parameter.shape);
  Type element = parameter.element == ElementType::F32 ? builder_.getF32Type()
                 : parameter.element == ElementType::F16
                     ? builder_.getF16Type()
                     : builder_.getBF16Type();
  auto layout = parameter.layout == StorageLayout::Transposed
                    ? gptoss::WeightLayout::Transposed
                    : gptoss::WeightLayout::RowMajor;
  return gptoss::WeightType::get(builder_.getContext(), parameter.shape,
                                 element, layout);
}

gptoss::CacheType GraphBuilder::getCacheType() {
  // Groups are numbered in the order in which layers first need them.
  SmallVector<int64_t> windows, groups;
  for (int64_t layer = 0; layer < config_.numLayers; ++layer) {
    int64_t window = config_.windowOf(layer);
    auto *found = llvm::find(windows, window);
    groups.push_back(std::distance(windows.begin(), found));
    if (found == windows.end())
      windows.push_back(window);
  }
  Type element = cacheElement_ == ElementType::BF16
                     ? Type(builder_.getBF16Type())
                     : builder_.getF32Type();
  return gptoss::CacheType::get(builder_.getContext(), element,
                                config_.numKvHeads, config_.headDim, pageTokens,
                                maxContext_, windows, groups);
}

gptoss::RopeAttr GraphBuilder::getRopeAttr() {
  const RopeConfig &rope = config_.rope;
  MLIRContext *context = builder_.getContext();
  if (rope.scaling == RopeConfig::Scaling::None)
    return gptoss::RopeAttr::get(context, rope.theta, gptoss::RopeScaling::None,
                                 1.0, 32.0, 1.0, 0, true, 0.0);
  // Zero lets the attribute derive the usual concentration.
  bool derived = rope.attentionFactor == yarnAttentionFactor(rope.factor);
  return gptoss::RopeAttr::get(context, rope.theta, gptoss::RopeScaling::Yarn,
                               rope.factor, rope.betaFast, rope.betaSlow,
                               rope.originalContext, rope.truncate,
                               derived ? 0.0 : rope.attentionFactor);
}

DictionaryAttr GraphBuilder::getConfigAttr() {
  auto integer = [&](StringRef name, int64_t value) {
    return builder_.getNamedAttr(name, builder_.getI64IntegerAttr(value));
  };
  auto real = [&](StringRef name, double value) {
    return builder_.getNamedAttr(name, builder_.getF64FloatAttr(value));
  };
  SmallVector<NamedAttribute> fields = {
      integer("layers", config_.numLayers),
      integer("hidden_size", config_.hiddenSize),
      integer("intermediate_size", config_.intermediateSize),
      integer("vocab_size", config_.vocabSize),
      integer("heads", config_.numHeads),
      integer("kv_heads", config_.numKvHeads),
      integer("head_dim", config_.headDim),
      integer("experts", config_.numExperts),
      integer("experts_per_token", config_.expertsPerToken),
      integer("sliding_window", config_.slidingWindow),
      integer("max_context", maxContext_),
      real("rms_norm_eps", config_.rmsNormEps),
      real("swiglu_alpha", config_.swigluAlpha),
      real("swiglu_limit", config_.swigluLimit)};
  return builder_.getDictionaryAttr(fields);
}

RankedTensorType GraphBuilder::getRowsType(int64_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, width},
                               builder_.getF32Type());
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

Value GraphBuilder::useParameter(const Twine &symbol) {
  std::string name = symbol.str();
  const Parameter *parameter = parameters_.find(name);
  assert(parameter && "the list was made from another config");
  return gptoss::WeightOp::create(builder_, getLoc(name),
                                  getWeightType(*parameter), name);
}

Value GraphBuilder::buildNorm(const Twine &name, Value input) {
  std::string symbol = name.str();
  Value weight = useParameter(symbol);
  return gptoss::RmsNormOp::create(
      builder_, getLoc(symbol), input.getType(), input, weight,
      builder_.getF64FloatAttr(config_.rmsNormEps));
}

Value GraphBuilder::buildLinear(const Twine &name, Value input, bool hasBias) {
  std::string symbol = name.str();
  Value weight = useParameter(symbol + ".weight");
  Value bias = hasBias ? useParameter(symbol + ".bias") : Value();
  return gptoss::LinearOp::create(builder_, getLoc(symbol), input, weight, bias,
                                  /*residual=*/Value());
}

Value GraphBuilder::buildHeads(const Twine &name, Value input) {
  return gptoss::SplitHeadsOp::create(builder_, getLoc(name), input,
                                      config_.headDim);
}

Value GraphBuilder::buildRotation(const Twine &name, Value heads) {
  Location loc = getLoc(name);
  auto halves = gptoss::SplitHalfOp::create(builder_, loc, heads);
  Value low = halves.getLow();
  auto rotated = gptoss::RotateOp::create(
      builder_, loc, TypeRange{low.getType(), low.getType()}, low,
      halves.getHigh(), cos_, sin_);
  return gptoss::MergeHalfOp::create(builder_, loc, rotated.getNewLow(),
                                     rotated.getNewHigh());
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Value GraphBuilder::buildScores(int64_t layer, Value query) {
  std::string name = "layers." + std::to_string(layer) + ".attention";
  double scale = 1.0 / std::sqrt(static_cast<double>(config_.headDim));
  Value scores = gptoss::AttentionScoresOp::create(
      builder_, getLoc(name + ".scores"), query, arguments_.cache,
      arguments_.sequences, builder_.getI64IntegerAttr(layer),
      builder_.getF64FloatAttr(scale));
  Value masked = gptoss::MaskOp::create(
      builder_, getLoc(name + ".mask"), scores.getType(), scores,
      arguments_.positions,
      builder_.getI64IntegerAttr(config_.windowOf(layer)));
  Value sinks = useParameter(name + ".sinks");
  Value probabilities =
      gptoss::SoftmaxSinkOp::create(builder_, getLoc(name + ".probabilities"),
                                    masked.getType(), masked, sinks);
  return gptoss::AttentionValuesOp::create(
      builder_, getLoc(name + ".values"), probabilities, arguments_.cache,
      arguments_.sequences, builder_.getI64IntegerAttr(layer));
}

Value GraphBuilder::buildAttention(int64_t layer, Value input) {
  std::string name = "layers." + std::to_string(layer) + ".attention";
  bool bias = config_.attentionBias;
  Value query = buildLinear(name + ".q", input, bias);
  Value key = buildLinear(name + ".k", input, bias);
  Value value = buildLinear(name + ".v", input, bias);
  query = buildHeads(name + ".q.heads", query);
  key = buildHeads(name + ".k.heads", key);
  value = buildHeads(name + ".v.heads", value);
  query = buildRotation(name + ".q.rope", query);
  key = buildRotation(name + ".k.rope", key);
  arguments_.cache = gptoss::CacheAppendOp::create(
      builder_, getLoc(name + ".cache"), arguments_.cache.getType(),
      arguments_.cache, key, value, arguments_.positions, arguments_.sequences,
      builder_.getI64IntegerAttr(layer));
  Value heads = buildScores(layer, query);
  Value rows = gptoss::MergeHeadsOp::create(
      builder_, getLoc(name + ".merge_heads"), heads);
  return buildLinear(name + ".o", rows, bias);
}

Value GraphBuilder::buildExperts(int64_t layer, Value input) {
  std::string name = "layers." + std::to_string(layer) + ".mlp";
  Value logits = buildLinear(name + ".router", input, /*hasBias=*/true);
  auto chosen = gptoss::TopKOp::create(
      builder_, getLoc(name + ".top_k"), logits,
      builder_.getI64IntegerAttr(config_.expertsPerToken));
  Value values = chosen.getValues();
  Value indices = chosen.getIndices();
  Value shares = gptoss::SoftmaxOp::create(
      builder_, getLoc(name + ".routing_weights"), values.getType(), values);

  Value weight = useParameter(name + ".experts.gate_up");
  Value bias = useParameter(name + ".experts.gate_up_bias");
  Value hidden = gptoss::ExpertLinearOp::create(
      builder_, getLoc(name + ".experts.gate_up"), input, indices, weight,
      bias);
  hidden = gptoss::SwigluOp::create(
      builder_, getLoc(name + ".experts.swiglu"), hidden,
      builder_.getF64FloatAttr(config_.swigluAlpha),
      builder_.getF64FloatAttr(config_.swigluLimit));
  weight = useParameter(name + ".experts.down");
  bias = useParameter(name + ".experts.down_bias");
  Value results = gptoss::ExpertLinearOp::create(
      builder_, getLoc(name + ".experts.down"), hidden, indices, weight, bias);
  return gptoss::WeightedSumOp::create(builder_, getLoc(name + ".combine"),
                                       results, shares);
}

void GraphBuilder::buildLayer(int64_t layer) {
  std::string name = "layers." + std::to_string(layer);
  Value input = buildNorm(name + ".input_norm", stream_);
  Value attention = buildAttention(layer, input);
  stream_ =
      gptoss::AddOp::create(builder_, getLoc(name + ".attention.residual"),
                            stream_.getType(), stream_, attention);
  input = buildNorm(name + ".post_attention_norm", stream_);
  Value experts = buildExperts(layer, input);
  stream_ = gptoss::AddOp::create(builder_, getLoc(name + ".mlp.residual"),
                                  stream_.getType(), stream_, experts);
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

void GraphBuilder::declareParameters() {
  for (const Parameter &parameter : parameters_.parameters()) {
    SmallVector<StringRef> sources;
    for (const TensorSpec &tensor : parameter.tensors)
      sources.push_back(tensor.name);
    gptoss::ParameterOp::create(builder_, getLoc(parameter.symbol),
                                builder_.getStringAttr(parameter.symbol),
                                TypeAttr::get(getWeightType(parameter)),
                                builder_.getStrArrayAttr(sources));
  }
}

void GraphBuilder::buildStep() {
  auto ids =
      RankedTensorType::get({ShapedType::kDynamic}, builder_.getI32Type());
  gptoss::CacheType cache = getCacheType();
  Type logitsType = getRowsType(config_.vocabSize);
  auto type = builder_.getFunctionType({ids, ids, ids, ids, cache},
                                       {logitsType, cache});
  auto step = func::FuncOp::create(builder_, getLoc("step"), "step", type);
  Block *entry = step.addEntryBlock();
  builder_.setInsertionPointToStart(entry);
  // Locations name the arguments in print.
  StringRef names[] = {"tokens", "positions", "sequences", "outputs", "cache"};
  for (auto [argument, name] : llvm::zip_equal(entry->getArguments(), names))
    argument.setLoc(getLoc(name));
  arguments_ = {entry->getArgument(0), entry->getArgument(1),
                entry->getArgument(2), entry->getArgument(3),
                entry->getArgument(4)};

  auto table = gptoss::RopeTableOp::create(builder_, getLoc("rope_table"),
                                           arguments_.positions, getRopeAttr(),
                                           config_.headDim);
  cos_ = table.getCos();
  sin_ = table.getSin();
  Value embedding = useParameter("embed_tokens");
  stream_ = gptoss::EmbeddingOp::create(builder_, getLoc("embedding"),
                                        arguments_.tokens, embedding);
  for (int64_t layer = 0; layer < config_.numLayers; ++layer)
    buildLayer(layer);

  Value wanted = gptoss::GatherRowsOp::create(builder_, getLoc("outputs"),
                                              stream_, arguments_.outputs);
  wanted = buildNorm("final_norm", wanted);
  Value head =
      useParameter(config_.tieWordEmbeddings ? "embed_tokens" : "lm_head");
  Value logits =
      gptoss::LinearOp::create(builder_, getLoc("lm_head"), wanted, head,
                               /*bias=*/Value(), /*residual=*/Value());
  func::ReturnOp::create(builder_, getLoc("step"),
                         ValueRange{logits, arguments_.cache});
}

OwningOpRef<ModuleOp> GraphBuilder::build() {
  module_ = ModuleOp::create(getLoc("model"));
  OwningOpRef<ModuleOp> owner(module_);
  module_->setAttr("gptoss.config", getConfigAttr());
  builder_.setInsertionPointToStart(module_.getBody());
  declareParameters();
  buildStep();
  return owner;
}

} // namespace

void loadGraphDialects(MLIRContext &context) {
  context.loadDialect<gptoss::GptOssDialect, func::FuncDialect>();
}

FailureOr<OwningOpRef<ModuleOp>> buildGraph(MLIRContext &context,
                                            const ModelConfig &config,
                                            const ParameterList &parameters,
                                            const GraphOptions &options) {
  loadGraphDialects(context);
  GraphOptions settled = options;
  if (settled.maxContext == 0)
    settled.maxContext = config.maxContext;
  if (settled.maxContext < 1 || settled.maxContext > config.maxContext)
    return emitError(UnknownLoc::get(&context))
           << "maximum context expects 1 to " << config.maxContext
           << " (max_position_embeddings) but got " << settled.maxContext;
  if (settled.cacheElement != ElementType::F32 &&
      settled.cacheElement != ElementType::BF16)
    return emitError(UnknownLoc::get(&context))
           << "cache element expects f32 or bf16 but got another";
  return GraphBuilder(context, config, parameters, settled).build();
}

} // namespace gossamer
