//===- ConvertRun.cpp - Writing the files of a conversion -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Workers take the tensors in the order of the plan; each makes, hashes and
// writes one piece by piece into its place. A file is finished by whoever
// writes its last tensor, and then noted in the journal.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertJournal.h"
#include "frontend/checkpoint/OutputDirectory.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

namespace gossamer {

namespace {

/// Bytes that are made, hashed and written at once.
constexpr uint64_t pieceBytes = uint64_t(4) << 20;

uint64_t pieceSize(const TensorBytes &bytes) {
  return std::max<uint64_t>(pieceBytes / bytes.unit(), 1) * bytes.unit();
}

/// Calls `use` with the pieces of a tensor in order.
template <typename Use>
Status forEachPiece(const TensorBytes &bytes, const Use &use) {
  std::vector<std::byte> scratch;
  uint64_t step = pieceSize(bytes);
  for (uint64_t begin = 0; begin < bytes.size(); begin += step)
    GOSS_RETURN_IF_ERROR(
        use(begin,
            bytes.view(begin, std::min(step, bytes.size() - begin), scratch)));
  return Status::ok();
}

Status cancelledStatus() {
  return {StatusCode::Interrupted, "the conversion was cancelled"};
}

/// A file that is being written.
struct OpenFile {
  const OutputFile *plan = nullptr;
  std::mutex mutex; ///< guards what follows.
  std::optional<AtomicFile> file;
  std::vector<WrittenTensor> written;
  size_t missing = 0; ///< tensors that are not written.
};

/// One run: the workers' shared state.
class Run {
public:
  Run(const ConversionPlan &plan, OutputDirectory &output,
      ConvertJournal &journal, const RunOptions &options)
      : plan_(plan), output_(output), journal_(journal), options_(options) {}

  Status writeFiles();

private:
  struct Task {
    OpenFile *file;
    size_t tensor;
  };

  void work();
  Status writeTensor(const Task &task);
  Status begin(OpenFile &file);
  Status writePiece(OpenFile &file, uint64_t offset,
                    std::span<const std::byte> bytes);
  Status finishTensor(const Task &task, WrittenTensor written);
  Status finishFile(OpenFile &file);
  void fail(Status status);

