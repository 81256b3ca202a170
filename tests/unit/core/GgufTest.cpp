//===- GgufTest.cpp - The GGUF container ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Gguf.h"

#include "gtest/gtest.h"

#include <cstring>
#include <random>

using namespace gossamer;

namespace {

/// A small file with a value of each kind that is written, and two tensors.
std::string sampleFile() {
  GgufHeader header;
  header.add("general.architecture", std::string_view("gpt-oss"));
  header.add("a.count", uint32_t(7));
  header.add("a.ratio", 2.5f);
  const std::vector<std::string> texts = {"one", "", "three"};
  header.add("a.texts", std::span<const std::string>(texts));
  const std::vector<int32_t> numbers = {1, -2, 3};
  header.add("a.numbers", std::span<const int32_t>(numbers));
  const std::vector<uint64_t> vector = {3}, experts = {2, 3, 32};
  EXPECT_EQ(header.addTensor("v", vector, GgmlType::F32, 12), 0u);
  EXPECT_EQ(header.addTensor("e", experts, GgmlType::Mxfp4, 102), 32u);
  std::string text = header.take();
  EXPECT_EQ(text.size() % 32, 0u);
  EXPECT_EQ(header.dataSize(), 32u + 128u);
  for (uint64_t i = 0; i < header.dataSize(); ++i)
    text += static_cast<char>(i);
  return text;
}

Expected<GgufFile> parse(const std::string &text) {
  return GgufFile::read(
      MappedFile::borrow(std::as_bytes(std::span(text)), "x.gguf"));
}

} // namespace

TEST(Gguf, ReadsWhatItWrites) {
  std::string text = sampleFile();
  auto file = parse(text);
  ASSERT_TRUE(file.isOk()) << file.status().message();
  EXPECT_EQ(*file->getString("general.architecture", std::nullopt), "gpt-oss");
  EXPECT_EQ(*file->getInteger("a.count", std::nullopt), 7);
  EXPECT_EQ(*file->getNumber("a.ratio", std::nullopt, 0, 10), 2.5);
  auto texts = file->getStrings("a.texts");
  ASSERT_TRUE(texts.isOk());
  EXPECT_EQ(std::vector<std::string_view>(texts->begin(), texts->end()),
            (std::vector<std::string_view>{"one", "", "three"}));
  auto numbers = file->getIntegers("a.numbers");
  ASSERT_TRUE(numbers.isOk());
  EXPECT_EQ(std::vector<int64_t>(numbers->begin(), numbers->end()),
            (std::vector<int64_t>{1, -2, 3}));
  ASSERT_EQ(file->tensors().size(), 2u);
  const GgufTensor &tensor = file->tensors()[1];
  EXPECT_EQ(tensor.name, "e");
  EXPECT_EQ(tensor.shape, (std::vector<uint64_t>{2, 3, 32}));
  EXPECT_EQ(tensor.type, GgmlType::Mxfp4);
  EXPECT_EQ(tensor.bytes.size(), 102u);
  EXPECT_EQ(tensor.bytes[0], std::byte(32));
  EXPECT_EQ(tensor.offset, file->headerSize() + 32);
}

TEST(Gguf, NamesTheKeyThatIsWrong) {
  std::string text = sampleFile();
  auto file = parse(text);
  ASSERT_TRUE(file.isOk());
  EXPECT_EQ(*file->getInteger("none", 5), 5);
  EXPECT_EQ(file->getInteger("none", std::nullopt, 0, 9).status().message(),
            "x.gguf: key \"none\": expects an integer from 0 to 9 but it is "
            "missing");
  EXPECT_EQ(
      file->getInteger("a.count", std::nullopt, 0, 6).status().message(),
      "x.gguf: key \"a.count\": expects an integer from 0 to 6 but got 7");
  EXPECT_EQ(file->getString("a.count", std::nullopt).status().message(),
            "x.gguf: key \"a.count\": expects a string but got another value");
  EXPECT_FALSE(file->getStrings("a.numbers").isOk());
  EXPECT_FALSE(file->getIntegers("a.texts").isOk());
  EXPECT_FALSE(file->getNumber("a.ratio", std::nullopt, 3, 4).isOk());
}

TEST(Gguf, EveryTruncationFails) {
  std::string text = sampleFile();
  // The padding at the end belongs to no tensor.
  for (size_t size = 0; size < text.size() - 26; ++size) {
    auto file = parse(text.substr(0, size));
    ASSERT_FALSE(file.isOk()) << size;
    EXPECT_EQ(file.status().code(), StatusCode::InvalidData);
    EXPECT_EQ(file.status().message().rfind("x.gguf: ", 0), 0u);
  }
}

TEST(Gguf, ChangedBytesNeverReachBeyondTheFile) {
  const std::string text = sampleFile();
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string changed = text;
    for (unsigned i = 0; i <= round % 3u; ++i)
      changed[random() % (text.size() - 160)] = static_cast<char>(random());
    auto file = parse(changed);
    if (!file)
      continue;
    for (const GgufTensor &tensor : file->tensors()) {
      auto begin = reinterpret_cast<const char *>(tensor.bytes.data());
      EXPECT_GE(begin, changed.data());
      EXPECT_LE(begin + tensor.bytes.size(), changed.data() + changed.size());
    }
  }
}

TEST(Gguf, HugeCountsCostNoMemory) {
  std::string text = sampleFile();
  for (uint64_t count :
       {uint64_t(1) << 32, uint64_t(1) << 61, ~uint64_t(0), uint64_t(1000)})
    for (size_t place : {size_t(8), size_t(16), size_t(24)}) {
      std::string changed = text;
      std::memcpy(changed.data() + place, &count, 8);
      EXPECT_FALSE(parse(changed).isOk()) << place << " " << count;
    }
}
