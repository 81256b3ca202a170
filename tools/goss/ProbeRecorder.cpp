//===- ProbeRecorder.cpp - Intermediate values of a run -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ProbeRecorder.h"

#include "runtime/support/AtomicFile.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/JsonWriter.h"
#include "tools/support/CommandLine.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sys/stat.h>

namespace gossamer::tools {

namespace fs = std::filesystem;

/// Elements that a summary shows.
static constexpr size_t firstElements = 4;

template <typename T> ValueSummary summarize(std::span<const T> elements) {
  ValueSummary summary;
  double sum = 0;
  for (T element : elements) {
    auto number = static_cast<double>(element);
    if (!std::isfinite(number)) {
      ++summary.notFinite;
      continue;
    }
    bool isFirst = summary.finite++ == 0;
    summary.min = isFirst ? number : std::min(summary.min, number);
    summary.max = isFirst ? number : std::max(summary.max, number);
    sum += number;
  }
  if (summary.finite)
    summary.mean = sum / static_cast<double>(summary.finite);
  else
    summary.min = summary.max = summary.mean =
        std::numeric_limits<double>::quiet_NaN();
  return summary;
}
template ValueSummary summarize(std::span<const float>);
template ValueSummary summarize(std::span<const int32_t>);

std::string parseSteps(const std::string &text, ProbeOptions &options) {
  constexpr IntegerRange range{0, std::numeric_limits<int64_t>::max() - 1};
  size_t dash = text.find('-');
  int64_t first = 0, last = 0;
  bool isRight = parseInteger(text.substr(0, dash), range, first).empty();
  last = first;
  if (isRight && dash != std::string::npos)
    isRight = parseInteger(text.substr(dash + 1), range, last).empty();
  if (!isRight || last < first)
    return "expects a step such as 0 or steps such as 0-7 but got '" + text +
           "'";
  options.firstStep = static_cast<uint64_t>(first);
  options.lastStep = static_cast<uint64_t>(last);
  return "";
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<ProbeRecorder>>
ProbeRecorder::create(const proto::Manifest &manifest, ProbeOptions options) {
  std::unique_ptr<ProbeRecorder> recorder(
      new ProbeRecorder(manifest, std::move(options)));
  for (const std::string &probe : recorder->options_.probes)
    GOSS_RETURN_IF_ERROR(recorder->choose(probe));
  if (!recorder->options_.directory.empty())
    GOSS_RETURN_IF_ERROR(recorder->openDirectory());
  return recorder;
}

Status ProbeRecorder::choose(const std::string &probe) {
  std::vector<std::string> names;
  for (const proto::Launch &launch : manifest_.launches())
    names.push_back(launch.name());
  std::string name = probe;
  std::optional<int64_t> number;
  bool isKnown = std::ranges::find(names, name) != names.end();
  if (size_t colon = probe.rfind(':'); !isKnown && colon != std::string::npos) {
    int64_t parsed = 0;
    std::string error = parseInteger(probe.substr(colon + 1), {0}, parsed);
    if (!error.empty())
      return usageError("--probe " + probe + ": after the colon it " + error);
    number = parsed;
    name = probe.substr(0, colon);
  }
  size_t before = chosen_.size();
  uint32_t written = 0;
  for (uint32_t i = 0; i < names.size(); ++i) {
    if (names[i] != name)
      continue;
    isKnown = true;
    written = std::max(written, values_.written(i));
    for (const LaunchValue &value : values_.of(i))
      if (!number || *number == value.number)
        chosen_.insert(&value);
  }
  if (!isKnown)
    return usageError("--probe: expects the name of a launch but got '" + name +
                      "'" + suggestName(name, names));
  if (number && *number >= written)
    return usageError("--probe " + probe + ": expects a binding below " +
                      std::to_string(written) + ", as many as " + name +
                      " writes, but got " + std::to_string(*number));
  if (chosen_.size() == before)
    return usageError("--probe " + probe +
                      ": expects values of float32 or "
                      "int32 but it writes the cache or quantized rows, or "
                      "was named before");
  return Status::ok();
}

Status ProbeRecorder::openDirectory() {
  std::string &directory = options_.directory;
  while (directory.size() > 1 && directory.ends_with('/'))
    directory.pop_back();
  std::error_code error;
  fs::file_status status = fs::status(directory, error);
  if (fs::exists(status) && !fs::is_directory(status))
    return usageError(directory + ": expects a folder but got a file");
  if (fs::exists(status) && !fs::is_empty(directory, error))
    return usageError(directory + ": expects a folder that does not exist or "
                                  "is empty but it holds files");
  std::string name = directory + ".partial-XXXXXX";
  if (!::mkdtemp(name.data())) {
    std::string message = directory + ": cannot create a folder beside it: " +
                          std::strerror(errno);
    return errno == ENOENT ? notFound(message) : ioError(message);
  }
  partial_ = name;
  // What mkdir would have given.
  mode_t mask = ::umask(0);
  ::umask(mask);
  ::chmod(partial_.c_str(), 0777 & ~mask);
  return Status::ok();
}

ProbeRecorder::~ProbeRecorder() {
  std::error_code ignored;
  if (!partial_.empty())
    fs::remove_all(partial_, ignored);
}

//===----------------------------------------------------------------------===//
// Watching
//===----------------------------------------------------------------------===//

Status ProbeRecorder::stepBegins(const goss_step_args &args) {
  active_ = step_ >= options_.firstStep && step_ <= options_.lastStep;
  failure_ = Status::ok();
  if (!active_)
    return Status::ok();
  auto count = static_cast<size_t>(args.dims.tokens);
  steps_.push_back({step_,
                    args.dims,
                    {args.tokens, args.tokens + count},
                    {args.positions, args.positions + count}});
  return Status::ok();
}

void ProbeRecorder::dispatched(const DispatchEvent &event) {
  if (!active_)
    return;
  for (const goss_launch &launch : event.launches)
    for (const LaunchValue &value : values_.of(launch.id))
      if (failure_.isOk() && (chosen_.empty() || chosen_.contains(&value)))
        failure_ = see(value, event, launch.bindings[value.binding]);
}

Status ProbeRecorder::stepEnded() {
  ++step_;
  active_ = false;
  return failure_;
}

Status ProbeRecorder::see(const LaunchValue &value, const DispatchEvent &event,
                          const void *data) {
  std::vector<uint64_t> shape = value.shapeIn(event.dims);
  std::optional<uint64_t> count = checkedProduct(shape);
  if (!count)
    return invalidData(launchOf(value).name() +
                       ": expects a shape of less than 2^64 elements");
  // A part of a prompt has no outputs.
  if (*count == 0)
    return Status::ok();
  ++seen_;
  if (value.type == NpyType::F32)
    return keep(value, std::move(shape),
                std::span(static_cast<const float *>(data), *count));
  return keep(value, std::move(shape),
              std::span(static_cast<const int32_t *>(data), *count));
}

template <typename T>
Status ProbeRecorder::keep(const LaunchValue &value,
                           std::vector<uint64_t> shape,
                           std::span<const T> elements) {
  ValueSummary summary = summarize(elements);
  if (!options_.probes.empty())
    print(value, shape, elements, summary);
  if (partial_.empty())
    return Status::ok();
  std::string name = fileName(value);
  GOSS_RETURN_IF_ERROR(writeNpy(partial_ + "/" + name, elements, shape));
  files_.push_back({name, step_, &value, std::move(shape), summary});
  return Status::ok();
}

template <typename T>
void ProbeRecorder::print(const LaunchValue &value,
                          std::span<const uint64_t> shape,
                          std::span<const T> elements,
                          const ValueSummary &summary) const {
  auto format = [](double number) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.6g", number);
    return std::string(text);
  };
  std::string line = launchOf(value).name();
  if (values_.written(value.launch) > 1)
    line += ":" + std::to_string(value.number);
  line += ", step " + std::to_string(step_) + ": " +
          describeArray(value.type, shape) + ", min " + format(summary.min) +
          ", max " + format(summary.max) + ", mean " + format(summary.mean);
  if (summary.notFinite)
    line += ", not finite " + std::to_string(summary.notFinite);
  line += ", first";
  for (T element : elements.first(std::min(elements.size(), firstElements)))
    line += " " + format(static_cast<double>(element));
  if (options_.print)
    options_.print(line);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// STEP-LAUNCH-NAME.npy; a launch that writes several has .K before the end.
std::string ProbeRecorder::fileName(const LaunchValue &value) const {
  constexpr size_t longestName = 150;
  std::string name = launchOf(value).name().substr(0, longestName);
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_')
      c = '_';
  std::string text =
      std::to_string(step_) + "-" + std::to_string(value.launch) + "-" + name;
  if (values_.written(value.launch) > 1)
    text += "." + std::to_string(value.number);
  return text + ".npy";
}

std::string ProbeRecorder::indexJson(const std::string &model) const {
  JsonWriter json(2);
  auto writeList = [&](const char *key, const auto &list) {
    json.key(key).beginArray();
    for (auto each : list)
      json.value(each);
    json.endArray();
  };
  json.beginObject().member("model", model);
  json.key("steps").beginArray();
  for (const Step &step : steps_) {
    json.beginObject()
        .member("step", step.number)
        .member("outputs", step.dims.outputs)
        .member("sequences", step.dims.sequences)
        .member("keys", step.dims.keys);
    writeList("tokens", step.tokens);
    writeList("positions", step.positions);
    json.endObject();
  }
  json.endArray().key("values").beginArray();
  for (const File &file : files_) {
    const proto::Launch &launch = launchOf(*file.value);
    const proto::Kernel &kernel =
        manifest_.kernels(static_cast<int>(launch.kernel()));
    json.beginObject()
        .member("file", file.name)
        .member("step", file.step)
        .member("launch", file.value->launch)
        .member("name", launch.name())
        .member("kernel", launch.kernel())
        .member("operation", kernel.operation())
        .member("kind", kernel.kind())
        .member("binding", file.value->number)
        .member("dtype", file.value->type == NpyType::F32 ? "F32" : "I32");
    writeList("shape", file.shape);
    json.member("min", file.summary.min)
        .member("max", file.summary.max)
        .member("mean", file.summary.mean)
        .member("not_finite", file.summary.notFinite)
        .endObject();
  }
  return json.endArray().endObject().take() + "\n";
}

Status ProbeRecorder::finish(const std::string &model) {
  if (partial_.empty())
    return Status::ok();
  GOSS_RETURN_IF_ERROR(writeFile(partial_ + "/index.json", indexJson(model)));
  if (std::rename(partial_.c_str(), options_.directory.c_str()) != 0)
    return ioError(options_.directory + ": cannot give the folder its name: " +
                   std::strerror(errno));
  partial_.clear();
  return Status::ok();
}

} // namespace gossamer::tools
