//===- Chat.cpp - goss chat -----------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"
#include "runtime/support/JsonWriter.h"
#include "tools/goss/ChatTurn.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/goss/SamplingArguments.h"
#include "tools/support/Terminal.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace gossamer::tools {
namespace {

struct ChatArguments {
  ModelArguments model;
  SamplingArguments generation;
  std::optional<std::string> prompt;
  std::string system;
  std::string developer;
  std::string reasoning = "medium";
  std::string date;
  bool json = false;
  bool quiet = false;
};

/// Lines of standard input; a signal ends a read.
class LineReader {
public:
  /// The next line without its end; nothing at the end of the input or after
  /// an interruption, which the interrupt flag then tells.
  std::optional<std::string> read();

private:
  std::string rest_;
};

std::optional<std::string> LineReader::read() {
  std::array<char, 4096> buffer;
  while (true) {
    if (size_t end = rest_.find('\n'); end != std::string::npos) {
      std::string line = rest_.substr(0, end);
      rest_.erase(0, end + 1);
      return line;
    }
    if (!waitForInput(STDIN_FILENO))
      return std::nullopt;
    ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count > 0) {
      rest_.append(buffer.data(), static_cast<size_t>(count));
      continue;
    }
    if (count < 0 || rest_.empty())
      return std::nullopt;
    return std::exchange(rest_, std::string());
  }
}

/// A conversation with a model.
class Chat {
public:
  explicit Chat(ChatArguments &arguments)
      : arguments_(arguments), notes_(arguments.quiet) {}
  Status run();

private:
  Status prepare();
  void addMessage(Role role, Content content);
  void reset();
  Expected<GenerationRequest> makeRequest() const;
  Status answer(const std::string &text);
  Status report(const GenerationResult &result, const ChatTurn &turn);
  Status converse();
  std::string toJson(const GenerationResult &result,
                     const ChatTurn &turn) const;

  ChatArguments &arguments_;
  Notes notes_;
  LoadedModel loaded_;
  std::optional<Tokenizer> tokenizer_;
  std::vector<TokenId> stopTokens_;
  std::unique_ptr<Scheduler> scheduler_;
  std::optional<Session> session_;
  Conversation conversation_;
};

Status Chat::prepare() {
  GOSS_RETURN_IF_ERROR(arguments_.generation.settle());
  GOSS_ASSIGN_OR_RETURN(loaded_, arguments_.model.load(!arguments_.quiet));
  if (!loaded_.tokenizer)
    return notFound(loaded_.path() +
                    ": has no tokenizer, as the checkpoint had none; chat "
                    "expects one");
  tokenizer_ = loaded_.tokenizer;
  GOSS_ASSIGN_OR_RETURN(HarmonyTokens tokens, HarmonyTokens::find(*tokenizer_));
  stopTokens_ = tokens.stopTokens();
  GOSS_ASSIGN_OR_RETURN(scheduler_, Scheduler::create(loaded_.model));
  GOSS_ASSIGN_OR_RETURN(Session session, scheduler_->newSession());
  session_ = std::move(session);
  reset();
  notes_.note("Model", loaded_.path() + ", loaded in " +
                           formatSeconds(loaded_.loadSeconds));
  notes_.note("Sampling", arguments_.generation.describe());
  return Status::ok();
}

void Chat::addMessage(Role role, Content content) {
  Message message;
  message.header.role = role;
  message.content.push_back(std::move(content));
  conversation_.messages.push_back(std::move(message));
}

void Chat::reset() {
  SystemContent system;
  if (!arguments_.system.empty())
    system.identity = arguments_.system;
  system.date = arguments_.date;
  system.reasoning = parseReasoning(arguments_.reasoning);
  conversation_.messages.clear();
  addMessage(Role::System, std::move(system));
  if (arguments_.developer.empty())
    return;
  DeveloperContent developer;
  developer.instructions = arguments_.developer;
  addMessage(Role::Developer, std::move(developer));
}

Expected<GenerationRequest> Chat::makeRequest() const {
  const SamplingArguments &generation = arguments_.generation;
  GenerationRequest request;
  GOSS_ASSIGN_OR_RETURN(request.prompt,
                        conversation_.renderTokens(*tokenizer_));
  request.sampling = generation.sampling;
  if (generation.maxTokens)
    request.maxNewTokens = static_cast<uint32_t>(*generation.maxTokens);
  request.stopTokens = stopTokens_;
  request.ignoreStopTokens = generation.ignoreEos;
  request.cancel = &interruptFlag();
  return request;
}

