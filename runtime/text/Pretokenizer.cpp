//===- Pretokenizer.cpp - Cutting text into pieces ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Pretokenizer.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <cstdint>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

using namespace gossamer;

namespace {

template <auto Free> struct Deleter {
  template <typename T> void operator()(T *object) const { Free(object); }
};
using CodePtr = std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>>;
using MatchDataPtr =
    std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using MatchContextPtr =
    std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using CompileContextPtr =
    std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context_free>>;
using JitStackPtr =
    std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

/// Steps that one match may take: enough for any text and the published
/// expression, which is linear; a bound for those that are not.
constexpr uint64_t kBaseSteps = 10'000'000;
constexpr uint64_t kStepsPerByte = 64;
constexpr size_t kMaxJitStackBytes = size_t(64) << 20;
constexpr uint32_t kMaxHeapKib = 512 * 1024;

PCRE2_SPTR bytes(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

std::string errorText(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char *>(buffer);
}

/// PCRE2's \s takes in U+180E, which has not been White_Space since Unicode
/// 6.3; the property is what every other tokenizer means.
std::string rewriteWhiteSpace(std::string_view pattern) {
  std::string result;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      result += pattern[i];
      continue;
    }
    char escaped = pattern[++i];
    if (escaped == 's')
      result += "\\p{White_Space}";
    else if (escaped == 'S')
      result += "\\P{White_Space}";
    else
      (result += '\\') += escaped;
  }
  return result;
}

} // namespace

struct Pretokenizer::Code {
  CodePtr code;
};

Pretokenizer::Pretokenizer(std::unique_ptr<Code> code)
    : code_(std::move(code)) {}
Pretokenizer::Pretokenizer(Pretokenizer &&) noexcept = default;
Pretokenizer &Pretokenizer::operator=(Pretokenizer &&) noexcept = default;
Pretokenizer::~Pretokenizer() = default;

Expected<Pretokenizer> Pretokenizer::create(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kMaxPatternBytes)
    return invalidData("regular expression: expects 1 to " +
                       std::to_string(kMaxPatternBytes) + " bytes but got " +
                       std::to_string(pattern.size()));
  if (pattern.find("\\Q") != std::string_view::npos)
    return invalidData("regular expression: \\Q is not supported");
  std::string rewritten = rewriteWhiteSpace(pattern);

  CompileContextPtr context(pcre2_compile_context_create(nullptr));
  if (!context)
    return outOfMemory("no memory to compile a regular expression");
  // The expression comes from a file: nothing in it may recurse deeply.
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  PCRE2_SIZE offset = 0;
  constexpr uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  CodePtr code(pcre2_compile(bytes(rewritten), rewritten.size(), options,
                             &error, &offset, context.get()));
  if (!code)
    return invalidData("regular expression: " + errorText(error) +
                       " at offset " + std::to_string(offset) + " of " +
                       quoteText(rewritten));
  // Where no executable memory is to be had, the interpreter does the work.
  (void)pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return Pretokenizer(std::make_unique<Code>(Code{std::move(code)}));
}

struct PieceReader::State {
  MatchDataPtr data;
  MatchContextPtr context;
  JitStackPtr stack; ///< made when the machine stack's 32 KiB are too small.

  bool growStack() {
    if (stack)
      return false;
    stack.reset(pcre2_jit_stack_create(32 * 1024, kMaxJitStackBytes, nullptr));
    if (stack)
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    return stack != nullptr;
  }
};

PieceReader::PieceReader(const Pretokenizer &pretokenizer)
    : pretokenizer_(pretokenizer), state_(std::make_unique<State>()) {
  state_->data.reset(pcre2_match_data_create(1, nullptr));
  state_->context.reset(pcre2_match_context_create(nullptr));
}

PieceReader::~PieceReader() = default;

void PieceReader::reset(std::string_view text) {
  text_ = text;
  position_ = searchFrom_ = matchBegin_ = matchEnd_ = 0;
  if (!state_->context)
    return;
  auto steps = static_cast<uint32_t>(
      std::min<uint64_t>(kBaseSteps + kStepsPerByte * text.size(), UINT32_MAX));
  pcre2_set_match_limit(state_->context.get(), steps);
  pcre2_set_depth_limit(state_->context.get(), steps);
  pcre2_set_heap_limit(state_->context.get(), kMaxHeapKib);
}

Expected<bool> PieceReader::match(size_t from) {
  if (!state_->data || !state_->context)
    return outOfMemory("no memory to match a regular expression");
  const pcre2_code *code = pretokenizer_.code_->code.get();
  uint32_t options = PCRE2_NO_UTF_CHECK;
  int result;
  do {
    result = pcre2_match(code, bytes(text_), text_.size(), from, options,
                         state_->data.get(), state_->context.get());
    if (result == PCRE2_ERROR_JIT_STACKLIMIT && !state_->growStack())
      options |= PCRE2_NO_JIT; // the interpreter keeps its stack on the heap.
  } while (result == PCRE2_ERROR_JIT_STACKLIMIT);
  if (result == PCRE2_ERROR_NOMATCH)
    return false;
  if (result == PCRE2_ERROR_NOMEMORY)
    return outOfMemory("no memory to match a regular expression");
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(state_->data.get());
  if (result < 0 || range[0] < from || range[1] < range[0])
    return invalidData(
        "regular expression: fails at byte " + std::to_string(from) +
        " of the text: " +
        (result < 0 ? errorText(result) : "the match begins before it"));
  matchBegin_ = range[0];
  matchEnd_ = range[1];
  return true;
}

Expected<bool> PieceReader::next(std::string_view &piece) {
  auto take = [&](size_t end) {
    piece = text_.substr(position_, end - position_);
    position_ = end;
    return true;
  };
  if (matchEnd_ > position_)
    return take(matchEnd_);
  while (position_ < text_.size()) {
    searchFrom_ = std::max(searchFrom_, position_);
    bool found = false;
    if (searchFrom_ < text_.size()) {
      GOSS_ASSIGN_OR_RETURN(found, match(searchFrom_));
    }
    if (!found)
      return take(text_.size());
    // An empty match makes no piece, but ends the one before it.
    if (matchBegin_ == matchEnd_ && matchEnd_ < text_.size())
      searchFrom_ = matchEnd_ + readUtf8(text_.substr(matchEnd_)).length;
    if (matchBegin_ > position_)
      return take(matchBegin_);
    if (matchEnd_ > matchBegin_)
      return take(matchEnd_);
  }
  return false;
}
