//===- CompilerTest.cpp - The compiler driver in process ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/Compiler.h"
#include "tests/TestPaths.h"
#include "gtest/gtest.h"

#include <filesystem>

using namespace gossamer;

namespace {

/// Options for the trained model in the source tree, and where to write.
class Compiler : public testing::Test {
protected:
  Compiler() {
    registerBuiltinBackends(registry_);
    const testing::TestInfo *info =
        testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("gossamer-compiler-") + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_.input = GOSSAMER_SOURCE_DIR "/models/tiny-stories";
    options_.output = folder_ / "model.goss";
  }
  ~Compiler() override { std::filesystem::remove_all(folder_); }

  BackendRegistry registry_;
  CompilerOptions options_;
  std::filesystem::path folder_;
};

TEST_F(Compiler, KnowsTheCpuBackend) {
  ASSERT_NE(registry_.lookup("cpu"), nullptr);
  EXPECT_EQ(registry_.lookup("abacus"), nullptr);
}

TEST_F(Compiler, StopsAtTheFusedLevel) {
  options_.emit = EmitLevel::Fused;
  options_.report = true;
  Expected<CompileResult> result = compile(options_, registry_);
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_NE(result->text.find("gptoss.moe"), std::string::npos);
  EXPECT_EQ(result->report.countFused("fuse-attention"), 6U);
  EXPECT_EQ(result->report.countFused("fuse-rope"), 12U);
  Expected<proto::Report> report = makeReport(options_, result->report);
  ASSERT_TRUE(report) << report.status().message();
  EXPECT_EQ(report->summary().parameters_total(), 9062352U);
  EXPECT_EQ(report->summary().kind(), "compilation");
  EXPECT_EQ(report->graph_size(), 2);
  EXPECT_EQ(report->stages_size(), 3);
  EXPECT_FALSE(std::filesystem::exists(options_.output));
}

TEST_F(Compiler, CacheTypeFollowsTheMathMode) {
  options_.emit = EmitLevel::Plan;
  auto stores = [&](const std::string &type, const std::string &element) {
    options_.cacheType = type;
    Expected<CompileResult> result = compile(options_, registry_);
    EXPECT_TRUE(result) << result.status().message();
    return result &&
           result->text.find("!gptoss.cache<" + element) != std::string::npos;
  };
  EXPECT_TRUE(stores("", "f32"));
  EXPECT_TRUE(stores("f32", "f32"));
  EXPECT_TRUE(stores("bf16", "bf16"));
  options_.codegen.math = MathMode::Int8;
  EXPECT_TRUE(stores("", "bf16"));
  options_.cacheType = "f64";
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::Usage);
}

TEST_F(Compiler, LayersShareTheirKernels) {
  options_.emit = EmitLevel::Plan;
  Expected<CompileResult> result = compile(options_, registry_);
  ASSERT_TRUE(result) << result.status().message();
  // Three layers of either group.
  auto count = [&](const std::string &text) {
    size_t found = 0;
    for (size_t at = result->text.find(text); at != std::string::npos;
         at = result->text.find(text, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("gptoss.kernel @attention."), 2U);
  EXPECT_EQ(count("gptoss.kernel @cache_append."), 2U);
  EXPECT_EQ(count("gptoss.dispatch @attention."), 6U);
  EXPECT_EQ(count("gptoss.dispatch @cache_append."), 6U);
}

TEST_F(Compiler, ReportsEachStageOnce) {
  options_.emit = EmitLevel::Plan;
  std::vector<std::string> stages;
  Expected<CompileResult> result =
      compile(options_, registry_, [&](const CompileReport &report) {
        stages.push_back(report.stages.back().name());
      });
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(stages,
            (std::vector<std::string>{"read", "graph", "fuse", "plan"}));
  EXPECT_GT(result->report.arenaBytes, 0U);
}

TEST_F(Compiler, CancelsBetweenStages) {
  Expected<CompileResult> result =
      compile(options_, registry_, nullptr, [] { return true; });
  EXPECT_EQ(result.status().code(), StatusCode::Interrupted);
  EXPECT_FALSE(std::filesystem::exists(options_.output));
}

TEST_F(Compiler, RefusesBeforeItReads) {
  options_.input = "/nowhere";
  options_.target = "abacus";
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::Usage);
  options_.target = "cpu";
  options_.disabledFusions = {"cold"};
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::Usage);
  options_.disabledFusions = {"rope", "fuse-attention"};
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::NotFound);
}

TEST_F(Compiler, EndsAfterAStageOrPass) {
  options_.input += "/config.json";
  auto stages = [&](const std::string &until) {
    options_.until = until;
    Expected<CompileResult> result = compile(options_, registry_);
    EXPECT_TRUE(result) << result.status().message();
    std::vector<std::string> names;
    if (result)
      for (const proto::CompileStage &stage : result->report.stages)
        names.push_back(stage.name());
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(stages("read"), (Names{"read"}));
  EXPECT_EQ(stages("graph"), (Names{"read", "graph"}));
  EXPECT_EQ(stages("fuse-rope"), (Names{"read", "graph", "fuse"}));
  EXPECT_EQ(stages("gptoss-plan-memory"),
            (Names{"read", "graph", "fuse", "plan"}));
  options_.until = "fuse-rpoe";
  Status status = compile(options_, registry_).status();
  EXPECT_EQ(status.code(), StatusCode::Usage);
  EXPECT_NE(status.message().find("did you mean fuse-rope?"),
            std::string::npos);
}

TEST_F(Compiler, DumpsIntoAnEmptyFolderOnly) {
  options_.input += "/config.json";
  options_.until = "graph";
  options_.dumpDirectory = folder_ / "dump";
  EXPECT_TRUE(compile(options_, registry_));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "dump" / "00-graph.mlir"));
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::Usage);
}

TEST_F(Compiler, WantsWeightsForAnArtifact) {
  options_.input += "/config.json";
  Status status = compile(options_, registry_).status();
  EXPECT_EQ(status.code(), StatusCode::Usage);
  EXPECT_NE(status.message().find("config.json"), std::string::npos);
}

TEST_F(Compiler, BoundsTheContextByTheModel) {
  options_.emit = EmitLevel::Graph;
  options_.maxContext = 2049;
  EXPECT_EQ(compile(options_, registry_).status().code(), StatusCode::Usage);
  options_.maxContext = 0;
  Expected<CompileResult> result = compile(options_, registry_);
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->report.maxContext, 2048);
}

} // namespace