  const ConversionPlan &plan_;
  OutputDirectory &output_;
  ConvertJournal &journal_;
  const RunOptions &options_;
  std::vector<std::unique_ptr<OpenFile>> files_;
  std::vector<Task> tasks_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stops_{false};
  std::mutex mutex_; ///< guards the journal, the directory and the failure.
  Status failure_;
};

void Run::fail(Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_.isOk())
    failure_ = std::move(status);
  stops_ = true;
}

Status Run::begin(OpenFile &file) {
  std::lock_guard<std::mutex> lock(file.mutex);
  if (file.file)
    return Status::ok();
  {
    std::lock_guard<std::mutex> outer(mutex_);
    GOSS_RETURN_IF_ERROR(output_.prepareFile(file.plan->name));
  }
  GOSS_ASSIGN_OR_RETURN(AtomicFile created,
                        AtomicFile::create(output_.file(file.plan->name)));
  GOSS_RETURN_IF_ERROR(created.write(file.plan->header));
  GOSS_RETURN_IF_ERROR(created.extend(file.plan->size));
  file.file = std::move(created);
  return Status::ok();
}

Status Run::writePiece(OpenFile &file, uint64_t offset,
                       std::span<const std::byte> bytes) {
  {
    std::lock_guard<std::mutex> lock(file.mutex);
    GOSS_RETURN_IF_ERROR(file.file->overwrite(
        offset, {reinterpret_cast<const char *>(bytes.data()), bytes.size()}));
  }
  if (options_.progress && !options_.progress(bytes.size()))
    return cancelledStatus();
  return Status::ok();
}

Status Run::writeTensor(const Task &task) {
  OpenFile &file = *task.file;
  GOSS_RETURN_IF_ERROR(begin(file));
  const OutputTensor &tensor = file.plan->tensors[task.tensor];
  Sha256 hash;
  auto write = [&](uint64_t begin, std::span<const std::byte> bytes) {
    if (stops_)
      return cancelledStatus();
    hash.update(bytes);
    return writePiece(file, tensor.offset + begin, bytes);
  };
  GOSS_RETURN_IF_ERROR(forEachPiece(tensor.bytes, write));
  WrittenTensor written;
  written.sha256 = toHex(hash.finish());
  for (const std::shared_ptr<ConversionLoss> &loss : tensor.losses) {
    written.overflows += loss->overflows;
    written.underflows += loss->underflows;
    written.rounded += loss->rounded;
  }
  return finishTensor(task, std::move(written));
}

Status Run::finishTensor(const Task &task, WrittenTensor written) {
  OpenFile &file = *task.file;
  std::lock_guard<std::mutex> lock(file.mutex);
  file.written[task.tensor] = std::move(written);
  return --file.missing == 0 ? finishFile(file) : Status::ok();
}

Status Run::finishFile(OpenFile &file) {
  GOSS_RETURN_IF_ERROR(file.file->commit());
  file.file.reset(); // its buffer: numpy has a file for each tensor.
  std::lock_guard<std::mutex> lock(mutex_);
  output_.noteFile(file.plan->name);
  journal_.files[file.plan->name] = std::move(file.written);
  return writeFile(output_.file(conversionJournal), journal_.toJson());
}

void Run::work() {
  // Nobody above a thread could tell what has gone wrong in it.
  try {
    while (!stops_) {
      size_t number = next_++;
      if (number >= tasks_.size())
        return;
      if (Status status = writeTensor(tasks_[number]); !status.isOk())
        fail(std::move(status));
    }
  } catch (const std::bad_alloc &) {
    fail(outOfMemory(
        "converting: no memory is left; fewer threads (-t) need less"));
  }
}

Status Run::writeFiles() {
  for (const OutputFile &plan : plan_.files) {
    if (journal_.files.contains(plan.name))
      continue;
    files_.push_back(std::make_unique<OpenFile>());
    OpenFile &file = *files_.back();
    file.plan = &plan;
    file.written.resize(plan.tensors.size());
    file.missing = plan.tensors.size();
    for (size_t i = 0; i < plan.tensors.size(); ++i)
      tasks_.push_back({&file, i});
  }
  {
    std::vector<std::jthread> workers;
    // Without memory for a thread the work is done by those who are here.
    for (unsigned i = 1; i < options_.workers; ++i) {
      try {
        workers.emplace_back([this] { work(); });
      } catch (const std::exception &) {
        break;
      }
    }
    work();
  }
  return failure_;
}

//===----------------------------------------------------------------------===//
// Going on
//===----------------------------------------------------------------------===//

/// Whether the bytes at `place` are those that would be written now. Comparing
/// with the source, not with a digest, notices a source that has changed.
Expected<bool> isSame(const OutputTensor &tensor,
                      std::span<const std::byte> place,
                      const RunOptions &options) {
  bool same = true;
  auto compare = [&](uint64_t begin, std::span<const std::byte> piece) {
    same =
        same && std::ranges::equal(piece, place.subspan(begin, piece.size()));
    if (options.progress && !options.progress(piece.size()))
      return cancelledStatus();
    return Status::ok();
  };
  GOSS_RETURN_IF_ERROR(forEachPiece(tensor.bytes, compare));
  // What is written counts its losses anew.
  for (const std::shared_ptr<ConversionLoss> &loss : tensor.losses)
    loss->overflows = loss->underflows = loss->rounded = 0;
  return same;
}

/// Whether a file that the journal calls finished is.
Expected<bool> isIntact(const OutputFile &file, const std::string &path,
                        const std::vector<WrittenTensor> &written,
                        const RunOptions &options) {
  GOSS_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path));
  if (mapped.size() != file.size || written.size() != file.tensors.size() ||
      !mapped.text().starts_with(file.header))
    return false;
  for (const OutputTensor &tensor : file.tensors) {
    auto place = mapped.bytes().subspan(tensor.offset, tensor.bytes.size());
    GOSS_ASSIGN_OR_RETURN(bool same, isSame(tensor, place, options));
    if (!same)
      return false;
  }
  return true;
}

