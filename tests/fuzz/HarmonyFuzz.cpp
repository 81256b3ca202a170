//===- HarmonyFuzz.cpp - Any tokens parse, or fail strictly ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/HarmonyParser.h"
#include "runtime/text/Utf8.h"
#include "tests/fuzz/FuzzTokenizer.h"
#include <cstring>

using namespace gossamer;

namespace {

/// Two bytes a token; every other value is likely to be a control token.
std::vector<TokenId> readTokens(std::string_view bytes) {
  std::vector<TokenId> ids;
  for (; bytes.size() >= 2; bytes.remove_prefix(2)) {
    uint16_t value;
    std::memcpy(&value, bytes.data(), 2);
    ids.push_back(value % 2 ? 3040 + value / 2 % 24 : value / 2 - 8);
  }
  return ids;
}

void parse(const std::vector<TokenId> &ids, HarmonyParserOptions options) {
  Expected<HarmonyParser> parser =
      HarmonyParser::create(validTokenizer(), options);
  require(parser.isOk());
  std::vector<HarmonyEvent> events;
  Status status;
  for (size_t i = 0; i < ids.size() && status.isOk(); ++i)
    status = parser->process(ids[i], events);
  if (status.isOk())
    status = parser->finish(events);
  if (!status.isOk()) {
    require(options.strict);
    requireMessage(status);
  }
  bool open = false;
  for (const HarmonyEvent &event : events) {
    require(open == (event.kind != HarmonyEvent::Kind::Start));
    require(isValidUtf8(event.text) && isValidUtf8(event.header.recipient));
    open = event.kind != HarmonyEvent::Kind::End;
  }
  require(!open || !status.isOk());
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  std::vector<TokenId> ids = readTokens(bytes);
  for (bool strict : {false, true}) {
    parse(ids, {.strict = strict, .role = Role::Assistant});
    parse(ids, {.strict = strict, .role = std::nullopt});
  }
  return 0;
}
