//===- RuntimeBenchmark.cpp - Parts of the runtime, one by one ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What happens around steps, measured alone: tokenizing, sampling and the
// statistics of goss eval; making the weights of goss synth and converting
// floats for goss convert without a disk; and what handing a dispatch over
// and a trace (TraceBenchmark.cpp) cost within a step. `goss bench` measures
// whole steps. Run: build/release/bin/RuntimeBenchmark
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/FloatArrays.h"
#include "frontend/checkpoint/RandomTensor.h"
#include "runtime/device/WorkerTeam.h"
#include "runtime/generate/Sampler.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"
#include "tests/TestPaths.h"
#include "tests/bench/BenchSupport.h"
#include "tools/eval/LogitStatistics.h"

#include <array>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>

using namespace gossamer;

namespace {

/// Waits half a microsecond a grain.
void spin(const void *, WorkBoard::Taker &taker) {
  using Clock = std::chrono::steady_clock;
  for (auto range = taker.next(); !range.isEmpty(); range = taker.next()) {
    auto until = Clock::now() + std::chrono::nanoseconds(500) * range.size();
    while (Clock::now() < until)
      ;
  }
}

/// Time of a dispatch beyond its share of the work; threads, grains. Medians,
/// because a thread that loses its core waits for milliseconds.
void dispatch(benchmark::State &state) {
  using Clock = std::chrono::steady_clock;
  auto threads = static_cast<unsigned>(state.range(0));
  auto grains = static_cast<uint32_t>(state.range(1));
  WorkerTeam team(threads);
  std::chrono::nanoseconds work(500 * int64_t{grains});
  std::array<Clock::duration, 101> times;
  for (auto _ : state) {
    for (Clock::duration &time : times) {
      auto begin = Clock::now();
      team.run(&spin, nullptr, grains, threads, work);
      time = Clock::now() - begin - work / threads;
    }
    state.SetIterationTime(
        std::chrono::duration<double>(bench::median(times)).count());
  }
}
BENCHMARK(dispatch)->Args({2, 4})->Args({2, 16})->UseManualTime();

Tokenizer readTokenizer() {
  MappedFile file = bench::require(MappedFile::open(
      GOSSAMER_SOURCE_DIR "/models/tiny-stories/tokenizer.json"));
  return bench::require(Tokenizer::fromJson(file.text(), "tokenizer.json"));
}

void encodeStory(benchmark::State &state) {
  Tokenizer tokenizer = readTokenizer();
  std::string text;
  while (text.size() < static_cast<size_t>(state.range(0)))
    text += "Once upon a time, there was a little girl named Lily. ";
  for (auto _ : state)
    benchmark::DoNotOptimize(tokenizer.encode(text));
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(encodeStory)->Arg(1 << 10)->Arg(1 << 20);

void encodeOneLetter(benchmark::State &state) {
  Tokenizer tokenizer = readTokenizer();
  std::string text(static_cast<size_t>(state.range(0)), 'a');
  for (auto _ : state)
    benchmark::DoNotOptimize(tokenizer.encode(text));
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(encodeOneLetter)->Arg(1 << 10)->Arg(1 << 20);

/// Logits that fall off like those of a language model.
std::vector<float> makeLogits(size_t count) {
  std::vector<float> logits(count);
  uint32_t random = 1;
  for (float &logit : logits) {
    random = random * 1664525u + 1013904223u;
    logit = -std::log(static_cast<float>(random >> 8) + 1.0f);
  }
  return logits;
}

void sampleToken(benchmark::State &state, SamplingOptions options) {
  std::vector<float> logits = makeLogits(201088);
  Sampler sampler(options, static_cast<uint32_t>(logits.size()));
  uint64_t position = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(sampler.sample(logits, position++));
}
BENCHMARK_CAPTURE(sampleToken, greedy, SamplingOptions{.greedy = true});
BENCHMARK_CAPTURE(sampleToken, temperature, SamplingOptions{});
BENCHMARK_CAPTURE(sampleToken, top_k_50, SamplingOptions{.topK = 50});
BENCHMARK_CAPTURE(sampleToken, top_p_90, SamplingOptions{.topP = 0.9});

/// A row of gpt-oss: its likelihood, and its distance from another.
void compareRow(benchmark::State &state) {
  std::vector<float> logits = makeLogits(201088);
  for (auto _ : state) {
    auto row = tools::LogitRow::create(logits);
    tools::Comparison comparison;
    comparison.add(*row, *row, 0, 0);
    benchmark::DoNotOptimize(comparison.meanKl());
  }
}
BENCHMARK(compareRow);

void makeWeights(benchmark::State &state, ParameterKind kind, size_t tensor) {
  auto isa = static_cast<VectorIsa>(state.range(0));
  if (isa > bestVectorIsa())
    return state.SkipWithError("not on this processor");
  Parameter parameter;
  parameter.kind = kind;
  parameter.shape = {2880, 2880};
  parameter.tensors = {{"blocks", DType::U8, {1}}, {"scales", DType::U8, {1}}};
  RandomTensor content(parameter, parameter.tensors[tensor], 1);
  std::vector<std::byte> bytes(1 << 20);
  uint64_t begin = 0;
  for (auto _ : state) {
    content.fill(begin += bytes.size(), bytes, isa);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK_CAPTURE(makeWeights, bf16, ParameterKind::Linear, 0)
    ->DenseRange(0, 2);
BENCHMARK_CAPTURE(makeWeights, codes, ParameterKind::Expert, 0)
    ->DenseRange(0, 2);
BENCHMARK_CAPTURE(makeWeights, scales, ParameterKind::Expert, 1)
    ->DenseRange(0, 2);

/// Floats of a type as another, from and to the L2 cache: elements a second.
void convertArray(benchmark::State &state, DType from, DType to) {
  auto isa = static_cast<VectorIsa>(state.range(0));
  if (isa > bestVectorIsa())
    return state.SkipWithError("not on this processor");
  constexpr size_t count = 1 << 16;
  std::vector<std::byte> in(count * dtypeBits(from) / 8);
  std::vector<std::byte> out(count * dtypeBits(to) / 8);
  std::vector<float> values = makeLogits(count);
  for (size_t i = 0; i < count; ++i)
    // As weights are: what was bf16 before.
    storeFloat(bf16ToF32(f32ToBf16(values[i])), &in[i * in.size() / count],
               from);
  for (auto _ : state) {
    benchmark::DoNotOptimize(convertFloatArray(in, from, out, to, isa));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}
BENCHMARK_CAPTURE(convertArray, f32_to_bf16, DType::F32, DType::BF16)
    ->DenseRange(0, 2);
BENCHMARK_CAPTURE(convertArray, f32_to_f16, DType::F32, DType::F16)
    ->DenseRange(0, 2);
BENCHMARK_CAPTURE(convertArray, bf16_to_f32, DType::BF16, DType::F32)
    ->DenseRange(0, 2);

} // namespace

BENCHMARK_MAIN();
