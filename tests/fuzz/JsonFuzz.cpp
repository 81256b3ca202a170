//===- JsonFuzz.cpp - Any text parses or fails with a message -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "tests/fuzz/FuzzSupport.h"

using namespace gossamer;

namespace {

/// Calls every accessor that could fail on some value.
void visit(JsonValue value) {
  require(!value.path().empty() || value.name().empty());
  require(!value.describe().empty());
  require(value.asInteger(-5, 5).isOk() || !value.mismatch("x").isOk());
  require(value.asNumber().isOk() == value.isNumber());
  require(value.asString().isOk() == value.isString());
  size_t children = 0;
  for (JsonValue child : value) {
    ++children;
    require(!value.isObject() || value.get(child.name()).isOk());
    visit(child);
  }
  require(children == value.size());
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Expected<JsonDocument> document = JsonDocument::parse(text, "input");
  if (!document) {
    requireMessage(document.status());
    return 0;
  }
  // visit() takes quadratic time.
  if (size < 4096)
    visit(document->root());
  // What is written reads back as the same value.
  std::string written = JsonWriter().value(document->root()).take();
  Expected<JsonDocument> again = JsonDocument::parse(written, "written");
  require(again.isOk());
  require(JsonWriter().value(again->root()).take() == written);
  return 0;
}
