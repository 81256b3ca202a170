//===- CudaWorkspace.cpp - What one running step needs --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A step of a kind that came before is one launch of a graph. The kind is what
// launches are made of: T, R and addresses. Those of the small arrays are
// always the workspace's own, so sessions can come and go. The first step of a
// kind is issued launch by launch: prompts have many lengths, each of which may
// come but once.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaWorkspace.h"
#include "runtime/device/CudaChoice.h"
#include "runtime/support/CheckedMath.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

/// Kinds of steps that are remembered.
constexpr size_t mostRecordings = 16;

/// The arrays of the inputs begin at multiples of this.
constexpr uint64_t arrayAlignment = 256;

/// Bytes of an array of `tokens` int32.
uint64_t arrayBytes(uint64_t tokens) {
  return roundUp(tokens * sizeof(int32_t), arrayAlignment);
}

/// Arrays after the dimensions, in this order.
enum InputArray { tokenArray, positionArray, sequenceArray, outputArray };

uint64_t inputOffset(InputArray array, uint64_t tokens) {
  return roundUp(sizeof(goss_dims), arrayAlignment) +
         static_cast<uint64_t>(array) * arrayBytes(tokens);
}

/// The last array has a goss_cuda_choice an output.
uint64_t choiceOffset(uint64_t tokens) {
  return inputOffset(outputArray, tokens) + arrayBytes(tokens);
}

uint64_t inputBytes(uint64_t tokens) {
  return choiceOffset(tokens) +
         roundUp(tokens * sizeof(goss_cuda_choice), arrayAlignment);
}

/// Of the tokens that a penalty is for.
uint64_t seenRowBytes(const StepArrays &arrays) {
  return seenWords(arrays.logitsRowBytes / sizeof(float)) * sizeof(uint32_t);
}

uint64_t grownTo(int64_t wanted) {
  constexpr uint64_t least = 16;
  return std::bit_ceil(std::max(static_cast<uint64_t>(wanted), least));
}

} // namespace

struct CudaWorkspace::Call {
  CudaWorkspace &workspace;
  DispatchObserver *observer;
  Status status;
};

CudaWorkspace::CudaWorkspace(CudaMemory &memory, const CudaCode &code,
                             StepArrays arrays, bool usesGraphs)
    : memory_(memory), lanes_(memory.context()), begun_(memory.context()),
      ended_(memory.context()), plan_(code), code_(code), arrays_(arrays),
      usesGraphs_(usesGraphs), caches_(arrays.cacheGroups) {}

CudaWorkspace::~CudaWorkspace() { dropGraphs(); }

Status CudaWorkspace::create() {
  GOSS_RETURN_IF_ERROR(lanes_.create());
  GOSS_RETURN_IF_ERROR(begun_.create(/*takesTime=*/true));
  return ended_.create(/*takesTime=*/true);
}

/// The kinds of steps stay known.
void CudaWorkspace::dropGraphs() {
  for (Recording &recording : recordings_)
    if (GraphExec exec = std::exchange(recording.exec, nullptr))
      driver().graphExecDestroy(exec);
}

Status CudaWorkspace::run(const goss_step_args &args,
                          std::span<const TokenChoice> wanted,
                          std::span<int32_t> chosen,
                          DispatchObserver *observer) {
  const goss_dims &dims = args.dims;
  if (dims.tokens < 0 || dims.outputs < 0 || dims.sequences < 0)
    return internalError("step: expects sizes of at least 0");
  chooses_ = code_.choice() && std::ranges::any_of(chosen, [](int32_t each) {
               return each != wholeRow;
             });
  if (!chooses_)
    std::ranges::fill(chosen, wholeRow);
  GOSS_RETURN_IF_ERROR(makeRoom(dims));
  GOSS_RETURN_IF_ERROR(memory_.orderBefore(lanes_.main()));
  Status status = chooses_ ? prepareChoices(wanted, chosen) : Status::ok();
  if (status.isOk())
    status = upload(args);
  if (status.isOk())
    status = compute(bind(args), observer);
  if (status.isOk())
    status = fetch(args, chosen);
  // Nothing of a step that failed may run into the next one.
  if (!status.isOk())
    driver().ctxSynchronize();
  return status;
}

