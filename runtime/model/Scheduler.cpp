//===- Scheduler.cpp - Many sessions, one step ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Scheduler.h"

#include <algorithm>
#include <string>

using namespace gossamer;

Expected<std::unique_ptr<Scheduler>>
Scheduler::create(std::shared_ptr<const StepRunner> runner,
                  SchedulerOptions options) {
  uint32_t most = runner->shape().maxTokensPerStep;
  uint32_t maxTokens = options.maxTokensPerStep;
  if (maxTokens == 0)
    maxTokens = most;
  if (maxTokens > most)
    return usageError("tokens per step: expects at most " +
                      std::to_string(most) +
                      ", for which the model was compiled, but got " +
                      std::to_string(maxTokens));
  std::unique_ptr<Scheduler> scheduler(
      new Scheduler(std::move(runner), maxTokens));
  GOSS_RETURN_IF_ERROR(scheduler->allocate(options));
  return scheduler;
}

Status Scheduler::allocate(const SchedulerOptions &options) {
  const StepShape &shape = runner_->shape();
  Device &device = runner_->device();
  GOSS_ASSIGN_OR_RETURN(cache_, KvCache::create(runner_, options.cache));
  size_t row = size_t{maxTokens_} * sizeof(int32_t);
  GOSS_ASSIGN_OR_RETURN(arena_, device.allocate(shape.arenaBytes));
  GOSS_ASSIGN_OR_RETURN(
      logits_, device.allocateHost(size_t{maxTokens_} * shape.vocabularySize *
                                   sizeof(float)));
  GOSS_ASSIGN_OR_RETURN(tokens_, device.allocateHost(row));
  GOSS_ASSIGN_OR_RETURN(positions_, device.allocateHost(row));
  GOSS_ASSIGN_OR_RETURN(sequences_, device.allocateHost(row));
  GOSS_ASSIGN_OR_RETURN(outputs_, device.allocateHost(row));
  for (size_t group = 0; group < shape.cache.groups.size(); ++group) {
    GOSS_ASSIGN_OR_RETURN(DeviceBuffer table,
                          device.allocateHost(row * shape.cache.maxPages()));
    tables_.push_back(std::move(table));
    groups_.push_back({cache_->pages(group), nullptr});
  }
  parts_.reserve(maxTokens_);
  rows_.reserve(maxTokens_);
  wanted_.reserve(maxTokens_);
  chosen_.reserve(maxTokens_);
  return Status::ok();
}

/// Adds as many of the entry's waiting tokens as fit to the step.
Status Scheduler::addPart(const StepEntry &entry) {
  Session &session = *entry.session;
  std::span<const int32_t> pending = session.pending();
  auto room = maxTokens_ - static_cast<size_t>(dims_.tokens);
  auto count = static_cast<uint32_t>(std::min(pending.size(), room));
  if (count == 0)
    return Status::ok();
  if (Status status = session.pages_.prepare(session.position(), count);
      !status.isOk()) {
    // Waiting sessions that each keep a part of the pages would all wait.
    session.pages_.truncate(session.position());
    return status;
  }

  for (uint32_t i = 0; i < count; ++i) {
    auto index = static_cast<int32_t>(dims_.tokens++);
    uint32_t position = session.position() + i;
    tokens_.as<int32_t>()[index] = pending[i];
    positions_.as<int32_t>()[index] = static_cast<int32_t>(position);
    sequences_.as<int32_t>()[index] = static_cast<int32_t>(parts_.size());
    bool isLast = size_t{i} + 1 == pending.size();
    bool wanted = entry.logits == LogitsOf::EveryToken ||
                  (entry.logits != LogitsOf::None && isLast);
    if (!wanted)
      continue;
    size_t vocabulary = runner_->shape().vocabularySize;
    const float *row = logits_.as<float>() + rows_.size() * vocabulary;
    outputs_.as<int32_t>()[rows_.size()] = index;
    rows_.push_back({&session, position, {row, vocabulary}});
    wanted_.push_back(entry.choice);
    chosen_.push_back(entry.logits == LogitsOf::Token ? 0 : wholeRow);
  }
  dims_.keys = std::max<int64_t>(dims_.keys, session.position() + count);
  parts_.push_back({&session, count});
  return Status::ok();
}

