//===- ReportCosts.cpp - What a step costs --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/KernelArithmetic.h"
#include "tools/report/LaunchCost.h"
#include "tools/report/ReportBuilder.h"
#include "tools/report/ReportPieces.h"

#include <algorithm>
#include <map>

namespace gossamer::tools {

proto::MachineModel defaultMachine() {
  proto::MachineModel machine;
  machine.set_read_bytes_per_second(40e9);
  machine.set_float32_flops_per_second(200e9);
  machine.set_int8_ops_per_second(800e9);
  return machine;
}

std::vector<proto::StepShape> defaultSteps(const proto::Manifest &manifest) {
  uint64_t context = manifest.max_context();
  uint64_t most = manifest.max_tokens_per_step();
  std::vector<proto::StepShape> steps;
  auto add = [&](const char *name, uint64_t tokens, uint64_t depth,
                 uint64_t sequences) {
    proto::StepShape &step = steps.emplace_back();
    step.set_name(name);
    step.set_tokens(tokens);
    step.set_depth(depth);
    step.set_sequences(sequences);
    step.set_outputs(sequences);
  };
  add("decode", 1, 0, 1);
  add("decode", 1, std::min<uint64_t>(2048, context - 1), 1);
  add("prefill", std::min<uint64_t>(512, context), 0, 1);
  add("batch", 1, 0, std::min<uint64_t>(8, most));
  return steps;
}

namespace {

Status checkStep(const proto::Manifest &manifest,
                 const proto::StepShape &step) {
  if (step.tokens() == 0 || step.sequences() == 0)
    return usageError("a step expects at least one token of one sequence");
  uint64_t context = manifest.max_context();
  if (step.depth() >= context || step.tokens() > context - step.depth())
    return usageError("a step expects at most " + std::to_string(context) +
                      " tokens in a sequence but got " +
                      std::to_string(step.tokens()) + " after " +
                      std::to_string(step.depth()));
  if (step.sequences() > manifest.max_tokens_per_step())
    return usageError("a step expects at most " +
                      std::to_string(manifest.max_tokens_per_step()) +
                      " sequences but got " + std::to_string(step.sequences()));
  return Status::ok();
}

/// A step that has more tokens than the model takes at once is several, of
/// which the last one has the outputs.
std::vector<proto::StepShape> divideStep(const proto::StepShape &step,
                                         uint64_t most) {
  std::vector<proto::StepShape> parts;
  uint64_t size = std::max<uint64_t>(most / step.sequences(), 1);
  for (uint64_t done = 0; done < step.tokens(); done += size) {
    proto::StepShape &part = parts.emplace_back(step);
    part.set_depth(step.depth() + done);
    part.set_tokens(std::min(size, step.tokens() - done));
    part.set_outputs(done + size >= step.tokens() ? step.outputs() : 0);
  }
  return parts;
}

/// Operations of the model a second, and what limits them.
struct Units {
  double peak;
  std::string_view name;
};

Units unitsOf(const proto::MachineModel &machine, Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::Float32:
    return {machine.float32_flops_per_second(), "float32"};
  case Arithmetic::Int8:
    return {machine.int8_ops_per_second(), "int8"};
  case Arithmetic::Int8TwoParts:
    return {machine.int8_ops_per_second() / 2, "int8"};
  case Arithmetic::Bf16:
  case Arithmetic::Bf16ThreeParts:
    return {0, arithmeticName(arithmetic)}; // Of no modelled machine.
  }
  return {};
}

double divide(double amount, double rate) {
  return rate > 0 ? amount / rate : 0;
}

void fillWork(const ExpectedWork &work, proto::LaunchCost &entry) {
  entry.set_flops(work.flops);
  entry.set_weight_bytes(work.weightBytes);
  entry.set_cache_bytes(work.cacheBytes);
  entry.set_activation_bytes(work.activationBytes);
  entry.set_intensity(divide(work.flops, work.weightBytes + work.cacheBytes));
}

/// The larger of the time to read and the time to compute.
void predict(const proto::MachineModel &machine, Arithmetic arithmetic,
             proto::LaunchCost &entry) {
  Units units = unitsOf(machine, arithmetic);
  double memory = divide(entry.weight_bytes() + entry.cache_bytes(),
                         machine.read_bytes_per_second());
  double compute = divide(entry.flops(), units.peak);
  entry.set_seconds(std::max(memory, compute));
  if (entry.seconds() > 0)
    entry.set_limit(memory >= compute ? "memory" : std::string(units.name));
}

/// The sums; the limit is that of most of the time.
void fillTotal(const ExpectedWork &work, proto::Cost &cost) {
  proto::LaunchCost &total = *cost.mutable_total();
  fillWork(work, total);
  std::map<std::string, double> byLimit;
  for (const proto::LaunchCost &entry : cost.launches()) {
    total.set_seconds(total.seconds() + entry.seconds());
    byLimit[entry.limit()] += entry.seconds();
  }
  for (proto::LaunchCost &entry : *cost.mutable_launches())
    entry.set_share(divide(entry.seconds(), total.seconds()));
  if (total.seconds() == 0)
    return;
  total.set_share(1);
  auto less = [](const auto &a, const auto &b) { return a.second < b.second; };
  total.set_limit(
      std::max_element(byLimit.begin(), byLimit.end(), less)->first);
}

/// Bytes of the pages that a sequence of `context` tokens has: a group with a
/// window keeps those that the next token can see (runtime/model/KvCache).
uint64_t cacheBytes(const proto::CacheLayout &cache, uint64_t context) {
  uint64_t bytes = 0;
  for (const proto::CacheGroup &group : cache.groups()) {
    uint64_t end = (context + cache.page_tokens() - 1) / cache.page_tokens();
    uint64_t begin = 0;
    if (group.window() != 0 && context >= group.window())
      begin = (context - group.window() + 1) / cache.page_tokens();
    bytes += (end - begin) * group.page_bytes();
  }
  return bytes;
}

void fillCache(const proto::Manifest &manifest, proto::Cost &cost) {
  uint64_t last = manifest.max_context();
  auto add = [&](uint64_t context) {
    proto::KvCacheSize &size = *cost.add_kv_cache();
    size.set_context(context);
    size.set_bytes(cacheBytes(manifest.cache(), context));
  };
  for (uint64_t context = 1024; context < last; context *= 4)
    add(context);
  add(last);
}

} // namespace

Expected<proto::Cost> makeCost(const proto::Manifest &manifest,
                               const proto::StepShape &step,
                               const proto::MachineModel &machine) {
  GOSS_RETURN_IF_ERROR(checkStep(manifest, step));
  proto::Cost cost;
  *cost.mutable_step() = step;
  *cost.mutable_machine() = machine;
  std::vector<proto::StepShape> parts =
      divideStep(step, manifest.max_tokens_per_step());
  ExpectedWork sum;
  for (const proto::Launch &launch : manifest.launches()) {
    const proto::Kernel &kernel =
        manifest.kernels(static_cast<int>(launch.kernel()));
    LaunchCost rules(manifest, launch);
    ExpectedWork work;
    for (const proto::StepShape &part : parts)
      work += rules.expected(part);
    sum += work;
    proto::LaunchCost &entry = *cost.add_launches();
    fillWork(work, entry);
    predict(machine, arithmeticOf(kernel.kind(), manifest.math_mode()), entry);
  }
  fillTotal(sum, cost);
  fillCache(manifest, cost);
  return cost;
}

} // namespace gossamer::tools