Status Chat::answer(const std::string &text) {
  size_t before = conversation_.messages.size();
  addMessage(Role::User, text);
  GOSS_ASSIGN_OR_RETURN(GenerationRequest request, makeRequest());
  GOSS_ASSIGN_OR_RETURN(HarmonyParser parser,
                        HarmonyParser::create(*tokenizer_));
  ChatTurn turn(std::move(parser), !arguments_.quiet && !arguments_.json,
                !arguments_.json);
  Status shown;
  request.onToken = [&](const TokenEvent &event) {
    if (event.token >= 0)
      shown = turn.process(event.token);
    return shown.isOk();
  };
  Generator generator(*scheduler_, tokenPiecesOf(*tokenizer_));
  Expected<GenerationResult> result = generator.generate(*session_, request);
  if (!result) {
    conversation_.messages.resize(before); // The turn did not happen.
    return result.status();
  }
  GOSS_RETURN_IF_ERROR(shown);
  GOSS_RETURN_IF_ERROR(turn.finish());
  for (const Message &message : turn.messages())
    conversation_.messages.push_back(message);
  return report(*result, turn);
}

std::string Chat::toJson(const GenerationResult &result,
                         const ChatTurn &turn) const {
  JsonWriter json;
  json.beginObject().key("messages").beginArray();
  for (const Message &message : turn.messages())
    json.beginObject()
        .member("role", roleName(message.header.role))
        .member("channel", message.header.channel)
        .member("recipient", message.header.recipient)
        .member("content", std::get<std::string>(message.content.front()))
        .endObject();
  json.endArray()
      .member("finish_reason", finishReasonName(result.finishReason))
      .member("seed", result.seed)
      .member("prompt_tokens", result.promptTokens.size())
      .member("generated_tokens", result.tokens.size())
      .endObject();
  return json.take() + "\n";
}

Status Chat::report(const GenerationResult &result, const ChatTurn &turn) {
  if (arguments_.json)
    GOSS_RETURN_IF_ERROR(standardOutput().write(toJson(result, turn)));
  double seconds = result.timings.generationSeconds;
  double rate = result.tokens.size() > 1 && seconds > 0
                    ? static_cast<double>(result.tokens.size() - 1) / seconds
                    : 0;
  notes_.note("Generated",
              formatCount(result.tokens.size()) + " tokens, " +
                  formatFixed(rate, 1) + " tokens/s, ended by " +
                  std::string(finishReasonName(result.finishReason)));
  return result.finishReason == FinishReason::Cancelled ? checkInterrupt()
                                                        : Status::ok();
}

Status Chat::converse() {
  bool isTerminal = ::isatty(STDIN_FILENO) == 1;
  LineReader reader;
  if (isTerminal)
    notes_.note("Chat", "Ctrl-C stops an answer, /new forgets the "
                        "conversation, Ctrl-D leaves");
  while (true) {
    if (isTerminal)
      std::fputs("> ", stderr);
    std::optional<std::string> line = reader.read();
    if (!line && isTerminal && clearInterrupt()) {
      std::fputs("\n", stderr);
      continue;
    }
    if (!line) {
      if (isTerminal)
        std::fputs("\n", stderr);
      return checkInterrupt();
    }
    if (line->find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (*line == "/new") {
      reset();
      continue;
    }
    Status status = answer(*line);
    bool stopped = status.code() == StatusCode::Interrupted;
    if (stopped && isTerminal)
      clearInterrupt(); // Only the answer was meant.
    else
      GOSS_RETURN_IF_ERROR(status);
  }
}

Status Chat::run() {
  GOSS_RETURN_IF_ERROR(prepare());
  return arguments_.prompt ? answer(*arguments_.prompt) : converse();
}

} // namespace

void addChatCommand(CommandLine &line) {
  auto arguments = std::make_shared<ChatArguments>();
  Command &command = line.addCommand(
      "chat", "Talks to a model in its chat format, with history.");
  arguments->model.addTo(command);
  command.group("Conversation")
      .parsed(
          "-p,--prompt", "TEXT",
          [arguments](const std::string &text) {
            arguments->prompt = text;
            return std::string();
          },
          "ask once and leave; without it, every line of standard input is a "
          "turn")
      .text("--system", "TEXT", arguments->system,
            "who the model is: first line of the system message")
      .text("--developer", "TEXT", arguments->developer,
            "instructions, as a developer message")
      .choice("--reasoning", arguments->reasoning, {"low", "medium", "high"},
              "how much to think before the answer (default medium)")
      .text("--date", "YYYY-MM-DD", arguments->date,
            "current date in the system message (default: none)");
  arguments->generation.addTo(command, /*withStops=*/false);
  command.group("Output")
      .flag("--json", arguments->json,
            "print each answer as a JSON object with its channels")
      .flag("-q,--quiet", arguments->quiet,
            "print the final channel and errors only")
      .details("The final channel goes to standard output, reasoning to "
               "standard error.")
      .example("goss chat", "talk to the embedded model")
      .example("goss chat -p \"Tell me a story about a dog.\" --greedy",
               "one question, one answer")
      .example(
          "goss chat model.goss --reasoning=high --developer=\"Be brief.\"",
          "with instructions")
      .action([arguments] { return Chat(*arguments).run(); });
}

} // namespace gossamer::tools
