//===- GraphBuilderTest.cpp - Tests of the graph level --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

#include "frontend/graph/GraphBuilder.h"
#include "ir/GptOss.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <chrono>

using namespace gossamer;
using namespace gossamer::testing;
using namespace mlir;

// The check does not know that succeeded() looks into a FailureOr.
// NOLINTBEGIN(bugprone-unchecked-optional-access)

namespace {

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.enableDebugInfo();
  module.print(stream, flags);
  return text;
}

class GraphBuilderTest : public ::testing::Test {
protected:
  GraphBuilderTest() : context_(MLIRContext::Threading::DISABLED) {}

  OwningOpRef<ModuleOp> build(const ModelConfig &config,
                              ExpertForm form = ExpertForm::Mxfp4,
                              const GraphOptions &options = {}) {
    ParameterList parameters = ParameterList::create(config, form);
    auto module = buildGraph(context_, config, parameters, options);
    EXPECT_TRUE(succeeded(module));
    return succeeded(module) ? std::move(*module) : OwningOpRef<ModuleOp>();
  }

  /// Verifies the module, prints it, parses that and prints it again.
  void expectRoundTrip(ModuleOp module) {
    ASSERT_TRUE(succeeded(verify(module)));
    std::string text = print(module);
    MLIRContext other(MLIRContext::Threading::DISABLED);
    loadGraphDialects(other);
    auto parsed = parseSourceString<ModuleOp>(text, &other);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(print(*parsed), text);
  }

  template <typename OpTy> std::vector<OpTy> collect(ModuleOp module) {
    std::vector<OpTy> ops;
    module.walk([&](OpTy op) { ops.push_back(op); });
    return ops;
  }

  MLIRContext context_;
};

std::string nameOf(Operation *op) {
  auto loc = dyn_cast<NameLoc>(op->getLoc());
  return loc ? loc.getName().str() : std::string();
}

TEST_F(GraphBuilderTest, RoundTripsOddSizes) {
  auto module = build(ConfigText().config());
  expectRoundTrip(*module);
  auto step = module->lookupSymbol<func::FuncOp>("step");
  ASSERT_TRUE(step);
  ASSERT_EQ(step.getNumArguments(), 5u);
  ASSERT_EQ(step.getNumResults(), 2u);
  auto cache = dyn_cast<gptoss::CacheType>(step.getArgument(4).getType());
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache.getKvHeads(), 3);
  EXPECT_EQ(cache.getHeadDim(), 10);
  EXPECT_EQ(cache.getHeadDimPadded(), 16);
  EXPECT_EQ(cache.getPageTokens(), 16);
  EXPECT_EQ(cache.getMaxContext(), 256);
  EXPECT_EQ(cache.getWindows(), (ArrayRef<int64_t>{16, 0}));
  EXPECT_EQ(cache.getLayerGroups(), (ArrayRef<int64_t>{0, 1, 0}));
  EXPECT_EQ(step.getResultTypes()[1], cache);
  auto logits = dyn_cast<RankedTensorType>(step.getResultTypes()[0]);
  ASSERT_TRUE(logits);
  EXPECT_EQ(logits.getShape(), (ArrayRef<int64_t>{ShapedType::kDynamic, 50}));
}

TEST_F(GraphBuilderTest, RoundTripsVariants) {
  expectRoundTrip(*build(ConfigText().config(), ExpertForm::Plain));
  ConfigText full;
  full.set("layer_types", "null").set("sliding_window", "null");
  auto module = build(full.config());
  expectRoundTrip(*module);
  auto cache = cast<gptoss::CacheType>(
      module->lookupSymbol<func::FuncOp>("step").getArgument(4).getType());
  EXPECT_EQ(cache.getWindows(), (ArrayRef<int64_t>{0}));

  module = build(ConfigText().set("attention_bias", "false").config());
  expectRoundTrip(*module);
  EXPECT_FALSE(module->lookupSymbol("layers.0.attention.q.bias"));
  size_t withBias = 0;
  for (gptoss::LinearOp linear : collect<gptoss::LinearOp>(*module))
    withBias += static_cast<bool>(linear.getBias());
  EXPECT_EQ(withBias, 3u); // the routers.

  module = build(ConfigText().set("tie_word_embeddings", "true").config());
  expectRoundTrip(*module);
  auto head = collect<gptoss::LinearOp>(*module).back();
  auto weight = head.getWeight().getDefiningOp<gptoss::WeightOp>();
  EXPECT_EQ(weight.getParameter(), "embed_tokens");

  expectRoundTrip(*build(
      ConfigText().set("rope_scaling", R"({"rope_type":"default"})").config()));
}

