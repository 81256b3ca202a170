//===- GeneratorTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"

#include "runtime/support/MappedFile.h"
#include "runtime/text/Utf8Stream.h"

#include "FakeRunner.h"
#include "tests/TestPaths.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace gossamer;
using gossamer::test::FakeRunner;

namespace {

using Tokens = std::vector<int32_t>;

/// Greedy tokens by definition: argmax after everything so far.
Tokens greedyTokens(const FakeRunner &runner, Tokens text, size_t count) {
  Tokens result;
  while (result.size() < count) {
    std::vector<float> logits = runner.logitsAfter(text);
    auto best = std::max_element(logits.begin(), logits.end());
    result.push_back(static_cast<int32_t>(best - logits.begin()));
    text.push_back(result.back());
  }
  return result;
}

/// Token n is letter n of the alphabet, 26 and up a control token; 24 and 25
/// are the two halves of "é".
TokenPiece letterOf(int32_t token) {
  static const char letters[] = "abcdefghijklmnopqrstuvwx\xC3\xA9";
  if (token >= 26)
    return {"<special>", true};
  return {std::string_view(letters + token, 1), false};
}

GenerationRequest greedyRequest(Tokens prompt, uint32_t count) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.sampling.greedy = true;
  request.maxNewTokens = count;
  return request;
}

struct GeneratorTest : testing::Test {
  std::shared_ptr<const FakeRunner> runner = FakeRunner::make();
  std::unique_ptr<Scheduler> scheduler = Scheduler::create(runner).take();
  Generator generator{*scheduler};
  Generator writer{*scheduler, letterOf}; ///< one with text.
  Tokens prompt = {3, 1, 4, 1, 5};

  GenerationResult generate(const GenerationRequest &request) {
    return take(generator.generate(request));
  }
  GenerationResult writeText(const GenerationRequest &request) {
    return take(writer.generate(request));
  }
  static GenerationResult take(Expected<GenerationResult> result) {
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result.isOk() ? result.take() : GenerationResult();
  }
};

TEST_F(GeneratorTest, GreedyTokens) {
  GenerationResult result = generate(greedyRequest(prompt, 64));
  EXPECT_EQ(result.promptTokens, prompt);
  EXPECT_EQ(result.tokens, greedyTokens(*runner, prompt, 64));
  EXPECT_EQ(result.finishReason, FinishReason::Length);
  EXPECT_EQ(result.text, "");
  EXPECT_GE(result.timings.promptSeconds, 0);
}

/// Chooses tokens itself, and then leaves no logits.
struct ChoosingRunner final : FakeRunner {
  using FakeRunner::FakeRunner;
  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *observer = nullptr) const override {
    if (Status status = run(args, observer); !status.isOk())
      return status;
    uint32_t vocabulary = shape().vocabularySize;
    for (size_t r = 0; r < chosen.size(); ++r) {
      float *row = args.logits + r * vocabulary;
      // Every fifth one it leaves to the host.
      chosen[r] = ++asked % 5 ? choose(wanted[r], row) : wholeRow;
      if (chosen[r] != wholeRow)
        std::fill(row, row + vocabulary, -1.0F);
    }
    return Status::ok();
  }

  /// As far as the test below asks: with a temperature and nothing else, the
  /// first token at which the sum of probabilities is beyond `uniform`.
  int32_t choose(const TokenChoice &wanted, const float *row) const {
    std::vector<float> scores(row, row + shape().vocabularySize);
    for (size_t v = 0; v < scores.size(); ++v)
      if (!wanted.seen.empty() && wanted.seen[v / 32] >> v % 32 & 1)
        scores[v] = static_cast<float>(scores[v] / wanted.penalty);
    auto before = [&](int32_t a, int32_t b) {
      float left = scores[static_cast<size_t>(a)];
      float right = scores[static_cast<size_t>(b)];
      return left != right ? left > right : a < b;
    };
    Tokens order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, before);
    if (wanted.temperature == 0)
      return order[0];
    auto weight = [&](int32_t token) {
      return std::exp(double{scores[static_cast<size_t>(token)]} /
                      wanted.temperature);
    };
    double left = 0;
    for (int32_t token : order)
      left += weight(token);
    left *= wanted.uniform;
    for (int32_t token : order)
      if ((left -= weight(token)) < 0)
        return token;
    return order.back();
  }
  mutable int asked = 0;
};

