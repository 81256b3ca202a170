//===- TinyCuda.h - A model of a few lines on a fake GPU --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_EXEC_TINYCUDA_H
#define GOSSAMER_TESTS_UNIT_EXEC_TINYCUDA_H

#include "runtime/device/CudaDevice.h"
#include "runtime/model/Scheduler.h"

#include <gtest/gtest.h>

#include <array>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace gossamer::test {

inline constexpr uint32_t cudaVocabulary = 8;
inline constexpr uint32_t cudaPageTokens = 16;
inline constexpr uint32_t cudaMaxContext = 100;
inline constexpr uint32_t cudaMaxPages = 7;

/// What tests/fake-cuda has for tests.
struct FakeCuda {
  using Kernel = void (*)(const uint64_t *, const unsigned *, unsigned);

  void (*setKernel)(const char *name, Kernel kernel);
  void (*takeLogInto)(std::string *text);
  void (*setMemory)(size_t bytes);
  size_t (*usedMemory)();

  std::string takeLog() const {
    std::string text;
    takeLogInto(&text);
    return text;
  }

  static const FakeCuda &get() {
    static const FakeCuda fake = [] {
      void *library = ::dlopen(GOSSAMER_FAKE_LIBCUDA, RTLD_NOW);
      FakeCuda found{};
      auto look = [library](auto &function, const char *name) {
        function =
            reinterpret_cast<std::remove_reference_t<decltype(function)>>(
                ::dlsym(library, name));
      };
      look(found.setKernel, "fakeCudaSetKernel");
      look(found.takeLogInto, "fakeCudaTakeLog");
      look(found.setMemory, "fakeCudaSetMemory");
      look(found.usedMemory, "fakeCudaUsedMemory");
      return found;
    }();
    return fake;
  }
};

inline std::string readTinyCuda() {
  std::ifstream file(GOSSAMER_TINY_CUDA_STEP, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ProgramDescription describeCuda(const std::string &code) {
  ProgramDescription description;
  description.code = std::as_bytes(std::span(code));
  description.kernels = {{"tiny_append"}, {"tiny_mark"}, {"tiny_attend"}};
  description.arrays = {cudaVocabulary * sizeof(float), 1, cudaMaxPages,
                        cudaPageTokens};
  return description;
}

/// The model of tiny_cuda_step.c.
class TinyCudaModel final : public StepRunner {
public:
  using Weights = std::array<float, cudaVocabulary>;
  static Weights ascending() {
    Weights weights;
    for (size_t v = 0; v < weights.size(); ++v)
      weights[v] = static_cast<float>(v + 1);
    return weights;
  }

  explicit TinyCudaModel(CudaDeviceOptions options = {},
                         const Weights &weights = ascending())
      : weights(weights) {
    device_ = createCudaDevice(options).take();
    std::array<std::span<const std::byte>, 2> tensors = {
        std::as_bytes(std::span(weights).first(3)),
        std::as_bytes(std::span(weights))};
    mapped_ = device_->mapTensors(tensors).take();
    program_ = device_->load(describeCuda(readTinyCuda())).take();
    shape_.vocabularySize = cudaVocabulary;
    shape_.maxTokensPerStep = 64;
    shape_.arenaBytes = 64;
    shape_.cache.pageTokens = cudaPageTokens;
    shape_.cache.maxContext = cudaMaxContext;
    shape_.cache.groups = {{0, cudaPageTokens * sizeof(int32_t)}};
  }

  const StepShape &shape() const override { return shape_; }
  Device &device() const override { return *device_; }
  Status run(const goss_step_args &args,
             DispatchObserver *observer = nullptr) const override {
    return program_->run(bind(args), observer);
  }
  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *observer = nullptr) const override {
    return program_->runAndChoose(bind(args), wanted, chosen, observer);
  }
  const MappedTensors &mapped() const { return mapped_; }

  /// What the logits after `tokens` are.
  std::vector<float> logitsAfter(std::span<const int32_t> tokens) const {
    float sum = 0;
    for (size_t k = 0; k < tokens.size(); ++k)
      sum += static_cast<float>(tokens[k]) * static_cast<float>(k + 1);
    std::vector<float> logits;
    for (float weight : weights)
      logits.push_back(weight * sum);
    return logits;
  }

  const Weights weights;

private:
  goss_step_args bind(const goss_step_args &args) const {
    goss_step_args bound = args;
    bound.parameters = mapped_.addresses.data();
    return bound;
  }

  std::shared_ptr<Device> device_;
  MappedTensors mapped_;
  std::shared_ptr<const Program> program_;
  StepShape shape_;
};

/// Says what the kernels of tiny_cuda_step.c do.
void setTinyKernels();

/// Tests on the fake GPU.
struct CudaDevice : testing::Test {
  void SetUp() override { setTinyKernels(); }

  const FakeCuda &fake = FakeCuda::get();

  static size_t count(const std::string &log, std::string_view part) {
    size_t found = 0;
    for (size_t at = log.find(part); at != log.npos;
         at = log.find(part, at + 1))
      ++found;
    return found;
  }
};

inline std::vector<int32_t> sequence(int32_t first, size_t count) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i)
    tokens[i] = (first + static_cast<int32_t>(i) * 3) % cudaVocabulary;
  return tokens;
}

inline void expectLogits(const TinyCudaModel &model, const Session &session,
                         std::span<const float> logits) {
  std::vector<float> expected =
      model.logitsAfter(session.tokens().first(session.position()));
  EXPECT_TRUE(std::ranges::equal(logits, expected))
      << "after " << session.position() << " tokens";
}

} // namespace gossamer::test

#endif // GOSSAMER_TESTS_UNIT_EXEC_TINYCUDA_H