TEST_F(GraphBuilderTest, ParametersNameTheirTensors) {
  auto module = build(ConfigText().config());
  auto parameter =
      module->lookupSymbol<gptoss::ParameterOp>("layers.2.mlp.experts.gate_up");
  ASSERT_TRUE(parameter);
  ASSERT_EQ(parameter.getSources().size(), 2u);
  EXPECT_EQ(cast<StringAttr>(parameter.getSources()[0]).getValue(),
            "model.layers.2.mlp.experts.gate_up_proj_blocks");
  gptoss::WeightType type = parameter.getWeightType();
  EXPECT_TRUE(type.isMxFp4());
  EXPECT_EQ(type.getShape(), (ArrayRef<int64_t>{5, 64, 64}));
  // The types' storage is that of the checkpoint's tensors.
  ParameterList list =
      ParameterList::create(ConfigText().config(), ExpertForm::Mxfp4);
  for (const Parameter &entry : list.parameters()) {
    auto op = module->lookupSymbol<gptoss::ParameterOp>(entry.symbol);
    ASSERT_TRUE(op) << entry.symbol;
    uint64_t bytes = 0;
    for (const TensorSpec &tensor : entry.tensors)
      bytes += tensor.byteSize();
    EXPECT_EQ(op.getWeightType().getStorageBytes(), static_cast<int64_t>(bytes))
        << entry.symbol;
  }
}

TEST_F(GraphBuilderTest, OperationsKnowTheirPlaceInTheModel) {
  auto module = build(ConfigText().config());
  auto adds = collect<gptoss::AddOp>(*module);
  ASSERT_EQ(adds.size(), 6u);
  EXPECT_EQ(nameOf(adds[0]), "layers.0.attention.residual");
  EXPECT_EQ(nameOf(adds[1]), "layers.0.mlp.residual");
  EXPECT_EQ(nameOf(adds[5]), "layers.2.mlp.residual");
  EXPECT_EQ(nameOf(collect<gptoss::EmbeddingOp>(*module)[0]), "embedding");
  EXPECT_EQ(nameOf(collect<gptoss::LinearOp>(*module)[0]),
            "layers.0.attention.q");
  EXPECT_EQ(nameOf(collect<gptoss::LinearOp>(*module).back()), "lm_head");
  EXPECT_EQ(nameOf(collect<gptoss::RmsNormOp>(*module).back()), "final_norm");
  module->walk([](Operation *op) {
    EXPECT_FALSE(nameOf(op).empty()) << op->getName().getStringRef().str();
  });
}

TEST_F(GraphBuilderTest, AttributesFollowTheConfig) {
  auto module = build(ConfigText()
                          .set("swiglu_alpha", "1.5")
                          .set("rms_norm_eps", "1e-6")
                          .config());
  auto masks = collect<gptoss::MaskOp>(*module);
  ASSERT_EQ(masks.size(), 3u);
  EXPECT_EQ(masks[0].getWindow(), 16);
  EXPECT_EQ(masks[1].getWindow(), 0);
  auto swiglu = collect<gptoss::SwigluOp>(*module)[0];
  EXPECT_EQ(swiglu.getAlpha().convertToDouble(), 1.5);
  EXPECT_EQ(swiglu.getLimit().convertToDouble(), 7.0);
  EXPECT_EQ(collect<gptoss::RmsNormOp>(*module)[0].getEps().convertToDouble(),
            1e-6);
  EXPECT_EQ(collect<gptoss::TopKOp>(*module)[0].getK(), 2);
  auto rope = collect<gptoss::RopeTableOp>(*module)[0].getRope();
  EXPECT_EQ(rope.getScaling(), gptoss::RopeScaling::Yarn);
  EXPECT_EQ(double(rope.getFactor()), 4.0);
  EXPECT_FALSE(rope.getTruncate());
  EXPECT_EQ(rope.getConcentration(), yarnAttentionFactor(4.0));

  module = build(ConfigText()
                     .set("rope_scaling",
                          R"({"rope_type":"yarn","factor":4,"truncate":false,)"
                          R"("attention_factor":1.5})")
                     .config());
  rope = collect<gptoss::RopeTableOp>(*module)[0].getRope();
  EXPECT_EQ(rope.getConcentration(), 1.5);
}

