//===- Json.cpp - Reading JSON with precise errors ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "runtime/support/JsonTree.h"
#include "runtime/support/JsonWriter.h"
#include <algorithm>

using namespace gossamer;
using namespace gossamer::detail;

namespace {

/// "an integer in [1, 9]", "a number of at least 0", "an integer".
template <typename T> std::string rangeText(const char *noun, T min, T max) {
  JsonWriter low, high;
  low.value(min);
  high.value(max);
  bool hasMin = min != std::numeric_limits<T>::lowest();
  bool hasMax = max != std::numeric_limits<T>::max();
  if (hasMin && hasMax)
    return std::string(noun) + " in [" + low.take() + ", " + high.take() + "]";
  if (hasMin)
    return std::string(noun) + " of at least " + low.take();
  if (hasMax)
    return std::string(noun) + " of at most " + high.take();
  return noun;
}

std::string countText(const char *what, size_t count, const char *noun) {
  return std::string(what) + " of " + std::to_string(count) + " " + noun +
         (count == 1 ? "" : "s");
}

} // namespace

const JsonNode &JsonValue::node() const { return tree_->nodes[node_]; }

JsonKind JsonValue::kind() const {
  return tree_ ? node().kind : JsonKind::Absent;
}

std::string_view JsonValue::name() const {
  return tree_ ? tree_->text(node().name) : std::string_view();
}

std::string JsonValue::path() const {
  std::vector<std::string> parts;
  for (uint32_t at = node_; tree_ && at != 0; at = tree_->nodes[at].parent) {
    uint32_t parent = tree_->nodes[at].parent;
    if (tree_->nodes[parent].kind == JsonKind::Object) {
      std::string_view name = tree_->text(tree_->nodes[at].name);
      parts.push_back((parent == 0 ? "" : ".") + std::string(name));
      continue;
    }
    size_t index = 0;
    for (uint32_t i = parent + 1; i != at; i = tree_->nodes[i].end)
      ++index;
    parts.push_back("[" + std::to_string(index) + "]");
  }
  std::string result;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    result += *part;
  return result;
}

std::string JsonValue::describe() const {
  constexpr size_t maxShown = 60;
  switch (kind()) {
  case JsonKind::Absent:
    return "nothing";
  case JsonKind::Array:
    return countText("an array", size(), "element");
  case JsonKind::Object:
    return countText("an object", size(), "member");
  case JsonKind::String:
    return quoteText(text(), maxShown);
  default:
    return JsonWriter().value(*this).take();
  }
}

Status JsonValue::error(std::string_view message) const {
  if (!tree_)
    return invalidData(std::string(message));
  std::string place = tree_->source + ": ";
  if (node_ != 0) {
    place += "field " + quoteText(path()) + ": ";
  }
  return invalidData(place + std::string(message));
}

Status JsonValue::mismatch(std::string_view expected) const {
  return error("expects " + std::string(expected) + " but got " + describe());
}

size_t JsonValue::size() const {
  return isArray() || isObject() ? node().count : 0;
}

JsonValue::Iterator JsonValue::begin() const {
  return size() ? Iterator(tree_, node_ + 1) : end();
}

JsonValue::Iterator JsonValue::end() const {
  return {tree_, size() ? node().end : 0};
}

JsonValue::Iterator &JsonValue::Iterator::operator++() {
  node_ = tree_->nodes[node_].end;
  return *this;
}

JsonValue JsonValue::find(std::string_view name) const {
  if (isObject())
    for (JsonValue member : *this)
      if (member.name() == name)
        return member;
  return {};
}

Expected<JsonValue> JsonValue::get(std::string_view name) const {
  if (!isObject())
    return mismatch("an object");
  if (JsonValue member = find(name); member.isPresent())
    return member;
  std::string place = path();
  std::string field =
      place.empty() ? std::string(name) : place + "." + std::string(name);
  return invalidData(tree_->source + ": field " + quoteText(field) +
                     " is missing");
}

