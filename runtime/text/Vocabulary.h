//===- Vocabulary.h - Tokens and merges in flat tables ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The data of a byte-pair encoding. Both tables keep everything in a few
// arrays, so that 200,000 tokens and 450,000 merges load in milliseconds.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_VOCABULARY_H
#define GOSSAMER_RUNTIME_TEXT_VOCABULARY_H

#include "runtime/support/Status.h"
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Tokens, by id and by bytes. Immutable after create.
class TokenTable {
public:
  static constexpr uint32_t kNone = UINT32_MAX;
  /// Ids lie below this.
  static constexpr uint32_t kMaxIds = 1u << 22;
  static constexpr uint32_t kMaxSpecials = 1u << 16;

  /// The plain data. Token `id` is bytes[offsets[id], offsets[id+1]); an id
  /// without bytes has no text.
  struct Data {
    std::vector<uint32_t> offsets;
    std::string bytes;
    std::vector<uint32_t> specials; ///< ids of control tokens, ascending.
  };

  /// Checks `data` and builds the lookup tables. Every single byte must be a
  /// token, and no two tokens may have the same bytes.
  static Expected<TokenTable> create(Data data);

  const Data &data() const { return data_; }
  /// One more than the largest id.
  uint32_t size() const {
    return static_cast<uint32_t>(data_.offsets.size() - 1);
  }
  /// The bytes of `id`, which must be below size().
  std::string_view bytes(uint32_t id) const {
    return std::string_view(data_.bytes)
        .substr(data_.offsets[id], data_.offsets[id + 1] - data_.offsets[id]);
  }
  /// The ordinary token with exactly these bytes, or kNone.
  uint32_t find(std::string_view bytes) const;
  uint32_t byteToken(uint8_t byte) const { return byteTokens_[byte]; }

  bool isSpecial(uint32_t id) const;
  /// The control token with this name, or kNone.
  uint32_t findSpecial(std::string_view name) const;
  /// The control token that `text` begins with (the longest), or kNone.
  uint32_t matchSpecial(std::string_view text) const;

private:
  TokenTable() = default;
  Status checkOffsets() const;
  Status indexTokens();
  /// The slot of the token with these bytes, or the free one it would take.
  size_t findSlot(std::string_view bytes, uint64_t hash) const;
  Status indexSpecials();

  Data data_;
  /// Open addressing: the upper half of a slot is that of the token's hash,
  /// so that few bytes are compared in vain; the lower half is the id, or
  /// kNone in a free slot.
  std::vector<uint64_t> slots_;
  std::array<uint32_t, 256> byteTokens_;
  /// Control tokens by first byte, the longest first.
  std::array<std::vector<uint32_t>, 256> specialsByByte_;
};

/// Which neighbouring tokens merge, and in which order. The pairs are grouped
/// by their left token and sorted by their right one, which needs no hash
/// table to be built. Immutable after create.
class MergeTable {
public:
  struct Merge {
    uint32_t rank; ///< smaller merges first.
    uint32_t token;
  };

  /// The merges whose left token is `id` are entries [offsets[id],
  /// offsets[id+1]) of the other arrays, with ascending `rights`.
  struct Data {
    std::vector<uint32_t> offsets;
    std::vector<uint32_t> rights;
    std::vector<uint32_t> ranks;
    std::vector<uint32_t> results;
  };

  /// One merge in the order of a file; its index is its rank.
  struct Entry {
    uint32_t left;
    uint32_t right;
    uint32_t result;
  };

  /// Groups `entries` (of tokens below `tokenCount`). Fails when a pair
  /// appears twice.
  static Expected<Data> group(const std::vector<Entry> &entries,
                              uint32_t tokenCount);

  /// Checks that `data` speaks of `tokens` and that each result is an ordinary
  /// token as long as its parts together. (That the bytes agree as well is up
  /// to whoever makes the data: comparing them would double the load time.)
  static Expected<MergeTable> create(Data data, const TokenTable &tokens);

  const Data &data() const { return data_; }
  std::optional<Merge> find(uint32_t left, uint32_t right) const;

private:
  MergeTable() = default;

  Data data_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_VOCABULARY_H
