//===- JsonParser.cpp - Building the tree of a JSON text ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The grammar is nlohmann's event parser; the tree, the limits and the
// messages are ours. The parser keeps its own stack, so depth costs no C++
// recursion.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonTree.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/MappedFile.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using namespace gossamer;
using namespace gossamer::detail;

namespace {

/// Receives the parser's events. A handler that returns false stops the
/// parser after it has set `failure`. (Names with underscores are the
/// interface that the parser asks for.)
class TreeBuilder {
public:
  TreeBuilder(JsonTree &tree, std::string_view text, const JsonLimits &limits)
      : tree_(tree), input_(text), limits_(limits) {}

  std::string failure;

  bool null() { return add(JsonKind::Null); }
  bool boolean(bool value) {
    return add(JsonKind::Boolean) && ((last().boolean = value), true);
  }
  // NOLINTBEGIN(readability-identifier-naming)
  bool number_integer(int64_t value) {
    return add(JsonKind::Integer) && ((last().integer = value), true);
  }
  bool number_unsigned(uint64_t value) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return number_float(static_cast<double>(value), {});
    return number_integer(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string & /*token*/) {
    return add(JsonKind::Number) && ((last().number = value), true);
  }
  bool start_object(size_t) { return enter(JsonKind::Object); }
  bool end_object() { return checkNames() && leave(); }
  bool start_array(size_t) { return enter(JsonKind::Array); }
  bool end_array() { return leave(); }
  bool parse_error(size_t position, const std::string & /*token*/,
                   const nlohmann::json::exception &error) {
    return fail(place(position) + ": " + reason(error.what()));
  }
  // NOLINTEND(readability-identifier-naming)
  bool string(const std::string &value) {
    if (!add(JsonKind::String))
      return false;
    last().text = store(value);
    return true;
  }
  bool binary(const std::vector<uint8_t> &) {
    return fail("holds binary data");
  }
  bool key(const std::string &name) {
    name_ = store(name);
    return true;
  }

private:
  JsonNode &last() { return tree_.nodes.back(); }

  bool fail(std::string message) {
    failure = std::move(message);
    return false;
  }

  JsonText store(std::string_view text) {
    JsonText range{static_cast<uint32_t>(tree_.strings.size()),
                   static_cast<uint32_t>(text.size())};
    tree_.strings += text;
    return range;
  }

  bool add(JsonKind kind) {
    if (tree_.nodes.size() >= limits_.maxValues)
      return fail("expects at most " + std::to_string(limits_.maxValues) +
                  " values but got more");
    JsonNode node;
    node.kind = kind;
    node.name = std::exchange(name_, {});
    node.end = static_cast<uint32_t>(tree_.nodes.size() + 1);
    if (!open_.empty()) {
      node.parent = open_.back();
      ++tree_.nodes[open_.back()].count;
    }
    tree_.nodes.push_back(node);
    return true;
  }

  bool enter(JsonKind kind) {
    if (open_.size() >= limits_.maxDepth)
      return fail("expects at most " + std::to_string(limits_.maxDepth) +
                  " nested arrays and objects but got more");
    if (!add(kind))
      return false;
    last().count = 0;
    open_.push_back(static_cast<uint32_t>(tree_.nodes.size() - 1));
    return true;
  }

  bool leave() {
    tree_.nodes[open_.back()].end = static_cast<uint32_t>(tree_.nodes.size());
    open_.pop_back();
    return true;
  }

  /// Checks that the names of the object that closes differ. Sorting and not
  /// hashing: names chosen to collide cannot make it slow.
  bool checkNames() {
    names_.clear();
    for (uint32_t i = open_.back() + 1; i < tree_.nodes.size();
         i = tree_.nodes[i].end)
      names_.push_back(tree_.text(tree_.nodes[i].name));
    std::sort(names_.begin(), names_.end());
    auto twice = std::adjacent_find(names_.begin(), names_.end());
    if (twice == names_.end())
      return true;
    return fail("the name " + quoteText(*twice) +
                " appears twice in one object");
  }

  /// "line 3, column 14" of the byte after which the parser stopped.
  std::string place(size_t position) const {
    std::string_view before =
        input_.substr(0, position == 0 ? 0 : position - 1);
    size_t line =
        1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    size_t lineStart = before.rfind('\n');
    size_t column = lineStart == std::string_view::npos
                        ? before.size() + 1
                        : before.size() - lineStart;
    return "line " + std::to_string(line) + ", column " +
           std::to_string(column);
  }

  /// The parser's own words without its prefix and without the text it quotes,
  /// which may hold any byte.
  static std::string reason(std::string_view what) {
    if (size_t dash = what.find(" - "); dash != std::string_view::npos)
      what.remove_prefix(dash + 3);
    else if (size_t bracket = what.find("] "); bracket != what.npos)
      what.remove_prefix(bracket + 2);
    std::string result(what.substr(0, what.find("; last read")));
    if (size_t expected = what.rfind("; expected ");
        expected != what.npos && expected >= result.size())
      result += what.substr(expected);
    // A number out of range is quoted whole.
    constexpr size_t maxShown = 200;
    if (result.size() > maxShown)
      result.replace(maxShown, std::string::npos, "...");
    for (char &c : result)
      if (static_cast<unsigned char>(c) < 0x20 ||
          static_cast<unsigned char>(c) > 0x7E)
        c = '?';
    return result;
  }

  JsonTree &tree_;
  std::string_view input_;
  const JsonLimits &limits_;
  JsonText name_;                       ///< of the value that comes next.
  std::vector<uint32_t> open_;          ///< nodes not yet closed.
  std::vector<std::string_view> names_; ///< reused by checkNames.
};

} // namespace

Expected<JsonDocument> JsonDocument::parse(std::string_view text,
                                           std::string source,
                                           const JsonLimits &limits) {
  // Node and string positions are 32 bits wide.
  size_t maxBytes = std::min<size_t>(limits.maxBytes, UINT32_MAX - 1);
  if (text.size() > maxBytes)
    return invalidData(source + ": expects at most " +
                       std::to_string(maxBytes) + " bytes of JSON but got " +
                       std::to_string(text.size()));
  // The parser takes a zero byte for the end of the text; JSON has no place
  // for one.
  if (size_t at = text.find('\0'); at != std::string_view::npos)
    return invalidData(source + ": is not valid JSON: zero byte at offset " +
                       std::to_string(at));
  auto tree = std::make_unique<JsonTree>();
  // No decoded string is longer than its text: the buffer never moves, and
  // views into it stay valid while it grows.
  tree->strings.reserve(text.size());
  TreeBuilder builder(*tree, text, limits);
  bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!parsed)
    return invalidData(source + ": is not valid JSON: " + builder.failure);
  tree->source = std::move(source);
  return JsonDocument(std::move(tree));
}

Expected<JsonDocument> JsonDocument::load(const std::string &path,
                                          const JsonLimits &limits) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return parse(file.text(), path, limits);
}

JsonDocument::JsonDocument(std::unique_ptr<JsonTree> tree)
    : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument &&) noexcept = default;
JsonDocument &JsonDocument::operator=(JsonDocument &&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonValue JsonDocument::root() const { return {tree_.get(), 0}; }
const std::string &JsonDocument::source() const { return tree_->source; }