TEST_F(GraphBuilderTest, TakesOverFloatTypes) {
  ModelConfig config = ConfigText().config();
  ParameterList parameters = ParameterList::create(config, ExpertForm::Mxfp4);
  parameters.parameters().back().setFloatType(DType::F32);
  auto module = buildGraph(context_, config, parameters);
  ASSERT_TRUE(succeeded(module));
  auto head = (*module)->lookupSymbol<gptoss::ParameterOp>("lm_head");
  EXPECT_TRUE(head.getWeightType().getElementType().isF32());
}

TEST_F(GraphBuilderTest, ElementOfTheCache) {
  ModelConfig config = ConfigText().config();
  auto getElement = [&](const GraphOptions &options) {
    auto module = build(config, ExpertForm::Mxfp4, options);
    return cast<gptoss::CacheType>(module->lookupSymbol<func::FuncOp>("step")
                                       .getArgument(4)
                                       .getType())
        .getElementType();
  };
  EXPECT_TRUE(getElement({}).isF32());
  EXPECT_TRUE(getElement({.cacheElement = ElementType::BF16}).isBF16());
  ScopedDiagnosticHandler quiet(&context_,
                                [](Diagnostic &) { return success(); });
  ParameterList parameters = ParameterList::create(config, ExpertForm::Mxfp4);
  EXPECT_TRUE(failed(buildGraph(context_, config, parameters,
                                {.cacheElement = ElementType::F16})));
}

TEST_F(GraphBuilderTest, MaximumContext) {
  ModelConfig config = ConfigText().config();
  auto module = build(config, ExpertForm::Mxfp4, {.maxContext = 100});
  auto cache = cast<gptoss::CacheType>(
      module->lookupSymbol<func::FuncOp>("step").getArgument(4).getType());
  EXPECT_EQ(cache.getMaxContext(), 100);
  EXPECT_EQ(cache.getMaxPages(), 7);

  std::string message;
  ScopedDiagnosticHandler handler(&context_, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  ParameterList parameters = ParameterList::create(config, ExpertForm::Mxfp4);
  EXPECT_TRUE(
      failed(buildGraph(context_, config, parameters, {.maxContext = 257})));
  EXPECT_EQ(message, "maximum context expects 1 to 256 "
                     "(max_position_embeddings) but got 257");
  EXPECT_TRUE(
      failed(buildGraph(context_, config, parameters, {.maxContext = -1})));
}

TEST_F(GraphBuilderTest, BuildsThePublishedModelsInstantly) {
  for (const char *name : {"gpt-oss-20b.json", "gpt-oss-120b.json"}) {
    auto checkpoint =
        Checkpoint::open(sourcePath(std::string("tests/data/configs/") + name));
    ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
    auto start = std::chrono::steady_clock::now();
    auto module =
        buildGraph(context_, checkpoint->config(), checkpoint->parameters());
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(succeeded(module));
    EXPECT_LT(seconds.count(), 1.0);
    expectRoundTrip(**module);
  }
}

TEST_F(GraphBuilderTest, SameConfigSameText) {
  std::string first = print(*build(ConfigText().config()));
  MLIRContext other(MLIRContext::Threading::DISABLED);
  ModelConfig config = ConfigText().config();
  auto second = buildGraph(other, config,
                           ParameterList::create(config, ExpertForm::Mxfp4));
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(print(**second), first);
}

} // namespace

// NOLINTEND(bugprone-unchecked-optional-access)