TEST_F(GeneratorTest, DevicesMayChooseTokens) {
  auto chooser = std::make_shared<const ChoosingRunner>(FakeRunner::Sizes());
  auto steps = Scheduler::create(chooser).take();
  Generator choosing(*steps);
  std::vector<GenerationRequest> requests(4, greedyRequest(prompt, 40));
  requests[1].sampling.repetitionPenalty = 1.3;
  requests[2].sampling = {};
  requests[2].sampling.seed = 7;
  requests[3].sampling = {};
  requests[3].sampling.temperature = 0;
  auto got = choosing.generateBatch(requests);
  auto want = generator.generateBatch(requests);
  ASSERT_TRUE(got.isOk() && want.isOk());
  for (size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ((*got)[i].tokens, (*want)[i].tokens) << i;
  EXPECT_EQ((*got)[0].tokens, greedyTokens(*runner, prompt, 40));
  EXPECT_EQ(chooser->asked, 160);
}

TEST_F(GeneratorTest, NoNewTokens) {
  GenerationResult result = generate(greedyRequest(prompt, 0));
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.finishReason, FinishReason::Length);
  EXPECT_EQ(runner->steps, 0);
}

TEST_F(GeneratorTest, BadRequestsAreRefused) {
  auto refusal = [&](const GenerationRequest &request) {
    auto result = generator.generate(request);
    EXPECT_FALSE(result.isOk());
    return result.status();
  };
  EXPECT_EQ(refusal(greedyRequest({}, 3)).message(),
            "prompt is empty: expects at least one token");
  EXPECT_EQ(refusal(greedyRequest(Tokens(201, 1), 3)).code(),
            StatusCode::InvalidData);
  EXPECT_EQ(refusal(greedyRequest({50}, 3)).code(), StatusCode::InvalidData);
  GenerationRequest request = greedyRequest(prompt, 3);
  request.sampling.topP = 2;
  EXPECT_EQ(refusal(request).code(), StatusCode::Usage);
  request = greedyRequest(prompt, 3);
  request.stopStrings = {"x"};
  EXPECT_EQ(refusal(request).code(), StatusCode::Unavailable);
  EXPECT_EQ(runner->steps, 0);
}

TEST_F(GeneratorTest, StopTokensEndAndStayInTheTokens) {
  Tokens expected = greedyTokens(*runner, prompt, 64);
  GenerationRequest request = greedyRequest(prompt, 64);
  request.stopTokens = {expected[9], 999, expected[5]};
  auto first =
      std::find_first_of(expected.begin(), expected.end(),
                         request.stopTokens.begin(), request.stopTokens.end());
  GenerationResult result = generate(request);
  EXPECT_EQ(result.tokens, Tokens(expected.begin(), first + 1));
  EXPECT_EQ(result.finishReason, FinishReason::Stop);

  request.ignoreStopTokens = true;
  EXPECT_EQ(generate(request).tokens, expected);
}

TEST_F(GeneratorTest, StopTokenFirst) {
  GenerationRequest request = greedyRequest(prompt, 64);
  request.stopTokens = {greedyTokens(*runner, prompt, 1)[0]};
  GenerationResult result = writeText(request);
  EXPECT_EQ(result.tokens, request.stopTokens);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.finishReason, FinishReason::Stop);
}

// The last token of a full context still has a successor, but no place for it.
TEST_F(GeneratorTest, EndsWithTheContext) {
  Tokens longPrompt(190, 7);
  GenerationRequest request = greedyRequest(longPrompt, 64);
  GenerationResult result = generate(request);
  EXPECT_EQ(result.tokens, greedyTokens(*runner, longPrompt, 11));
  EXPECT_EQ(result.finishReason, FinishReason::Length);
  request.maxNewTokens.reset();
  EXPECT_EQ(generate(request).tokens.size(), 11U);
  request.prompt.resize(200, 7);
  EXPECT_EQ(generate(request).tokens.size(), 1U);
}

