//===- Vocabulary.cpp - Tokens and merges in flat tables ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Vocabulary.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

using namespace gossamer;

namespace {

/// Multiplicative hash of eight bytes at a time.
uint64_t hashBytes(std::string_view bytes) {
  constexpr uint64_t multiplier = 0x9E3779B97F4A7C15u;
  uint64_t hash = bytes.size() * multiplier;
  auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * multiplier;
    hash ^= hash >> 32;
  };
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
    bytes.remove_prefix(8);
  }
  uint64_t last = 0;
  std::memcpy(&last, bytes.data(), bytes.size());
  mix(last);
  return hash;
}

std::string number(uint64_t value) { return std::to_string(value); }

/// Whether `offsets` are `count`+1 ascending positions from 0 to `end`.
bool areOffsets(const std::vector<uint32_t> &offsets, uint64_t count,
                uint64_t end) {
  return offsets.size() == count + 1 && offsets.front() == 0 &&
         offsets.back() == end &&
         std::is_sorted(offsets.begin(), offsets.end());
}

} // namespace

//===----------------------------------------------------------------------===//
// TokenTable
//===----------------------------------------------------------------------===//

Expected<TokenTable> TokenTable::create(Data data) {
  TokenTable table;
  table.data_ = std::move(data);
  GOSS_RETURN_IF_ERROR(table.checkOffsets());
  GOSS_RETURN_IF_ERROR(table.indexSpecials());
  GOSS_RETURN_IF_ERROR(table.indexTokens());
  return table;
}

Status TokenTable::checkOffsets() const {
  size_t count = data_.offsets.size();
  if (count == 0 || count - 1 > kMaxIds)
    return invalidData("vocabulary: expects at most " + number(kMaxIds) +
                       " tokens but got " + number(count));
  if (!areOffsets(data_.offsets, count - 1, data_.bytes.size()))
    return invalidData("vocabulary: expects ascending offsets up to " +
                       number(data_.bytes.size()) + " but got others");
  return Status::ok();
}

Status TokenTable::indexSpecials() {
  if (data_.specials.size() > kMaxSpecials)
    return invalidData("control tokens: expects at most " +
                       number(kMaxSpecials) + " but got " +
                       number(data_.specials.size()));
  uint32_t lowest = 0;
  for (uint32_t id : data_.specials) {
    if (id < lowest || id >= size())
      return invalidData("control tokens: expects ascending ids below " +
                         number(size()) + " but got " + number(id));
    lowest = id + 1;
    std::string_view name = bytes(id);
    if (name.empty())
      return invalidData("control token " + number(id) +
                         ": expects a name but got an empty one");
    specialsByByte_[static_cast<uint8_t>(name.front())].push_back(id);
  }
  for (std::vector<uint32_t> &ids : specialsByByte_) {
    std::sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) {
      std::string_view nameA = bytes(a), nameB = bytes(b);
      return nameA.size() != nameB.size() ? nameA.size() > nameB.size()
                                          : nameA < nameB;
    });
    auto twice =
        std::adjacent_find(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) {
          return bytes(a) == bytes(b);
        });
    if (twice != ids.end())
      return invalidData("control tokens " + number(twice[0]) + " and " +
                         number(twice[1]) +
                         ": expects different names but got the same one");
  }
  return Status::ok();
}

Status TokenTable::indexTokens() {
  // At most 4/5 full: a smaller table misses the cache less often.
  slots_.assign(std::bit_ceil(16 + size_t(size()) * 5 / 4), kNone);
  byteTokens_.fill(kNone);
  auto special = data_.specials.begin();
  for (uint32_t id = 0; id < size(); ++id) {
    if (special != data_.specials.end() && *special == id) {
      ++special;
      continue;
    }
    std::string_view text = bytes(id);
    if (text.empty())
      continue;
    const uint64_t hash = hashBytes(text);
    uint64_t &slot = slots_[findSlot(text, hash)];
    if (static_cast<uint32_t>(slot) != kNone)
      return invalidData("tokens " + number(static_cast<uint32_t>(slot)) +
                         " and " + number(id) +
                         ": expects different bytes but got the same");
    slot = (hash & ~uint64_t(UINT32_MAX)) | id;
    if (text.size() == 1)
      byteTokens_[static_cast<uint8_t>(text[0])] = id;
  }
  for (unsigned byte = 0; byte < 256; ++byte)
    if (byteTokens_[byte] == kNone)
      return invalidData("vocabulary: expects a token for every single byte "
                         "but got none for byte " +
                         number(byte));
  return Status::ok();
}

