//===- CudaGoldenTest.cpp - Whole steps of the cuda target ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Artifacts of models/tiny-stories for an NVIDIA chip, run by the interpreter
// of device functions, compared with the float32 reference.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CudaBackend.h"
#include "ir/GptOss.h"
#include "tests/golden/GoldenRunner.h"
#include "tests/golden/InterpretedDevice.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <set>

using namespace gossamer;
using namespace gossamer::golden;

namespace {

/// An artifact, and the largest difference of its logits from the float32
/// reference.
struct Target {
  const char *artifact;
  float tolerance;
};

/// Kernels of an artifact as gossc wrote them down.
class Kernels {
public:
  explicit Kernels(const std::string &artifact) {
    mlir::DialectRegistry registry;
    cuda::registerCudaDialects(registry);
    registry.insert<mlir::gptoss::GptOssDialect>();
    context_ = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
    module_ = mlir::parseSourceFile<mlir::ModuleOp>(
        std::string(GOSSAMER_GOLDEN_ARTIFACTS) + "/" + artifact +
            "_dump/03-loops.mlir",
        context_.get());
    if (!module_)
      throw std::runtime_error("cannot read the kernels of " + artifact);
  }

  mlir::gpu::GPUModuleOp functions() {
    return *module_->getOps<mlir::gpu::GPUModuleOp>().begin();
  }

private:
  std::unique_ptr<mlir::MLIRContext> context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

/// The shortest prompts, of several tokens.
std::vector<const Prompt *> shortPrompts(size_t count) {
  std::vector<const Prompt *> result;
  for (const Prompt &prompt : prompts())
    if (prompt.inputIds.size() > 1)
      result.push_back(&prompt);
  std::sort(result.begin(), result.end(), [](const auto *a, const auto *b) {
    return a->inputIds.size() < b->inputIds.size();
  });
  result.resize(std::min(count, result.size()));
  return result;
}

class CudaGolden : public testing::TestWithParam<Target> {
protected:
  CudaGolden()
      : kernels_(GetParam().artifact),
        device_(createInterpretedDevice(kernels_.functions())),
        runner_(artifactPath(GetParam().artifact), device_) {
    device_->describe(runner_.model().manifest());
  }

  Kernels kernels_;
  std::shared_ptr<InterpretedDevice> device_;
  Runner runner_;
};

TEST_P(CudaGolden, LogitsAndGreedyTokensMatchTheReference) {
  for (const Prompt *prompt : shortPrompts(2)) {
    SCOPED_TRACE(prompt->name);
    Session session = runner_.newSession();
    std::vector<float> logits = runner_.lastLogits(session, prompt->inputIds);
    const Matrix<float> &want = prompt->logitsLast;
    ASSERT_EQ(logits.size(), want.columns);
    EXPECT_LE(
        maxDifference(logits.data(), want.row(want.rows - 1), want.columns),
        GetParam().tolerance);
    constexpr size_t count = 3;
    std::vector<int32_t> greedy(prompt->greedyIds.begin(),
                                prompt->greedyIds.begin() + count);
    EXPECT_EQ(runner_.greedy(session, logits, count), greedy);
  }
}

TEST_P(CudaGolden, ChoosesTheTokensItself) {
  const Prompt *prompt = shortPrompts(1)[0];
  constexpr size_t count = 2;
  std::vector<int32_t> greedy(prompt->greedyIds.begin(),
                              prompt->greedyIds.begin() + count);
  EXPECT_EQ(runner_.chosen(prompt->inputIds, count), greedy);
}

/// Plain kernels take too long in the interpreter for several sequences.
class CudaGoldenFused : public CudaGolden {};

TEST_P(CudaGoldenFused, SequencesOfOneStepMatchTheReference) {
  std::vector<const Prompt *> batch = shortPrompts(3);
  auto got = runner_.batchLogits(batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    const Matrix<float> &want = batch[i]->logitsLast;
    EXPECT_LE(
        maxDifference(got[i].data(), want.row(want.rows - 1), want.columns),
        GetParam().tolerance)
        << batch[i]->name;
  }
}

// What comes back of a draw is the token that the host would draw.
TEST_P(CudaGoldenFused, DrawsTheHostsTokens) {
  const Prompt *prompt = shortPrompts(1)[0];
  std::vector<Sampler> samplers;
  for (SamplingOptions options :
       {SamplingOptions{}, SamplingOptions{.temperature = 5},
        SamplingOptions{.temperature = 3, .topK = 40},
        SamplingOptions{.temperature = 2, .topP = 0.9},
        SamplingOptions{.temperature = 4, .minP = 0.05},
        SamplingOptions{.repetitionPenalty = 1.5, .greedy = true},
        SamplingOptions{.temperature = 2,
                        .topK = 100,
                        .topP = 0.95,
                        .minP = 0.001,
                        .repetitionPenalty = 1.2}}) {
    options.seed = samplers.size();
    samplers.emplace_back(options, runner_.model().shape().vocabularySize);
    samplers.back().observe(prompt->inputIds);
  }
  Runner::Choices choices = runner_.choices(prompt->inputIds, samplers);
  EXPECT_EQ(choices.device, choices.host);
  EXPECT_EQ(choices.device.size(), samplers.size());
  EXPECT_GT(std::set(choices.device.begin(), choices.device.end()).size(), 2U);
}

std::string nameOf(const testing::TestParamInfo<Target> &info) {
  return info.param.artifact;
}

constexpr Target plain{"cuda_O0", 2e-3F}, exact{"cuda_O2", 2e-3F},
    fast{"cuda_fast", 2e-2F};

INSTANTIATE_TEST_SUITE_P(Targets, CudaGolden,
                         testing::Values(plain, exact, fast), nameOf);
INSTANTIATE_TEST_SUITE_P(Targets, CudaGoldenFused, testing::Values(exact, fast),
                         nameOf);

} // namespace