TEST_F(GeneratorTest, CallbackDeltasAreTheText) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    GenerationRequest request = greedyRequest(prompt, 100);
    request.sampling = {.seed = seed};
    std::string text;
    Tokens tokens;
    request.onToken = [&](const TokenEvent &event) {
      text += event.text;
      if (event.token >= 0)
        tokens.push_back(event.token);
      return true;
    };
    GenerationResult result = writeText(request);
    EXPECT_EQ(tokens, result.tokens);
    EXPECT_EQ(text, result.text);
    EXPECT_EQ(result.seed, seed);
    std::string bytes;
    Utf8Stream characters;
    for (int32_t token : tokens) {
      TokenPiece piece = letterOf(token);
      if (piece.special)
        characters.flush(bytes);
      characters.push(piece.bytes, bytes);
    }
    characters.flush(bytes);
    EXPECT_EQ(text, bytes);
  }
}

TEST_F(GeneratorTest, StopStringsEndTheTextBeforeThem) {
  GenerationRequest request = greedyRequest(prompt, 100);
  std::string whole = writeText(request).text;
  ASSERT_GT(whole.size(), 60U);
  request.stopStrings = {"not in there", whole.substr(40, 5)};
  size_t place = whole.find(request.stopStrings[1]);
  std::string text;
  request.onToken = [&](const TokenEvent &event) {
    text += event.text;
    EXPECT_LE(text.size(), place);
    return true;
  };
  GenerationResult result = writeText(request);
  EXPECT_EQ(result.finishReason, FinishReason::StopString);
  EXPECT_EQ(result.text, whole.substr(0, place));
  EXPECT_EQ(text, result.text);
  EXPECT_LT(result.tokens.size(), 100U);
}

// What was held back as the possible beginning of a stop string comes out.
TEST_F(GeneratorTest, HeldBackTextIsFlushedAtTheEnd) {
  GenerationRequest request = greedyRequest(prompt, 20);
  std::string whole = writeText(request).text;
  request.stopStrings = {whole.substr(whole.size() - 4) + "never"};
  GenerationResult result = writeText(request);
  EXPECT_EQ(result.text, whole);
  EXPECT_EQ(result.finishReason, FinishReason::Length);

  int calls = 0;
  std::string text;
  request.maxNewTokens = 50;
  request.onToken = [&](const TokenEvent &event) {
    text += event.text;
    EXPECT_EQ(event.token < 0, calls == 20);
    return ++calls != 20;
  };
  result = writeText(request);
  EXPECT_EQ(result.text, whole);
  EXPECT_EQ(text, whole);
  EXPECT_EQ(result.finishReason, FinishReason::Cancelled);
}

TEST_F(GeneratorTest, CancellationBetweenSteps) {
  std::atomic<bool> cancel = false;
  GenerationRequest request = greedyRequest(prompt, 64);
  request.cancel = &cancel;
  request.onToken = [&, seen = 0](const TokenEvent &) mutable {
    cancel = ++seen == 3;
    return true;
  };
  GenerationResult result = generate(request);
  EXPECT_EQ(result.tokens, greedyTokens(*runner, prompt, 3));
  EXPECT_EQ(result.finishReason, FinishReason::Cancelled);

  // Also during a prompt of many chunks: nothing is computed.
  int64_t before = runner->steps;
  request.prompt.resize(150, 2);
  request.onToken = nullptr;
  result = generate(request);
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.finishReason, FinishReason::Cancelled);
  EXPECT_EQ(runner->steps, before);
}

TEST_F(GeneratorTest, Deadline) {
  GenerationRequest request = greedyRequest(prompt, 64);
  request.deadline = std::chrono::steady_clock::now();
  GenerationResult result = generate(request);
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(result.finishReason, FinishReason::Deadline);
}

TEST_F(GeneratorTest, FailuresOfTheModelAreReported) {
  runner->failure = internalError("as the test asked");
  auto result = generator.generate(greedyRequest(prompt, 3));
  ASSERT_FALSE(result.isOk());
  EXPECT_EQ(result.status().message(), "as the test asked");
}

