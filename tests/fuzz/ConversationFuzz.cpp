//===- ConversationFuzz.cpp - Any conversation renders or fails -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Conversation.h"
#include "tests/fuzz/FuzzTokenizer.h"

using namespace gossamer;

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Expected<Conversation> conversation = Conversation::fromJson(bytes, "input");
  if (!conversation) {
    requireMessage(conversation.status());
    return 0;
  }
  for (RenderMode mode :
       {RenderMode::Completion, RenderMode::History, RenderMode::Training}) {
    Expected<std::string> text = conversation->renderText(mode);
    Expected<std::vector<TokenId>> ids =
        conversation->renderTokens(validTokenizer(), mode);
    require(text.isOk() == ids.isOk());
    if (text)
      require(validTokenizer().decode(*ids) == *text);
    else
      requireMessage(text.status());
  }
  Expected<std::string> chat = conversation->withSystem({}).renderText();
  if (!chat)
    requireMessage(chat.status());
  return 0;
}