Status CudaWorkspace::wait() {
  return driver().check("streamSynchronize",
                        driver().streamSynchronize(lanes_.main()));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

Status CudaWorkspace::fetchRow(const goss_step_args &args, size_t row) {
  uint64_t offset = row * arrays_.logitsRowBytes;
  return memory_.copyToHost(reinterpret_cast<uint8_t *>(args.logits) + offset,
                            addressOf(logits_.data()) + offset,
                            arrays_.logitsRowBytes, lanes_.main());
}

/// Waits for the step, and copies what is wanted of it.
Status CudaWorkspace::fetch(const goss_step_args &args,
                            std::span<int32_t> chosen) {
  auto rows = static_cast<uint64_t>(args.dims.outputs);
  if (!chooses_) {
    if (rows)
      GOSS_RETURN_IF_ERROR(
          memory_.copyToHost(args.logits, addressOf(logits_.data()),
                             rows * arrays_.logitsRowBytes, lanes_.main()));
    return wait();
  }
  GOSS_RETURN_IF_ERROR(
      memory_.copyToHost(hostChosen_.data(), addressOf(chosen_.data()),
                         rows * sizeof(int32_t), lanes_.main()));
  for (size_t row = 0; row < rows; ++row)
    if (chosen[row] == wholeRow)
      GOSS_RETURN_IF_ERROR(fetchRow(args, row));
  GOSS_RETURN_IF_ERROR(wait());
  bool lacksRows = false;
  for (size_t row = 0; row < rows; ++row) {
    if (chosen[row] == wholeRow)
      continue;
    chosen[row] = hostChosen_.as<int32_t>()[row];
    if (chosen[row] != wholeRow)
      continue;
    GOSS_RETURN_IF_ERROR(fetchRow(args, row));
    lacksRows = true;
  }
  return lacksRows ? wait() : Status::ok();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Recorded graphs hold addresses, so growing drops them.
Status CudaWorkspace::makeRoom(const goss_dims &dims) {
  constexpr const char *what = "arrays of a step";
  uint64_t tokens = grownTo(std::max(dims.tokens, dims.outputs));
  if (tokens > tokens_) {
    dropGraphs();
    tokens_ = 0;
    GOSS_ASSIGN_OR_RETURN(inputs_, memory_.allocate(inputBytes(tokens), what));
    GOSS_ASSIGN_OR_RETURN(hostInputs_,
                          memory_.allocateHost(inputBytes(tokens)));
    GOSS_ASSIGN_OR_RETURN(chosen_, memory_.allocate(arrayBytes(tokens), what));
    GOSS_ASSIGN_OR_RETURN(hostChosen_,
                          memory_.allocateHost(arrayBytes(tokens)));
    tokens_ = tokens;
  }
  uint64_t sequences = grownTo(dims.sequences);
  if (sequences > sequences_) {
    dropGraphs();
    sequences_ = 0;
    uint64_t bytes =
        arrays_.cacheGroups * sequences * arrays_.maxPages * sizeof(int32_t);
    GOSS_ASSIGN_OR_RETURN(tables_, memory_.allocate(bytes, what));
    GOSS_ASSIGN_OR_RETURN(hostTables_, memory_.allocateHost(bytes));
    sequences_ = sequences;
  }
  uint64_t rows = static_cast<uint64_t>(dims.outputs);
  if (rows * arrays_.logitsRowBytes > logits_.size()) {
    dropGraphs();
    // What there is goes first: it is large, and of no use.
    logits_ = DeviceBuffer();
    GOSS_ASSIGN_OR_RETURN(
        logits_, memory_.allocate(std::bit_ceil(rows) * arrays_.logitsRowBytes,
                                  "logits"));
  }
  return Status::ok();
}

Status CudaWorkspace::makeRoomForSeen(uint64_t rows) {
  uint64_t bytes = rows * seenRowBytes(arrays_);
  if (bytes <= seen_.size())
    return Status::ok();
  dropGraphs();
  bytes = std::bit_ceil(rows) * seenRowBytes(arrays_);
  seen_ = DeviceBuffer(); // Its size, made last, says that both are there.
  GOSS_ASSIGN_OR_RETURN(hostSeen_, memory_.allocateHost(bytes));
  GOSS_ASSIGN_OR_RETURN(seen_, memory_.allocate(bytes, "tokens seen"));
  return memory_.orderBefore(lanes_.main());
}

/// Puts what is wanted of each row among the inputs, and the tokens that
/// penalties are for where kernels find them.
Status CudaWorkspace::prepareChoices(std::span<const TokenChoice> wanted,
                                     std::span<const int32_t> chosen) {
  auto *choices = reinterpret_cast<goss_cuda_choice *>(hostInputs_.data() +
                                                       choiceOffset(tokens_));
  uint64_t rowBytes = seenRowBytes(arrays_);
  for (size_t row = 0; row < chosen.size(); ++row) {
    choices[row] = {};
    if (chosen[row] == wholeRow)
      continue;
    choices[row] = encode(wanted[row]);
    std::span<const uint32_t> seen = wanted[row].seen;
    if (seen.empty())
      continue;
    if (seen.size_bytes() != rowBytes)
      return internalError("choice: expects " + std::to_string(rowBytes) +
                           " bytes of seen tokens but got " +
                           std::to_string(seen.size_bytes()));
    GOSS_RETURN_IF_ERROR(makeRoomForSeen(chosen.size()));
    std::memcpy(hostSeen_.data() + row * rowBytes, seen.data(), rowBytes);
    GOSS_CUDA_CALL(driver(), memcpyHtoDAsync,
                   addressOf(seen_.data()) + row * rowBytes,
                   hostSeen_.data() + row * rowBytes, rowBytes, lanes_.main());
  }
  return Status::ok();
}

Status CudaWorkspace::upload(const goss_step_args &args) {
  uint8_t *host = hostInputs_.data();
  std::memcpy(host, &args.dims, sizeof(args.dims));
  auto copyArray = [&](InputArray array, const int32_t *from, int64_t count) {
    if (count > 0)
      std::memcpy(host + inputOffset(array, tokens_), from,
                  static_cast<size_t>(count) * sizeof(int32_t));
  };
  copyArray(tokenArray, args.tokens, args.dims.tokens);
  copyArray(positionArray, args.positions, args.dims.tokens);
  copyArray(sequenceArray, args.sequences, args.dims.tokens);
  copyArray(outputArray, args.outputs, args.dims.outputs);
  GOSS_CUDA_CALL(driver(), memcpyHtoDAsync, addressOf(inputs_.data()), host,
                 inputBytes(tokens_), lanes_.main());
  return uploadTables(args);
}

/// Copies of each row what tokens of the step can look at.
Status CudaWorkspace::uploadTables(const goss_step_args &args) {
  auto rows = static_cast<uint64_t>(args.dims.sequences);
  uint64_t entries = 0;
  if (arrays_.pageTokens && args.dims.keys > 0)
    entries = std::min<uint64_t>(
        (static_cast<uint64_t>(args.dims.keys) - 1) / arrays_.pageTokens + 1,
        arrays_.maxPages);
  if (rows == 0 || entries == 0)
    return Status::ok();
  uint64_t pitch = uint64_t{arrays_.maxPages} * sizeof(int32_t);
  for (uint64_t group = 0; group < arrays_.cacheGroups; ++group) {
    uint64_t offset = group * sequences_ * pitch;
    for (uint64_t row = 0; row < rows; ++row)
      std::memcpy(hostTables_.data() + offset + row * pitch,
                  args.caches[group].page_table + row * arrays_.maxPages,
                  entries * sizeof(int32_t));
    constexpr unsigned hostMemory = 1, deviceMemory = 2;
    Copy2D copy{};
    copy.source = {0, 0,       hostMemory, hostTables_.data() + offset,
                   0, nullptr, pitch};
    copy.destination = {0,
                        0,
                        deviceMemory,
                        nullptr,
                        addressOf(tables_.data()) + offset,
                        nullptr,
                        pitch};
    copy.widthInBytes = entries * sizeof(int32_t);
    copy.height = rows;
    GOSS_CUDA_CALL(driver(), memcpy2DAsync, &copy, lanes_.main());
  }
  return Status::ok();
}

/// The step's arguments as kernels see them.
goss_step_args CudaWorkspace::bind(const goss_step_args &args) {
  goss_step_args bound = args;
  auto input = [&](InputArray array) {
    return reinterpret_cast<const int32_t *>(inputs_.data() +
                                             inputOffset(array, tokens_));
  };
  bound.tokens = input(tokenArray);
  bound.positions = input(positionArray);
  bound.sequences = input(sequenceArray);
  bound.outputs = input(outputArray);
  bound.logits = logits_.as<float>();
  for (size_t group = 0; group < caches_.size(); ++group)
    caches_[group] = {args.caches[group].pages,
                      tables_.as<int32_t>() +
                          group * sequences_ * arrays_.maxPages};
  bound.caches = caches_.data();
  return bound;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The workspace's own addresses are the same for all recordings that exist.
CudaWorkspace::Key CudaWorkspace::keyOf(const goss_step_args &bound) const {
  Key key = {static_cast<uint64_t>(bound.dims.tokens),
             static_cast<uint64_t>(bound.dims.outputs), chooses_,
             addressOf(bound.arena),
             addressOf(static_cast<const void *>(bound.parameters))};
  for (const goss_cache_group &cache : caches_)
    key.push_back(addressOf(cache.pages));
  return key;
}

CudaWorkspace::Recording &CudaWorkspace::recordingOf(Key key, bool &isNew) {
  auto found = std::ranges::find(recordings_, key, &Recording::key);
  isNew = found == recordings_.end();
  if (isNew && recordings_.size() < mostRecordings) {
    recordings_.push_back({std::move(key), nullptr, 0});
    found = std::prev(recordings_.end());
  } else if (isNew) {
    found = std::ranges::min_element(recordings_, {}, &Recording::lastUse);
    if (found->exec)
      driver().graphExecDestroy(found->exec);
    *found = {std::move(key), nullptr, 0};
  }
  found->lastUse = ++uses_;
  return *found;
}

Status CudaWorkspace::compute(const goss_step_args &bound,
                              DispatchObserver *observer) {
  if (observer) {
    // Each dispatch runs when it comes; nobody observes the last one.
    GOSS_RETURN_IF_ERROR(collect(bound, observer));
    if (!chooses_)
      return Status::ok();
    GOSS_RETURN_IF_ERROR(collectChoice(bound));
    GOSS_RETURN_IF_ERROR(makeScratch());
    return issue(plan_.dispatches() - 1);
  }
  bool isNew = true;
  Recording *recording =
      usesGraphs_ ? &recordingOf(keyOf(bound), isNew) : nullptr;
  if (!recording || !recording->exec) {
    GOSS_RETURN_IF_ERROR(collect(bound, nullptr));
    if (chooses_)
      GOSS_RETURN_IF_ERROR(collectChoice(bound));
    GOSS_RETURN_IF_ERROR(makeScratch());
    if (isNew)
      return issueAll();
    GOSS_RETURN_IF_ERROR(record(recording->exec));
  }
  GOSS_CUDA_CALL(driver(), graphLaunch, recording->exec, lanes_.main());
  return Status::ok();
}

/// Runs the compiled step, which only says what is to be launched.
Status CudaWorkspace::collect(const goss_step_args &bound,
                              DispatchObserver *observer) {
  plan_.clear();
  Call call{*this, observer, Status::ok()};
  goss_device_table table{GOSS_STEP_ABI_VERSION, sizeof(goss_device_table),
                          &call, &CudaWorkspace::dispatch};
  int32_t result = code_.step()(&bound, &table);
  if (!call.status.isOk())
    return call.status;
  if (result != 0)
    return internalError("the compiled step returned code " +
                         std::to_string(result));
  return Status::ok();
}

/// Adds what chooses tokens by the logits.
Status CudaWorkspace::collectChoice(const goss_step_args &bound) {
  const void *bindings[] = {bound.logits,
                            inputs_.data() + choiceOffset(tokens_),
                            seen_.data(), chosen_.data()};
  return plan_.addDispatch(*code_.choice(), bindings, bound.dims);
}

int32_t CudaWorkspace::dispatch(void *context, const goss_launch *launches,
                                uint32_t count, const goss_dims *dims) {
  Call &call = *static_cast<Call *>(context);
  std::span all(launches, count);
  call.status = call.workspace.plan_.addDispatch(all, *dims);
  if (call.status.isOk() && call.observer)
    call.status = call.workspace.dispatchObserved(call, all, *dims);
  return static_cast<int32_t>(call.status.code());
}

Status CudaWorkspace::dispatchObserved(Call &call,
                                       std::span<const goss_launch> launches,
                                       const goss_dims &dims) {
  GOSS_RETURN_IF_ERROR(makeScratch());
  GOSS_CUDA_CALL(driver(), eventRecord, begun_.get(), lanes_.main());
  GOSS_RETURN_IF_ERROR(issue(plan_.dispatches() - 1));
  GOSS_CUDA_CALL(driver(), eventRecord, ended_.get(), lanes_.main());
  GOSS_CUDA_CALL(driver(), eventSynchronize, ended_.get());
  FastClock::time_point end = FastClock::now();
  float milliseconds = 0;
  GOSS_CUDA_CALL(driver(), eventElapsedTime, &milliseconds, begun_.get(),
                 ended_.get());
  auto taken = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<float, std::milli>(milliseconds));
  call.observer->dispatched({launches, dims, end - taken, end});
  return Status::ok();
}

Status CudaWorkspace::makeScratch() {
  if (plan_.scratchBytes() <= scratch_.size())
    return Status::ok();
  dropGraphs();
  // Launches that use what there is may still run.
  GOSS_CUDA_CALL(driver(), streamSynchronize, lanes_.main());
  scratch_ = DeviceBuffer();
  GOSS_ASSIGN_OR_RETURN(
      scratch_, memory_.allocate(plan_.scratchBytes(), "scratch memory"));
  return memory_.orderBefore(lanes_.main());
}

Status CudaWorkspace::issue(size_t dispatch) {
  return plan_.issue(dispatch, driver(), lanes_, addressOf(inputs_.data()),
                     addressOf(scratch_.data()));
}

Status CudaWorkspace::issueAll() {
  for (size_t i = 0; i < plan_.dispatches(); ++i)
    GOSS_RETURN_IF_ERROR(issue(i));
  return Status::ok();
}

/// Makes a graph of the launches of the plan.
Status CudaWorkspace::record(GraphExec &exec) {
  // Other threads may allocate meanwhile.
  constexpr int threadLocal = 1;
  GOSS_CUDA_CALL(driver(), streamBeginCapture, lanes_.main(), threadLocal);
  Status issued = issueAll();
  Graph graph = nullptr;
  Status ended = driver().check(
      "streamEndCapture", driver().streamEndCapture(lanes_.main(), &graph));
  Status made = issued.isOk() ? ended : issued;
  if (made.isOk())
    made = driver().check("graphInstantiate",
                          driver().graphInstantiate(&exec, graph, 0));
  if (graph)
    driver().graphDestroy(graph);
  if (!made.isOk())
    exec = nullptr;
  return made;
}