size_t TokenTable::findSlot(std::string_view text, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    auto id = static_cast<uint32_t>(slots_[i]);
    if (id == kNone || (slots_[i] >> 32 == hash >> 32 && bytes(id) == text))
      return i;
  }
}

uint32_t TokenTable::find(std::string_view text) const {
  return static_cast<uint32_t>(slots_[findSlot(text, hashBytes(text))]);
}

bool TokenTable::isSpecial(uint32_t id) const {
  // Control tokens usually lie behind all others.
  if (data_.specials.empty() || id < data_.specials.front())
    return false;
  return std::binary_search(data_.specials.begin(), data_.specials.end(), id);
}

uint32_t TokenTable::findSpecial(std::string_view name) const {
  uint32_t id = matchSpecial(name);
  return id != kNone && bytes(id).size() == name.size() ? id : kNone;
}

uint32_t TokenTable::matchSpecial(std::string_view text) const {
  if (text.empty())
    return kNone;
  for (uint32_t id : specialsByByte_[static_cast<uint8_t>(text.front())])
    if (text.substr(0, bytes(id).size()) == bytes(id))
      return id;
  return kNone;
}

//===----------------------------------------------------------------------===//
// MergeTable
//===----------------------------------------------------------------------===//

Expected<MergeTable::Data> MergeTable::group(const std::vector<Entry> &entries,
                                             uint32_t tokenCount) {
  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  auto pairOf = [&](uint32_t i) {
    return uint64_t(entries[i].left) << 32 | entries[i].right;
  };
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return pairOf(a) != pairOf(b) ? pairOf(a) < pairOf(b) : a < b;
  });

  Data data;
  data.offsets.assign(size_t(tokenCount) + 1, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const Entry &entry = entries[order[i]];
    if (i > 0 && pairOf(order[i]) == pairOf(order[i - 1]))
      return invalidData("merges " + number(order[i - 1]) + " and " +
                         number(order[i]) +
                         ": expects different pairs but got the same");
    ++data.offsets[entry.left + 1];
    data.rights.push_back(entry.right);
    data.ranks.push_back(order[i]);
    data.results.push_back(entry.result);
  }
  std::partial_sum(data.offsets.begin(), data.offsets.end(),
                   data.offsets.begin());
  return data;
}

Expected<MergeTable> MergeTable::create(Data data, const TokenTable &tokens) {
  const size_t count = data.rights.size();
  if (!areOffsets(data.offsets, tokens.size(), count) ||
      data.ranks.size() != count || data.results.size() != count)
    return invalidData("merges: expects ascending offsets up to " +
                       number(count) + " for " + number(tokens.size()) +
                       " tokens but got others");
  for (uint32_t left = 0; left < tokens.size(); ++left) {
    uint32_t lowest = 0;
    for (uint32_t i = data.offsets[left]; i < data.offsets[left + 1]; ++i) {
      uint32_t right = data.rights[i], result = data.results[i];
      if (right < lowest || right >= tokens.size() || result >= tokens.size() ||
          data.ranks[i] >= count)
        return invalidData("merge " + number(i) +
                           ": expects ascending tokens below " +
                           number(tokens.size()) + " but got " + number(left) +
                           " + " + number(right) + " = " + number(result));
      lowest = right + 1;
      if (tokens.isSpecial(result) ||
          tokens.bytes(result).size() !=
              tokens.bytes(left).size() + tokens.bytes(right).size())
        return invalidData("merge " + number(i) +
                           ": expects an ordinary token as long as tokens " +
                           number(left) + " and " + number(right) +
                           " together but got token " + number(result));
    }
  }
  MergeTable table;
  table.data_ = std::move(data);
  return table;
}

std::optional<MergeTable::Merge> MergeTable::find(uint32_t left,
                                                  uint32_t right) const {
  auto begin = data_.rights.begin() + data_.offsets[left];
  auto end = data_.rights.begin() + data_.offsets[left + 1];
  auto found = std::lower_bound(begin, end, right);
  if (found == end || *found != right)
    return std::nullopt;
  auto i = static_cast<size_t>(found - data_.rights.begin());
  return Merge{data_.ranks[i], data_.results[i]};
}
