//===- ObserversTest.cpp - Traces, probes and comparisons -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/core/TestFiles.h"
#include "tools/goss/ModelCheck.h"
#include "tools/goss/ProbeRecorder.h"
#include "tools/goss/TraceRecorder.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

using Clock = FastClock;

/// Launches a, b and c of one kernel; each writes [8, 3] to the arena.
proto::Manifest sampleManifest() {
  proto::Manifest manifest;
  manifest.set_max_tokens_per_step(8);
  manifest.mutable_config()->set_experts_per_token(2);
  manifest.mutable_config()->set_vocab_size(5);
  manifest.add_kernels()->set_operation("linear");
  for (const char *name : {"a", "b", "c"}) {
    proto::Launch &launch = *manifest.add_launches();
    launch.set_name(name);
    proto::Binding &binding = *launch.add_bindings();
    binding.set_role(proto::Binding::ARENA);
    binding.set_dtype("F32");
    binding.add_shape(8);
    binding.add_shape(3);
    binding.set_written(true);
  }
  return manifest;
}

/// Runs `launches` as one dispatch of ten items each, in two pieces.
void dispatch(StepObserver &observer, std::vector<uint32_t> launches,
              const goss_dims &dims, const void *const *bindings = nullptr) {
  std::vector<goss_launch> all;
  Clock::time_point begin = Clock::now();
  for (uint32_t id : launches) {
    all.push_back({id, 0, 10, bindings});
    observer.worked({id, 0, 0, 0, 4, Clock::now(), Clock::now()});
    observer.worked({id, 0, 1, 4, 10, Clock::now(), Clock::now()});
  }
  observer.dispatched({all, dims, begin, Clock::now()});
}

struct SampleStep {
  explicit SampleStep(int64_t tokens = 2) {
    args.dims = {tokens, 1, tokens, 1};
  }
  std::array<int32_t, 8> numbers{7, 8, 9};
  goss_step_args args{{},      numbers.data(), numbers.data(), numbers.data(),
                      nullptr, nullptr,        nullptr,        nullptr,
                      nullptr};
};

std::string traceOf(const TraceRecorder &trace) {
  TempDir directory;
  std::string path = directory.file("trace.json");
  AtomicFile file = AtomicFile::create(path).take();
  EXPECT_TRUE(trace.write(file, "m.goss").isOk());
  EXPECT_TRUE(file.commit().isOk());
  return readFile(path);
}

size_t count(const std::string &text, const std::string &part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++found;
  return found;
}

void runStep(TraceRecorder &trace) {
  SampleStep step;
  ASSERT_TRUE(trace.stepBegins(step.args).isOk());
  dispatch(trace, {0}, step.args.dims);
  dispatch(trace, {1, 2}, step.args.dims);
  ASSERT_TRUE(trace.stepEnded().isOk());
}

TEST(TraceRecorder, HoldsStepsDispatchesAndWork) {
  proto::Manifest manifest = sampleManifest();
  TraceRecorder trace(manifest, 2);
  runStep(trace);
  runStep(trace);
  std::string text = traceOf(trace);
  EXPECT_EQ(count(text, "\"cat\":\"step\""), 2);
  EXPECT_EQ(count(text, "\"name\":\"b and 1 more\""), 2);
  EXPECT_EQ(count(text, "\"launches\":[1,2]"), 2);
  EXPECT_EQ(count(text, "\"launch\":2,\"kernel\":0,\"begin\":4,\"end\":10"), 2);
  EXPECT_EQ(count(text, "\"dropped_steps\":0"), 1);
}

// Launches of a dispatch that are not numbered one after the other are shown as
// several, with all that is known of them.
TEST(TraceRecorder, ShowsEachRunOfNumbers) {
  proto::Manifest manifest = sampleManifest();
  TraceRecorder trace(manifest, 2);
  SampleStep step;
  ASSERT_TRUE(trace.stepBegins(step.args).isOk());
  dispatch(trace, {2, 0, 1}, step.args.dims);
  ASSERT_TRUE(trace.stepEnded().isOk());
  std::string text = traceOf(trace);
  EXPECT_EQ(count(text, "\"launches\":[2]"), 1);
  EXPECT_EQ(count(text, "\"launches\":[0,1]"), 1);
  EXPECT_EQ(count(text, "\"items\":[10]"), 1);
  EXPECT_EQ(count(text, "\"items\":[10,10]"), 1);
}

