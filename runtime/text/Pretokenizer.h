//===- Pretokenizer.h - Cutting text into pieces ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Runs the regular expression of tokenizer.json (Split, "Isolated"): every
// match is a piece, and so is every stretch between matches. Tokens never
// cross pieces. Character classes are those of PCRE2's Unicode version: text in
// characters younger than that may be cut elsewhere than by other tokenizers.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_PRETOKENIZER_H
#define GOSSAMER_RUNTIME_TEXT_PRETOKENIZER_H

#include "runtime/support/Status.h"
#include <memory>
#include <string>
#include <string_view>

namespace gossamer {

/// A compiled expression. Immutable: any number of PieceReaders may use it at
/// the same time.
class Pretokenizer {
public:
  /// Longest pattern that is accepted, in bytes.
  static constexpr size_t kMaxPatternBytes = 1 << 16;

  /// Compiles `pattern`, with `\s` meaning Unicode White_Space and letter case
  /// folded as Unicode says. InvalidData names the place of a mistake.
  static Expected<Pretokenizer> create(std::string_view pattern);

  Pretokenizer(Pretokenizer &&) noexcept;
  Pretokenizer &operator=(Pretokenizer &&) noexcept;
  ~Pretokenizer();

private:
  friend class PieceReader;
  struct Code;
  explicit Pretokenizer(std::unique_ptr<Code> code);

  std::unique_ptr<Code> code_;
};

/// Reads the pieces of one text from front to back. Not thread-safe.
class PieceReader {
public:
  /// The Pretokenizer and every text read must outlive the reader.
  explicit PieceReader(const Pretokenizer &pretokenizer);
  ~PieceReader();

  /// Begins `text`, which must be well-formed UTF-8.
  void reset(std::string_view text);

  /// Sets `piece` to the next piece, which is never empty; false at the end of
  /// the text. Fails when matching needs more than the limits allow, which an
  /// expression with nested repetition can bring about.
  Expected<bool> next(std::string_view &piece);

private:
  struct State;
  /// Finds the first match at or after `from`; false when there is none.
  Expected<bool> match(size_t from);

  const Pretokenizer &pretokenizer_;
  std::unique_ptr<State> state_;
  std::string_view text_;
  size_t position_ = 0;   ///< everything before is in pieces already.
  size_t searchFrom_ = 0; ///< no match begins before.
  size_t matchBegin_ = 0; ///< the match found last; pending when it ends
  size_t matchEnd_ = 0;   ///< behind position_.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_PRETOKENIZER_H
