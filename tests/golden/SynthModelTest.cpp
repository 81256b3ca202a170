//===- SynthModelTest.cpp - Compiled models with random weights -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What is measured on a checkpoint of goss synth stands for a trained model
// only when its activations stay in range and its tokens spread over the
// experts. The artifact is made while the tests are built (CMakeLists.txt).
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Model.h"
#include "runtime/model/Scheduler.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>

using namespace gossamer;

namespace {

/// Keeps what the launches of these names wrote, as rows of a token each.
class Outputs final : public DispatchObserver {
public:
  explicit Outputs(const proto::Manifest &manifest) : manifest_(manifest) {}

  void dispatched(const DispatchEvent &event) override {
    for (const goss_launch &launch : event.launches) {
      const proto::Launch &info = manifest_.launches(launch.id);
      bool router = info.name().ends_with(".mlp.router");
      if (!router && !info.name().ends_with(".mlp.residual"))
        continue;
      uint32_t columns = router ? manifest_.config().num_experts()
                                : manifest_.config().hidden_size();
      keep(launch, info, columns, event.dims.tokens);
    }
  }

  /// The rows of a launch, one after the other.
  const std::map<std::string, std::vector<std::vector<float>>> &rows() const {
    return rows_;
  }

private:
  void keep(const goss_launch &launch, const proto::Launch &info,
            uint32_t columns, int64_t tokens) {
    for (int i = 0; i < info.bindings_size(); ++i) {
      const proto::Binding &binding = info.bindings(i);
      if (!binding.written() || binding.shape_size() != 2 ||
          binding.shape(1) != columns)
        continue;
      const auto *values = static_cast<const float *>(launch.bindings[i]);
      for (int64_t token = 0; token < tokens; ++token, values += columns)
        rows_[info.name()].emplace_back(values, values + columns);
    }
  }

  const proto::Manifest &manifest_;
  std::map<std::string, std::vector<std::vector<float>>> rows_;
};

class SynthModel : public testing::Test {
protected:
  static constexpr size_t tokenCount = 400;

  void SetUp() override {
    auto model = Model::load(GOSSAMER_SYNTHETIC_ARTIFACT);
    ASSERT_TRUE(model.isOk()) << model.status().message();
    model_ = *model;
    outputs_.emplace(model_->manifest());
    auto scheduler = Scheduler::create(model_);
    ASSERT_TRUE(scheduler.isOk()) << scheduler.status().message();
    auto session = (*scheduler)->newSession();
    ASSERT_TRUE(session.isOk()) << session.status().message();
    std::vector<int32_t> tokens;
    uint64_t state = 1;
    while (tokens.size() < tokenCount) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      tokens.push_back(
          static_cast<int32_t>((state >> 33) % model_->shape().vocabularySize));
    }
    ASSERT_TRUE(session->append(tokens).isOk());
    auto logits = (*scheduler)->drain(*session, &*outputs_);
    ASSERT_TRUE(logits.isOk()) << logits.status().message();
    logits_.assign(logits->begin(), logits->end());
  }

  std::shared_ptr<const Model> model_;
  std::optional<Outputs> outputs_;
  std::vector<float> logits_;
};

double rmsOf(const std::vector<float> &row) {
  double squares = 0;
  for (float value : row)
    squares += static_cast<double>(value) * value;
  return std::sqrt(squares / static_cast<double>(row.size()));
}

/// The experts of a token: the largest router logits.
std::vector<size_t> chosenOf(const std::vector<float> &logits, size_t count) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  order.resize(count);
  return order;
}

TEST_F(SynthModel, ActivationsStayInRange) {
  size_t layers = 0;
  for (const auto &[name, rows] : outputs_->rows()) {
    if (!name.ends_with(".mlp.residual"))
      continue;
    ++layers;
    ASSERT_EQ(rows.size(), tokenCount);
    for (const std::vector<float> &row : rows) {
      double rms = rmsOf(row);
      // Grows with the layers, as no trained weight takes anything away.
      ASSERT_TRUE(rms > 0.5 && rms < 20) << name << " " << rms;
    }
  }
  EXPECT_EQ(layers, model_->manifest().config().num_layers());
  double rms = rmsOf(logits_);
  EXPECT_TRUE(rms > 0.5 && rms < 20) << rms;
}

TEST_F(SynthModel, TokensSpreadOverTheExperts) {
  size_t experts = model_->manifest().config().num_experts();
  size_t active = model_->manifest().config().experts_per_token();
  size_t layers = 0;
  for (const auto &[name, rows] : outputs_->rows()) {
    if (!name.ends_with(".mlp.router"))
      continue;
    ++layers;
    ASSERT_EQ(rows.size(), tokenCount);
    std::vector<size_t> uses(experts);
    std::set<std::vector<size_t>> choices;
    for (const std::vector<float> &row : rows) {
      std::vector<size_t> chosen = chosenOf(row, active);
      for (size_t expert : chosen)
        ++uses[expert];
      std::sort(chosen.begin(), chosen.end());
      choices.insert(chosen);
    }
    double even =
        static_cast<double>(tokenCount * active) / static_cast<double>(experts);
    auto [least, most] = std::minmax_element(uses.begin(), uses.end());
    std::printf("%s: an expert serves %zu to %zu of %zu tokens, %.0f if even; "
                "%zu different choices\n",
                name.c_str(), *least, *most, tokenCount, even, choices.size());
    EXPECT_GE(*least, 1U) << name;
    EXPECT_LE(static_cast<double>(*most), 4 * even) << name;
    EXPECT_GT(choices.size(), tokenCount / 4) << name;
  }
  EXPECT_EQ(layers, model_->manifest().config().num_layers());
}

} // namespace