// A step that does not fit is left out with all that belongs to it, and so
// are those after it.
TEST(TraceRecorder, StopsBeforeTheStepThatDoesNotFit) {
  proto::Manifest manifest = sampleManifest();
  TraceRecorder trace(manifest, 2, /*maxEvents=*/1024);
  for (int i = 0; i < 500; ++i)
    runStep(trace);
  // Each worker has one chunk of 512 pieces, three a step.
  EXPECT_EQ(trace.steps(), 170);
  EXPECT_EQ(trace.droppedSteps(), 330);
  std::string text = traceOf(trace);
  EXPECT_EQ(count(text, "\"cat\":\"step\""), 170);
  EXPECT_EQ(count(text, "\"launches\":"), 2 * 170);
  EXPECT_EQ(count(text, "\"launch\":"), 6 * 170);
  EXPECT_EQ(count(text, "\"dropped_steps\":330"), 1);
}

TEST(TraceRecorder, IgnoresWhatTheManifestDoesNotKnow) {
  proto::Manifest manifest = sampleManifest();
  TraceRecorder trace(manifest, 1);
  SampleStep step;
  ASSERT_TRUE(trace.stepBegins(step.args).isOk());
  dispatch(trace, {99}, step.args.dims);
  ASSERT_TRUE(trace.stepEnded().isOk());
  EXPECT_EQ(count(traceOf(trace), "\"ph\":\"X\""), 1);
}

TEST(LaunchValues, RowsFollowTokensOutputsAndExperts) {
  proto::Manifest manifest = sampleManifest();
  manifest.mutable_launches(0)->mutable_bindings(0)->set_shape(0, 16);
  // `c` reads what `b` made of the outputs.
  manifest.mutable_launches(1)->add_bindings()->set_role(
      proto::Binding::OUTPUTS);
  manifest.mutable_launches(1)->mutable_bindings(0)->set_arena_offset(64);
  proto::Binding &read = *manifest.mutable_launches(2)->add_bindings();
  read.set_role(proto::Binding::ARENA);
  read.set_arena_offset(64);
  LaunchValues values(manifest);
  using Shape = std::vector<uint64_t>;
  goss_dims dims{5, 2, 5, 1};
  EXPECT_EQ(values.of(0)[0].shapeIn(dims), (Shape{10, 3}));
  EXPECT_EQ(values.of(1)[0].shapeIn(dims), (Shape{2, 3}));
  EXPECT_EQ(values.of(2)[0].shapeIn(dims), (Shape{2, 3}));
  EXPECT_TRUE(values.of(3).empty());
}

TEST(LaunchValues, ListsOfExpertsAreFixed) {
  proto::Manifest manifest = sampleManifest();
  manifest.mutable_kernels(0)->set_operation("route");
  proto::Launch &route = *manifest.mutable_launches(0);
  // As many experts as tokens at most: only the place tells them apart.
  for (uint64_t size : {8, 9, 1, 16}) {
    proto::Binding &binding = *route.add_bindings();
    binding = route.bindings(0);
    binding.set_dtype("I32");
    binding.clear_shape();
    binding.add_shape(size);
  }
  LaunchValues values(manifest);
  std::vector<uint64_t> rows;
  for (const LaunchValue &value : values.of(0))
    rows.push_back(value.shapeIn({3, 1, 3, 1})[0]);
  EXPECT_EQ(rows, (std::vector<uint64_t>{3, 8, 9, 1, 6}));
}

TEST(ProbeRecorder, DescribesAndKeepsValues) {
  proto::Manifest manifest = sampleManifest();
  TempDir directory;
  std::vector<std::string> lines;
  ProbeOptions options{{"b"}, directory.file("values"), 1, 1, {}};
  options.print = [&](const std::string &line) { lines.push_back(line); };
  auto recorder = ProbeRecorder::create(manifest, options).take();
  std::array<float, 24> values{1, -2, 3, 4.5, 5, 6, 777};
  const void *bindings[] = {values.data()};
  for (int i = 0; i < 3; ++i) {
    SampleStep step;
    ASSERT_TRUE(recorder->stepBegins(step.args).isOk());
    dispatch(*recorder, {0, 1}, step.args.dims, bindings);
    ASSERT_TRUE(recorder->stepEnded().isOk());
  }
  EXPECT_FALSE(std::filesystem::exists(directory.file("values")));
  ASSERT_TRUE(recorder->finish("m.goss").isOk());
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "b, step 1: float32 [2, 3], min -2, max 6, mean "
                       "2.91667, first 1 -2 3 4.5"}));
  NpyArray array = readNpy(directory.file("values/1-1-b.npy")).take();
  EXPECT_EQ(array.shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(array.floats, (std::vector<float>{1, -2, 3, 4.5, 5, 6}));
  EXPECT_TRUE(std::filesystem::exists(directory.file("values/index.json")));
}