std::vector<std::string> listNames(const ConversionPlan &plan) {
  std::vector<std::string> names = {conversionJournal, conversionManifest};
  for (const OutputFile &file : plan.files)
    names.push_back(file.name);
  for (const auto &[name, content] : plan.texts)
    names.push_back(name);
  return names;
}

/// Takes over what an earlier run of this conversion finished and removes what
/// it did not. Nothing is removed where anything is not of this conversion.
Status takeOver(const ConversionPlan &plan, const OutputDirectory &output,
                const RunOptions &options, ConvertJournal &journal) {
  GOSS_ASSIGN_OR_RETURN(std::vector<std::string> unfinished,
                        output.findUnfinished(listNames(plan)));
  std::string path = output.file(conversionJournal);
  if (!output.has(conversionJournal)) {
    // Stopped before its first file, or nothing was begun.
    if (std::ranges::any_of(listNames(plan), [&](const std::string &name) {
          return output.has(name);
        }))
      return usageError(path + ": expects the journal of a stopped conversion "
                               "but it is missing");
    return output.remove(unfinished);
  }
  GOSS_ASSIGN_OR_RETURN(ConvertJournal found, ConvertJournal::load(path));
  if (found.job != journal.job)
    return usageError(path + ": expects the same source and options as the "
                             "stopped conversion's but got others");
  GOSS_RETURN_IF_ERROR(output.remove(unfinished));
  for (const OutputFile &file : plan.files) {
    auto noted = found.files.find(file.name);
    if (noted == found.files.end() || !output.has(file.name))
      continue;
    GOSS_ASSIGN_OR_RETURN(bool intact, isIntact(file, output.file(file.name),
                                                noted->second, options));
    if (intact)
      journal.files.insert(*noted);
  }
  return Status::ok();
}

} // namespace

Expected<ConvertReport> runConversion(const ConversionPlan &plan,
                                      const std::string &directory,
                                      const RunOptions &options) {
  OutputDirectory output(directory, options.resume);
  GOSS_RETURN_IF_ERROR(output.create());
  ConvertJournal journal;
  journal.job = ConvertJournal::describeJob(plan);
  ConvertReport report;
  if (options.resume) {
    std::optional<std::string> job =
        readManifestJob(output.file(conversionManifest));
    if (job == journal.job && !output.has(conversionJournal)) {
      report.wasFinished = true;
      report.keptBytes = plan.byteSize();
      return report;
    }
    GOSS_RETURN_IF_ERROR(takeOver(plan, output, options, journal));
  } else {
    GOSS_RETURN_IF_ERROR(output.checkEmpty());
  }
  for (const OutputFile &file : plan.files)
    (journal.files.contains(file.name) ? report.keptBytes
                                       : report.writtenBytes) += file.size;
  GOSS_RETURN_IF_ERROR(output.checkSpace(report.writtenBytes));
  GOSS_RETURN_IF_ERROR(
      writeFile(output.file(conversionJournal), journal.toJson()));
  output.noteFile(conversionJournal);
  GOSS_RETURN_IF_ERROR(Run(plan, output, journal, options).writeFiles());

  GOSS_RETURN_IF_ERROR(
      writeFile(output.file(conversionManifest), manifestJson(plan, journal)));
  output.noteFile(conversionManifest);
  for (const auto &[name, content] : plan.texts) {
    GOSS_RETURN_IF_ERROR(writeFile(output.file(name), content));
    output.noteFile(name);
  }
  output.keepFiles();
  GOSS_RETURN_IF_ERROR(output.remove({conversionJournal}));
  for (const auto &[name, tensors] : journal.files)
    for (const WrittenTensor &tensor : tensors) {
      report.overflows += tensor.overflows;
      report.underflows += tensor.underflows;
      report.rounded += tensor.rounded;
    }
  return report;
}

} // namespace gossamer