/// Fills the step from `entries`.
Status Scheduler::choose(std::span<const StepEntry> entries) {
  dims_ = {};
  parts_.clear();
  rows_.clear();
  wanted_.clear();
  chosen_.clear();
  Status refused;
  size_t start = entries.empty() ? 0 : nextEntry_ % entries.size();
  // Decoding sessions first: each needs one token and somebody waits for it.
  for (bool decoding : {true, false})
    for (size_t i = 0; i < entries.size(); ++i) {
      size_t index = (start + i) % entries.size();
      size_t waiting = entries[index].session->pending().size();
      if (waiting == 0 || (waiting == 1) != decoding)
        continue;
      if (dims_.tokens == maxTokens_)
        return Status::ok();
      // A session that finds no memory now may find some when another ends.
      if (Status added = addPart(entries[index]); added.isOk())
        nextEntry_ = index + 1;
      else if (added.code() == StatusCode::OutOfMemory)
        refused = added;
      else
        return added;
    }
  return parts_.empty() ? refused : Status::ok();
}

void Scheduler::bindPageTables() {
  size_t rowSize = runner_->shape().cache.maxPages();
  for (size_t group = 0; group < groups_.size(); ++group) {
    // A single session's table is used in place. Of several, the entries that
    // a step can ask for are gathered, one row a session.
    if (parts_.size() == 1) {
      groups_[group].page_table = parts_[0].session->pages_.row(group);
      continue;
    }
    auto *table = tables_[group].as<int32_t>();
    groups_[group].page_table = table;
    uint32_t pageTokens = runner_->shape().cache.pageTokens;
    for (const Part &part : parts_) {
      size_t end = part.session->position() + part.count;
      std::copy_n(part.session->pages_.row(group),
                  (end + pageTokens - 1) / pageTokens, table);
      table += rowSize;
    }
  }
}

Status Scheduler::run(const goss_step_args &args, DispatchObserver *observer) {
  if (std::ranges::count(chosen_, wholeRow) == std::ssize(chosen_))
    return runner_->run(args, observer);
  GOSS_RETURN_IF_ERROR(runner_->runAndChoose(args, wanted_, chosen_, observer));
  for (size_t i = 0; i < rows_.size(); ++i)
    rows_[i].token = chosen_[i];
  return Status::ok();
}

Expected<std::span<const LogitsRow>>
Scheduler::step(std::span<const StepEntry> entries,
                DispatchObserver *observer) {
  GOSS_RETURN_IF_ERROR(choose(entries));
  dims_.outputs = static_cast<int64_t>(rows_.size());
  dims_.sequences = static_cast<int64_t>(parts_.size());
  if (dims_.tokens == 0)
    return std::span<const LogitsRow>();
  bindPageTables();
  goss_step_args args{};
  args.dims = dims_;
  args.tokens = tokens_.as<int32_t>();
  args.positions = positions_.as<int32_t>();
  args.sequences = sequences_.as<int32_t>();
  args.outputs = outputs_.as<int32_t>();
  args.logits = logits_.as<float>();
  args.arena = arena_.data();
  args.caches = groups_.data();
  GOSS_RETURN_IF_ERROR(run(args, observer));
  GOSS_RETURN_IF_ERROR(runner_->device().synchronize());
  for (const Part &part : parts_)
    part.session->advance(part.count);
  return std::span<const LogitsRow>(rows_);
}

Expected<std::span<const float>> Scheduler::drain(Session &session,
                                                  DispatchObserver *observer) {
  if (session.pending().empty())
    return internalError("drain: the session has no waiting tokens");
  StepEntry entry{&session};
  for (;;) {
    GOSS_ASSIGN_OR_RETURN(std::span<const LogitsRow> rows,
                          step({&entry, 1}, observer));
    if (!rows.empty())
      return rows[0].values;
  }
}
