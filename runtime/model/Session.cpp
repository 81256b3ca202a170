//===- Session.cpp - One sequence and its cache ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Session.h"

#include <algorithm>
#include <string>

using namespace gossamer;

Expected<Session> Session::create(std::shared_ptr<KvCache> cache) {
  GOSS_ASSIGN_OR_RETURN(PageTable pages, PageTable::create(std::move(cache)));
  Session session(std::move(pages));
  // Appending during generation never allocates.
  session.tokens_.reserve(session.maxContext());
  return session;
}

Status Session::check(std::span<const int32_t> tokens, size_t present) const {
  uint32_t vocabulary = pages_.cache()->runner().shape().vocabularySize;
  if (tokens.size() > maxContext() - present) {
    std::string message = "prompt of " + std::to_string(tokens.size()) +
                          " tokens does not fit the context of " +
                          std::to_string(maxContext());
    if (present)
      message += " after " + std::to_string(present) + " earlier tokens";
    return invalidData(message);
  }
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= vocabulary)
      return invalidData("token " + std::to_string(i) +
                         ": expects an id below " + std::to_string(vocabulary) +
                         " but got " + std::to_string(tokens[i]));
  return Status::ok();
}

Status Session::append(std::span<const int32_t> tokens) {
  GOSS_RETURN_IF_ERROR(check(tokens, tokens_.size()));
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return Status::ok();
}

Status Session::assign(std::span<const int32_t> tokens) {
  if (tokens.empty())
    return invalidData("prompt is empty: expects at least one token");
  GOSS_RETURN_IF_ERROR(check(tokens, 0));
  size_t limit = std::min<size_t>(position_, tokens.size() - 1);
  auto different =
      std::mismatch(tokens.begin(), tokens.begin() + limit, tokens_.begin());
  auto common = static_cast<uint32_t>(different.first - tokens.begin());
  if (!pages_.canTruncate(common))
    common = 0;
  pages_.truncate(common);
  position_ = common;
  tokens_.assign(tokens.begin(), tokens.end());
  return Status::ok();
}

Expected<Session> Session::fork() const {
  GOSS_ASSIGN_OR_RETURN(PageTable pages, pages_.fork());
  Session copy(std::move(pages));
  copy.tokens_.reserve(maxContext());
  copy.tokens_.assign(tokens_.begin(), tokens_.end());
  copy.position_ = position_;
  return copy;
}

Status Session::truncate(uint32_t position) {
  if (position > tokens_.size())
    return invalidData("truncate: expects a position of at most " +
                       std::to_string(tokens_.size()) + " but got " +
                       std::to_string(position));
  if (position < position_) {
    if (!pages_.canTruncate(position))
      return invalidData("truncate: the keys before position " +
                         std::to_string(position) +
                         " have left the sliding window");
    pages_.truncate(position);
    position_ = position;
  }
  tokens_.resize(position);
  return Status::ok();
}

void Session::advance(uint32_t count) {
  position_ += count;
  pages_.evict(position_);
}