TEST(ProbeRecorder, RefusesWrongNames) {
  proto::Manifest manifest = sampleManifest();
  manifest.mutable_launches(2)->mutable_bindings(0)->set_dtype("U8");
  for (const char *name : {"d", "a:1", "a:x", "a:-1", "c", ":0", ""}) {
    auto recorder = ProbeRecorder::create(manifest, {{name}, "", 0, 0, {}});
    ASSERT_FALSE(recorder.isOk()) << name;
    EXPECT_EQ(recorder.status().code(), StatusCode::Usage) << name;
  }
  EXPECT_TRUE(ProbeRecorder::create(manifest, {{"a:0"}, "", 0, 0, {}}).isOk());
}

TEST(ProbeRecorder, LeavesNothingOfARunThatFails) {
  proto::Manifest manifest = sampleManifest();
  TempDir directory;
  {
    ProbeOptions options{{}, directory.file("values"), 0, 0, {}};
    auto recorder = ProbeRecorder::create(manifest, options);
    ASSERT_TRUE(recorder.isOk());
  }
  EXPECT_EQ(directory.fileCount(), 0);
}

TEST(ProbeRecorder, ReadsSteps) {
  ProbeOptions options;
  EXPECT_EQ(parseSteps("3", options), "");
  EXPECT_EQ(options.lastStep, 3);
  EXPECT_EQ(parseSteps("2-9", options), "");
  EXPECT_EQ(options.firstStep, 2);
  EXPECT_EQ(options.lastStep, 9);
  for (const char *text : {"", "-", "x", "3-2", "1-", "-1", "1-2-3"})
    EXPECT_NE(parseSteps(text, options), "") << text;
}

TEST(ProbeRecorder, SummariesLeaveOutWhatIsNoNumber) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  std::array<float, 4> values{nan, -1, 2, INFINITY};
  ValueSummary summary = summarize(std::span<const float>(values));
  EXPECT_EQ(summary.min, -1);
  EXPECT_EQ(summary.max, 2);
  EXPECT_EQ(summary.mean, 0.5);
  EXPECT_EQ(summary.notFinite, 2);
}

TEST(ModelCheck, Distance) {
  std::array<float, 4> oracle{3, 4, 0, 0}, values{3, 4, 1, -1};
  Distance distance = measureDistance(values, oracle);
  EXPECT_EQ(distance.maxAbs, 1);
  EXPECT_DOUBLE_EQ(distance.rms, std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(distance.relative, std::sqrt(2.0) / 5);
  EXPECT_EQ(measureDistance(oracle, oracle).relative, 0);
  values[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(measureDistance(values, oracle).relative, INFINITY);
  std::array<float, 4> zero{};
  EXPECT_EQ(measureDistance(zero, zero).relative, 0);
  EXPECT_EQ(measureDistance(oracle, zero).relative, INFINITY);
}

TEST(ModelCheck, FirstBeyondTheTolerance) {
  CheckResult result;
  for (double relative : {0.0, 0.5, 0.1, 0.9})
    result.values.push_back({0, 0, 0, {}, {0, 0, relative}});
  EXPECT_EQ(result.firstBeyond(0.4), 1);
  EXPECT_EQ(result.firstBeyond(0.5), 3);
  EXPECT_EQ(result.firstBeyond(0.9), std::nullopt);
}

TEST(ModelCheck, CommandOfTheOracleKeepsWhatShapesAStep) {
  proto::Manifest manifest;
  manifest.set_flags("--target=cpu --mcpu=znver4 --opt-level=2 --math=fast "
                     "--cache=f32 --max-context=64 --layout=published");
  EXPECT_EQ(oracleCommand(manifest),
            "gossc CHECKPOINT -o ORACLE.goss --opt-level=0 --target=cpu "
            "--mcpu=znver4 --cache=f32 --max-context=64");
}

} // namespace
