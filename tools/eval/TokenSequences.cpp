//===- TokenSequences.cpp - The tokens of an evaluation -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/eval/TokenSequences.h"

#include "runtime/support/JsonWriter.h"
#include "runtime/weights/Npy.h"
#include "runtime/weights/Safetensors.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <charconv>

namespace gossamer::tools {

uint64_t TokenSequences::tokenCount() const {
  uint64_t count = 0;
  for (const std::vector<int32_t> &row : rows)
    count += row.size();
  return count;
}

Status TokenSequences::check(const StepShape &shape) const {
  if (tokenCount() == 0)
    return invalidData(source + ": expects at least one token but got none");
  uint32_t context = shape.cache.maxContext;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<int32_t> &row = rows[i];
    std::string place = source + ": sequence " + std::to_string(i);
    if (row.size() > context)
      return invalidData(place + ": expects at most " +
                         std::to_string(context) +
                         " tokens, the model's context, but got " +
                         std::to_string(row.size()));
    auto bad = std::find_if(row.begin(), row.end(), [&](int32_t id) {
      return id < 0 || static_cast<uint32_t>(id) >= shape.vocabularySize;
    });
    if (bad != row.end())
      return invalidData(
          place + ", position " + std::to_string(bad - row.begin()) +
          ": expects an id below " + std::to_string(shape.vocabularySize) +
          " but got " + std::to_string(*bad));
  }
  return Status::ok();
}

Expected<TokenSequences> parseTokenSequences(std::string_view text,
                                             const std::string &source) {
  constexpr std::string_view separators = ", \t\r\v\f";
  TokenSequences sequences{source, {}};
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::vector<int32_t> row;
    while (true) {
      line.remove_prefix(
          std::min(line.find_first_not_of(separators), line.size()));
      if (line.empty())
        break;
      std::string_view word = line.substr(0, line.find_first_of(separators));
      int32_t id = 0;
      auto [end, error] =
          std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc() || end != word.data() + word.size())
        return invalidData(source + ": line " + std::to_string(number) +
                           ": expects token ids such as 1,2,3 but got " +
                           quoteText(word));
      row.push_back(id);
      line.remove_prefix(word.size());
    }
    if (!row.empty())
      sequences.rows.push_back(std::move(row));
  }
  return sequences;
}

static Expected<TokenSequences> readNpySequences(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(NpyFile file, NpyFile::open(path));
  std::span<const uint64_t> shape = file.shape();
  if (file.type() != NpyType::I32)
    return invalidData(path + ": expects int32 token ids but got float32");
  if (shape.empty() || shape.size() > 2)
    return invalidData(path +
                       ": expects token ids of shape [T] or [N, T] but "
                       "got " +
                       shapeText(shape));
  TokenSequences sequences{path, {}};
  // Without elements a shape may ask for any number of rows.
  uint64_t count = shape.size() == 1 ? 1 : shape[0];
  uint64_t length = file.elementCount() ? shape.back() : 0;
  for (uint64_t i = 0; length && i < count; ++i) {
    std::vector<int32_t> &row = sequences.rows.emplace_back(length);
    file.read(i * length, row);
  }
  return sequences;
}

Expected<TokenSequences> readTokenSequences(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
  if (path != "-" && NpyFile::hasMagic(text))
    return readNpySequences(path);
  return parseTokenSequences(text, path == "-" ? "standard input" : path);
}

KeptRows::KeptRows(const TokenSequences &sequences, uint64_t last)
    : firstRows_(1, 0) {
  for (const std::vector<int32_t> &row : sequences.rows) {
    uint64_t kept = last ? std::min<uint64_t>(last, row.size()) : row.size();
    begins_.push_back(row.size() - kept);
    firstRows_.push_back(firstRows_.back() + kept);
  }
}

bool KeptRows::isUniform() const {
  uint64_t count = sequenceCount() ? firstRows_[1] : 0;
  for (size_t i = 0; i < firstRows_.size(); ++i)
    if (firstRows_[i] != i * count)
      return false;
  return true;
}

std::vector<uint64_t> KeptRows::getShape(uint64_t columns) const {
  if (sequenceCount() > 1 && isUniform())
    return {sequenceCount(), firstRows_[1], columns};
  return {rowCount(), columns};
}

} // namespace gossamer::tools