bool JsonValue::asBoolUnchecked() const { return node().boolean; }
int64_t JsonValue::asIntegerUnchecked() const { return node().integer; }
double JsonValue::asNumberUnchecked() const {
  return isInteger() ? static_cast<double>(node().integer) : node().number;
}

std::string_view JsonValue::text() const {
  return isString() ? tree_->text(node().text) : std::string_view();
}

Expected<bool> JsonValue::asBool() const {
  if (kind() != JsonKind::Boolean)
    return mismatch("true or false");
  return asBoolUnchecked();
}

Expected<int64_t> JsonValue::asInteger(int64_t min, int64_t max) const {
  if (!isInteger() || asIntegerUnchecked() < min || asIntegerUnchecked() > max)
    return mismatch(rangeText("an integer", min, max));
  return asIntegerUnchecked();
}

Expected<double> JsonValue::asNumber(double min, double max) const {
  if (!isNumber() || asNumberUnchecked() < min || asNumberUnchecked() > max)
    return mismatch(rangeText("a number", min, max));
  return asNumberUnchecked();
}

Expected<std::string> JsonValue::asString() const {
  if (!isString())
    return mismatch("a string");
  return std::string(text());
}

Expected<JsonValue> JsonValue::asArray() const {
  if (!isArray())
    return mismatch("an array");
  return *this;
}

Expected<JsonValue> JsonValue::asObject() const {
  if (!isObject())
    return mismatch("an object");
  return *this;
}

Expected<std::vector<int64_t>> JsonValue::asIntegers(int64_t min,
                                                     int64_t max) const {
  if (!isArray())
    return mismatch("an array of integers");
  std::vector<int64_t> result;
  result.reserve(size());
  for (JsonValue element : *this) {
    GOSS_ASSIGN_OR_RETURN(int64_t value, element.asInteger(min, max));
    result.push_back(value);
  }
  return result;
}

Expected<std::vector<std::string>> JsonValue::asStrings() const {
  if (!isArray())
    return mismatch("an array of strings");
  std::vector<std::string> result;
  result.reserve(size());
  for (JsonValue element : *this) {
    GOSS_ASSIGN_OR_RETURN(std::string value, element.asString());
    result.push_back(std::move(value));
  }
  return result;
}

Expected<bool> JsonValue::getBool(std::string_view name) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asBool();
}

Expected<bool> JsonValue::getBoolOr(std::string_view name,
                                    bool fallback) const {
  JsonValue member = find(name);
  if (!member.isPresent() || member.isNull())
    return fallback;
  return member.asBool();
}

Expected<int64_t> JsonValue::getInteger(std::string_view name, int64_t min,
                                        int64_t max) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asInteger(min, max);
}

Expected<int64_t> JsonValue::getIntegerOr(std::string_view name,
                                          int64_t fallback, int64_t min,
                                          int64_t max) const {
  JsonValue member = find(name);
  if (!member.isPresent() || member.isNull())
    return fallback;
  return member.asInteger(min, max);
}

Expected<double> JsonValue::getNumber(std::string_view name, double min,
                                      double max) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asNumber(min, max);
}

Expected<double> JsonValue::getNumberOr(std::string_view name, double fallback,
                                        double min, double max) const {
  JsonValue member = find(name);
  if (!member.isPresent() || member.isNull())
    return fallback;
  return member.asNumber(min, max);
}

Expected<std::string> JsonValue::getString(std::string_view name) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asString();
}

Expected<std::string> JsonValue::getStringOr(std::string_view name,
                                             std::string_view fallback) const {
  JsonValue member = find(name);
  if (!member.isPresent() || member.isNull())
    return std::string(fallback);
  return member.asString();
}

Expected<JsonValue> JsonValue::getArray(std::string_view name) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asArray();
}

Expected<JsonValue> JsonValue::getObject(std::string_view name) const {
  GOSS_ASSIGN_OR_RETURN(JsonValue member, get(name));
  return member.asObject();
}