TEST_F(GeneratorTest, SessionsGoOnWhereTheyEnded) {
  Session session = scheduler->newSession().take();
  auto first = generator.generate(session, greedyRequest(prompt, 10)).take();
  Tokens whole = prompt;
  whole.insert(whole.end(), first.tokens.begin(), first.tokens.end());
  whole.push_back(17);
  auto second = generator.generate(session, greedyRequest(whole, 10)).take();
  EXPECT_EQ(second.tokens, greedyTokens(*runner, whole, 10));
  EXPECT_EQ(second.timings.reusedTokens, 14U); // all but the last and "17".
}

TEST_F(GeneratorTest, BatchesEqualSingleRequests) {
  std::vector<GenerationRequest> requests;
  for (uint32_t i = 0; i < 24; ++i) {
    Tokens text;
    for (uint32_t k = 0; k < 1 + i * 5; ++k)
      text.push_back(static_cast<int32_t>((i * 31 + k * 17) % 50));
    GenerationRequest request = greedyRequest(text, 5 + i * 2);
    request.sampling.greedy = i % 3 == 0;
    request.sampling.seed = i;
    request.sampling.topP = i % 4 == 1 ? 0.7 : 1;
    request.sampling.repetitionPenalty = i % 5 == 2 ? 1.3 : 1;
    if (i % 6 == 0)
      request.stopTokens = {11, 12};
    if (i % 6 == 1)
      request.stopStrings = {"a", "bc"};
    requests.push_back(request);
  }
  auto batch = writer.generateBatch(requests);
  ASSERT_TRUE(batch.isOk()) << batch.status().message();
  for (size_t i = 0; i < requests.size(); ++i) {
    GenerationResult alone = writeText(requests[i]);
    EXPECT_EQ((*batch)[i].tokens, alone.tokens) << i;
    EXPECT_EQ((*batch)[i].text, alone.text) << i;
    EXPECT_EQ((*batch)[i].finishReason, alone.finishReason) << i;
  }
  EXPECT_EQ(scheduler->cache().bytesInUse(), 0U);
}

TEST_F(GeneratorTest, BatchNamesTheRefusedRequest) {
  std::vector<GenerationRequest> requests = {greedyRequest(prompt, 3),
                                             greedyRequest({}, 3)};
  auto batch = generator.generateBatch(requests);
  ASSERT_FALSE(batch.isOk());
  EXPECT_EQ(batch.status().message(),
            "request 1: prompt is empty: expects at least one token");
  EXPECT_TRUE(generator.generateBatch({}).isOk());
}

TEST(TokenPieces, ControlTokensHaveNoTextUnlessAskedFor) {
  std::string path = GOSSAMER_SOURCE_DIR "/models/tiny-stories/tokenizer.json";
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.isOk()) << file.status().message();
  auto tokenizer = Tokenizer::fromJson(file->text(), path);
  ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
  int32_t control = tokenizer->specialId("<|start|>").value_or(-1);
  int32_t plain = (*tokenizer->encode("a"))[0];
  TokenPieces hidden = tokenPiecesOf(*tokenizer);
  TokenPieces shown = tokenPiecesOf(*tokenizer, /*showSpecial=*/true);
  EXPECT_EQ(hidden(control).bytes, "");
  EXPECT_TRUE(hidden(control).special);
  EXPECT_EQ(shown(control).bytes, "<|start|>");
  for (const TokenPieces &pieces : {hidden, shown}) {
    EXPECT_EQ(pieces(plain).bytes, "a");
    EXPECT_FALSE(pieces(plain).special);
    EXPECT_EQ(pieces(1 << 30).bytes, "");
  }
}

TEST(FinishReason, Names) {
  EXPECT_EQ(finishReasonName(FinishReason::Stop), "stop");
  EXPECT_EQ(finishReasonName(FinishReason::Length), "length");
  EXPECT_EQ(finishReasonName(FinishReason::StopString), "stop_string");
  EXPECT_EQ(finishReasonName(FinishReason::Cancelled), "cancelled");
  EXPECT_EQ(finishReasonName(FinishReason::Deadline), "deadline");
}

} // namespace
