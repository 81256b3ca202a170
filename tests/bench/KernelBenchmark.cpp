//===- KernelBenchmark.cpp - Kernels of the cpu backend, one by one -------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Every kind of the operations that take a step's time, compiled for this
// processor, on one thread: operation/kind/form of the weights/arithmetic and
// the number of tokens (of an expert: each has all of them). bytes_per_second
// is that of weights, keys and values, or else inputs; GOP/s counts a
// multiplication and an addition as two. Weights stay in the second-level cache
// unless --stream is given, which goes through 256 MiB of them. Run:
//
//   build/release/bin/KernelBenchmark --benchmark_filter=expert_gate_up
//
//===----------------------------------------------------------------------===//

#include "KernelCases.h"
#include "tests/unit/cpu/KernelRunner.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>
#include <exception>

using namespace gossamer::cpu::testing;

namespace {

constexpr size_t kPoolBytes = size_t(256) << 20;

/// A case computed with one of its kinds; compiled when it first runs.
class KindBenchmark {
public:
  KindBenchmark(const KernelCase &kernelCase, std::string kind)
      : case_(kernelCase), kind_(std::move(kind)) {}

  void run(benchmark::State &state, size_t poolBytes) {
    try {
      if (!compiled_)
        compiled_ = std::make_shared<CompiledKernel>(case_.kernel, kind_);
    } catch (const std::exception &error) {
      state.SkipWithError(error.what());
      return;
    }
    Launch launch = case_.prepare(state.range(0), poolBytes);
    size_t next = 0;
    for (auto _ : state) {
      if (launch.copies.size() > 1) {
        std::copy(launch.copies[next].begin(), launch.copies[next].end(),
                  launch.bindings.begin() +
                      static_cast<ptrdiff_t>(launch.matrix));
        next = (next + 1) % launch.copies.size();
      }
      compiled_->run(launch.bindings, launch.dims, launch.items);
      benchmark::ClobberMemory();
    }
    using benchmark::Counter;
    state.counters["bytes_per_second"] = Counter(
        launch.bytes, Counter::kIsIterationInvariantRate, Counter::kIs1024);
    if (launch.operations > 0)
      state.counters["GOP/s"] =
          Counter(launch.operations / 1e9, Counter::kIsIterationInvariantRate);
  }

private:
  KernelCase case_;
  std::string kind_;
  std::shared_ptr<CompiledKernel> compiled_;
};

/// Takes `flag` out of the arguments; whether it was there.
bool takeFlag(int &argc, char **argv, const char *flag) {
  char **end = std::remove_if(argv + 1, argv + argc, [&](const char *argument) {
    return std::strcmp(argument, flag) == 0;
  });
  bool isThere = end != argv + argc;
  argc = static_cast<int>(end - argv);
  return isThere;
}

} // namespace

int main(int argc, char **argv) {
  size_t poolBytes = takeFlag(argc, argv, "--stream") ? kPoolBytes : 0;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  for (const KernelCase &entry : kernelCases())
    for (const std::string &kind : kindsFor(entry.kernel)) {
      std::string name = entry.kernel.operation + "/" + kind + "/" + entry.form;
      auto *registered = benchmark::RegisterBenchmark(
          name.c_str(), [measured = KindBenchmark(entry, kind),
                         poolBytes](benchmark::State &state) mutable {
            measured.run(state, poolBytes);
          });
      registered->ArgName("tokens");
      for (int64_t tokens : entry.tokens)
        registered->Arg(tokens);
    }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
