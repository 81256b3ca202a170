//===- ModelTest.cpp ------------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Model.h"

#include "runtime/model/Scheduler.h"

#include "TinyModel.h"

#include <gtest/gtest.h>

using namespace gossamer;
namespace fs = std::filesystem;

namespace {

/// Options of a model on one thread whose weights lie there.
ModelOptions weightsIn(const std::string &directory) {
  ModelOptions options;
  options.weightsDirectory = directory;
  options.threads = 1;
  return options;
}

struct ModelTest : test::TinyModel {
  /// Writes the artifact and loads it.
  Expected<std::shared_ptr<const Model>>
  load(const std::function<void(proto::Manifest &)> &change = {},
       ModelOptions options = {}) {
    GOSS_RETURN_IF_ERROR(writeArtifact(change));
    if (options.weightsDirectory.empty() &&
        fs::exists(directory / "checkpoint"))
      options.weightsDirectory = directory / "checkpoint";
    options.threads = 1;
    return Model::load(artifactPath(), options);
  }

  void expectRuns(const std::shared_ptr<const Model> &model) {
    auto scheduler = Scheduler::create(model).take();
    Session session = scheduler->newSession().take();
    ASSERT_TRUE(session.append(std::vector<int32_t>(20, 5)).isOk());
    auto logits = scheduler->drain(session);
    ASSERT_TRUE(logits.isOk()) << logits.status().message();
    EXPECT_EQ((*logits)[0], 195); // 5 + 10 * 19.
    EXPECT_EQ((*logits)[7], 202);
  }
};

TEST_F(ModelTest, RunsWithReferencedWeights) {
  auto model = load();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ((*model)->stopTokens(), std::vector<int32_t>{3});
  EXPECT_EQ((*model)->tensor(0).size(), 65536U);
  expectRuns(*model);
}

TEST_F(ModelTest, RunsWithEmbeddedWeights) {
  fs::remove_all(directory / "checkpoint");
  auto model = load([](proto::Manifest &contents) {
    contents.set_weights_embedded(true);
    contents.clear_weight_files();
    contents.mutable_tensors(0)->set_offset(0);
  });
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectRuns(*model);
}

TEST_F(ModelTest, LooksBesideTheArtifactByDefault) {
  write("w.bin", weights);
  ASSERT_TRUE(load().isOk());
  auto model = Model::load(directory / "model.goss", weightsIn(""));
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectRuns(*model);
}

TEST_F(ModelTest, MissingWeightsAreNamed) {
  auto model = load({}, weightsIn(directory / "nowhere"));
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 66);
  fs::remove(directory / "checkpoint/w.bin");
  model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 66);
  EXPECT_EQ(model.status().message(),
            (directory / "checkpoint/w.bin").string() +
                ": no such file; the artifact needs the weights of its "
                "checkpoint (--weights=DIR names their folder)");
}

TEST_F(ModelTest, OtherWeightsAreRefused) {
  std::string path = directory / "checkpoint/w.bin";
  write("checkpoint/w.bin", weights.substr(1));
  auto model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
  EXPECT_EQ(model.status().message(),
            path + ": expects 65600 bytes but got 65599: not the weights that "
                   "the artifact was made from");

  std::string other = weights;
  other[10] = 'x';
  write("checkpoint/w.bin", other);
  model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
  EXPECT_EQ(model.status().message(),
            path + ": the SHA-256 of the header differs from the artifact's: "
                   "not the weights that it was made from");
}

TEST_F(ModelTest, WeightsStayBeneathTheirDirectory) {
  write("w.bin", weights);
  for (std::string name :
       {std::string("../w.bin"), std::string("a/../../w.bin"),
        (directory / "w.bin").string(), std::string("")}) {
    auto model = load([&](proto::Manifest &contents) {
      contents.mutable_weight_files(0)->set_name(name);
    });
    ASSERT_FALSE(model.isOk()) << name;
    EXPECT_EQ(model.status().exitCode(), 65) << name;
  }
}

TEST_F(ModelTest, OtherProcessorsAreRefused) {
  auto model = load([](proto::Manifest &contents) {
    contents.add_required_features("sse2");
    contents.add_required_features("flux-capacitor");
  });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 69);
  EXPECT_EQ(model.status().message(),
            (directory / "model.goss").string() +
                ": the artifact needs the CPU feature 'flux-capacitor', which "
                "this runtime does not know");
}

TEST_F(ModelTest, OtherTargetsAreRefused) {
  auto model =
      load([](proto::Manifest &contents) { contents.set_target("abacus"); });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 69);
  EXPECT_EQ(model.status().message(),
            (directory / "model.goss").string() +
                ": target: expects cpu, the device at hand, but got abacus");
}

TEST_F(ModelTest, CodeWithoutAKernelIsRefused) {
  auto model = load(
      [](proto::Manifest &contents) { addKernel(contents, "tiny_absent"); });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
}

} // namespace
