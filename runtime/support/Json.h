//===- Json.h - Reading JSON with precise errors ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A JSON text parsed into an immutable tree. Stricter than most readers:
// duplicate names, invalid UTF-8, trailing text and deep nesting are refused.
// Every value knows its place, so that a wrong one is reported as
//   config.json: field "rope_scaling.factor": expects a number but got "abc"
//
//   GOSS_ASSIGN_OR_RETURN(JsonDocument config, JsonDocument::load(path));
//   JsonValue root = config.root();
//   GOSS_ASSIGN_OR_RETURN(int64_t hidden,
//                         root.getInteger("hidden_size", 1, 1 << 20));
//   for (JsonValue type : root.find("layer_types")) ...
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_JSON_H
#define GOSSAMER_RUNTIME_SUPPORT_JSON_H

#include "runtime/support/Status.h"
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

enum class JsonKind : uint8_t {
  Absent, ///< no value: what find() returns for a name that is not there.
  Null,
  Boolean,
  Integer, ///< a number without fraction and exponent that fits int64_t.
  Number,  ///< any other finite number, as the nearest double.
  String,
  Array,
  Object,
};

/// Bounds on what a text may ask of memory.
struct JsonLimits {
  size_t maxBytes = size_t(1) << 30;
  size_t maxValues = size_t(1) << 26;
  unsigned maxDepth = 128; ///< arrays and objects around a value.
};

namespace detail {
struct JsonTree;
struct JsonNode;
} // namespace detail

/// One value of a document: a small handle to copy freely. Valid while its
/// JsonDocument lives (moving the document is fine), as are the string views
/// it returns. Thread-safe to read.
class JsonValue {
public:
  class Iterator;

  /// An absent value.
  JsonValue() = default;

  JsonKind kind() const;
  bool isPresent() const { return kind() != JsonKind::Absent; }
  bool isNull() const { return kind() == JsonKind::Null; }
  bool isString() const { return kind() == JsonKind::String; }
  bool isArray() const { return kind() == JsonKind::Array; }
  bool isObject() const { return kind() == JsonKind::Object; }
  bool isInteger() const { return kind() == JsonKind::Integer; }
  bool isNumber() const { return isInteger() || kind() == JsonKind::Number; }

  /// Name of this member of an object; empty for elements and the root.
  std::string_view name() const;
  /// Place in the document: "rope_scaling.factor", "layer_types[3]", "" for
  /// the root.
  std::string path() const;
  /// The value for a message: `"abc"`, `12`, `null`, `an array of 3 elements`.
  std::string describe() const;
  /// The failure `SOURCE: field "PATH": MESSAGE`.
  Status error(std::string_view message) const;
  /// The failure `SOURCE: field "PATH": expects EXPECTED but got VALUE`.
  Status mismatch(std::string_view expected) const;

  /// Elements or members, in the order of the text; nothing for other kinds.
  size_t size() const;
  Iterator begin() const;
  Iterator end() const;

  /// The member `name`, or an absent value (also when this is no object).
  /// Takes time in proportion to the number of members.
  JsonValue find(std::string_view name) const;
  /// The member `name`, or the failure that it is missing.
  Expected<JsonValue> get(std::string_view name) const;

  /// @name This value as a type, or the failure that says what it is.
  /// @{
  Expected<bool> asBool() const;
  Expected<int64_t>
  asInteger(int64_t min = std::numeric_limits<int64_t>::min(),
            int64_t max = std::numeric_limits<int64_t>::max()) const;
  /// Integers count as numbers; min and max are inclusive.
  Expected<double>
  asNumber(double min = std::numeric_limits<double>::lowest(),
           double max = std::numeric_limits<double>::max()) const;
  Expected<std::string> asString() const;
  /// This value itself, checked to be an array or object.
  Expected<JsonValue> asArray() const;
  Expected<JsonValue> asObject() const;
  Expected<std::vector<int64_t>>
  asIntegers(int64_t min = std::numeric_limits<int64_t>::min(),
             int64_t max = std::numeric_limits<int64_t>::max()) const;
  Expected<std::vector<std::string>> asStrings() const;
  /// @}

  /// The content of a string without a copy; empty for other kinds.
  std::string_view text() const;

  /// @name The member `name` as a type. The forms with a fallback return it
  /// when the member is missing or null; a member of a wrong type fails.
  /// @{
  Expected<bool> getBool(std::string_view name) const;
  Expected<bool> getBoolOr(std::string_view name, bool fallback) const;
  Expected<int64_t>
  getInteger(std::string_view name,
             int64_t min = std::numeric_limits<int64_t>::min(),
             int64_t max = std::numeric_limits<int64_t>::max()) const;
  Expected<int64_t>
  getIntegerOr(std::string_view name, int64_t fallback,
               int64_t min = std::numeric_limits<int64_t>::min(),
               int64_t max = std::numeric_limits<int64_t>::max()) const;
  Expected<double>
  getNumber(std::string_view name,
            double min = std::numeric_limits<double>::lowest(),
            double max = std::numeric_limits<double>::max()) const;
  Expected<double>
  getNumberOr(std::string_view name, double fallback,
              double min = std::numeric_limits<double>::lowest(),
              double max = std::numeric_limits<double>::max()) const;
  Expected<std::string> getString(std::string_view name) const;
  Expected<std::string> getStringOr(std::string_view name,
                                    std::string_view fallback) const;
  Expected<JsonValue> getArray(std::string_view name) const;
  Expected<JsonValue> getObject(std::string_view name) const;
  /// @}

private:
  friend class JsonDocument;
  friend class JsonWriter;
  JsonValue(const detail::JsonTree *tree, uint32_t node)
      : tree_(tree), node_(node) {}
  const detail::JsonNode &node() const;
  bool asBoolUnchecked() const;
  int64_t asIntegerUnchecked() const;
  double asNumberUnchecked() const;

  const detail::JsonTree *tree_ = nullptr;
  uint32_t node_ = 0;
};

/// Walks the children of an array or object.
class JsonValue::Iterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = JsonValue;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = JsonValue;

  JsonValue operator*() const { return {tree_, node_}; }
  Iterator &operator++();
  bool operator==(const Iterator &other) const { return node_ == other.node_; }
  bool operator!=(const Iterator &other) const { return node_ != other.node_; }

private:
  friend class JsonValue;
  Iterator(const detail::JsonTree *tree, uint32_t node)
      : tree_(tree), node_(node) {}

  const detail::JsonTree *tree_;
  uint32_t node_;
};

/// Owns the tree of one text. Movable; immutable, so thread-safe to read.
class JsonDocument {
public:
  /// Parses `text`; `source` is what messages call it. The text is copied.
  static Expected<JsonDocument> parse(std::string_view text, std::string source,
                                      const JsonLimits &limits = {});
  /// Parses the file `path`; messages call it by `path`.
  static Expected<JsonDocument> load(const std::string &path,
                                     const JsonLimits &limits = {});

  JsonDocument(JsonDocument &&) noexcept;
  JsonDocument &operator=(JsonDocument &&) noexcept;
  ~JsonDocument();

  JsonValue root() const;
  const std::string &source() const;

private:
  explicit JsonDocument(std::unique_ptr<detail::JsonTree> tree);

  std::unique_ptr<detail::JsonTree> tree_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_JSON_H
