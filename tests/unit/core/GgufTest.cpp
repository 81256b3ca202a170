//===- GgufTest.cpp - The GGUF container ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Gguf.h"

#include "gtest/gtest.h"

#include <algorithm>
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

//===----------------------------------------------------------------------===//
// Files of random contents
//===----------------------------------------------------------------------===//

namespace {

using Random = std::mt19937_64;

/// What is written into a file, byte after byte, as some writer may do it.
class RawFile {
public:
  template <typename T> RawFile &put(T value) {
    bytes_.append(reinterpret_cast<const char *>(&value), sizeof(T));
    return *this;
  }
  RawFile &text(std::string_view value) {
    put(uint64_t(value.size()));
    bytes_ += value;
    return *this;
  }
  RawFile &raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  /// Any bytes up to a multiple of `unit`.
  void pad(uint64_t unit, char with) {
    bytes_.resize((bytes_.size() + unit - 1) / unit * unit, with);
  }
  const std::string &bytes() const { return bytes_; }

private:
  std::string bytes_;
};

/// Any bytes: GGUF does not ask for UTF-8.
std::string randomText(Random &random) {
  std::string text(random() % 12, '\0');
  for (char &c : text)
    c = static_cast<char>(random());
  return text;
}

constexpr auto kValueTypes = static_cast<uint32_t>(GgufValueType::F64) + 1;

/// Writes a number of the type; returns it as the reader holds it.
GgufValue putNumber(Random &random, GgufValueType type, RawFile &file) {
  uint64_t bits = random();
  auto put = [&]<typename T, typename Held>(T value, Held) {
    file.put(value);
    return GgufValue(static_cast<Held>(value));
  };
  constexpr uint64_t u = 0;
  constexpr int64_t i = 0;
  switch (type) {
  case GgufValueType::U8:
    return put(static_cast<uint8_t>(bits), u);
  case GgufValueType::I8:
    return put(static_cast<int8_t>(bits), i);
  case GgufValueType::U16:
    return put(static_cast<uint16_t>(bits), u);
  case GgufValueType::I16:
    return put(static_cast<int16_t>(bits), i);
  case GgufValueType::U32:
    return put(static_cast<uint32_t>(bits), u);
  case GgufValueType::I32:
    return put(static_cast<int32_t>(bits), i);
  case GgufValueType::F32:
    return put(static_cast<float>(static_cast<int64_t>(bits)), 0.0);
  case GgufValueType::F64:
    return put(static_cast<double>(static_cast<int64_t>(bits)), 0.0);
  case GgufValueType::U64:
    return put(bits, u);
  case GgufValueType::I64:
    return put(static_cast<int64_t>(bits), i);
  default:
    file.put(static_cast<uint8_t>(bits % 3));
    return bits % 3 != 0;
  }
}

/// Of numbers the reader makes one vector of each kind.
GgufValue putArray(Random &random, GgufValueType type, RawFile &file,
                   std::vector<std::string> &texts) {
  uint64_t count = random() % 6;
  file.put(static_cast<uint32_t>(type)).put(count);
  if (type == GgufValueType::String) {
    std::vector<std::string_view> views;
    for (; count > 0; --count) {
      file.text(texts.emplace_back(randomText(random)));
      views.push_back(texts.back());
    }
    return views;
  }
  bool isReal = type == GgufValueType::F32 || type == GgufValueType::F64;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  for (; count > 0; --count) {
    size_t begin = file.bytes().size();
    GgufValue value = putNumber(random, type, file);
    if (const auto *held = std::get_if<int64_t>(&value))
      integers.push_back(*held);
    else if (const auto *large = std::get_if<uint64_t>(&value))
      integers.push_back(static_cast<int64_t>(*large));
    else if (const auto *real = std::get_if<double>(&value))
      reals.push_back(*real);
    else // a bool is the byte that stands for it.
      integers.push_back(file.bytes()[begin]);
  }
  return isReal ? GgufValue(reals) : GgufValue(integers);
}

struct RandomTensor {
  std::string name;
  GgmlType type;
  std::vector<uint64_t> shape; ///< outermost first.
  std::string bytes;
  uint64_t offset;
};

RandomTensor makeTensor(Random &random, size_t number) {
  constexpr GgmlType types[] = {GgmlType::F32,   GgmlType::F16,
                                GgmlType::BF16,  GgmlType::Q8_0,
                                GgmlType::Mxfp4, GgmlType::OldMxfp4};
  RandomTensor tensor{randomText(random) + std::to_string(number),
                      types[random() % std::size(types)],
                      std::vector<uint64_t>(random() % 5),
                      {},
                      0};
  GgmlBlock block = *ggmlBlock(tensor.type);
  if (block.elements > 1 && tensor.shape.empty())
    tensor.shape.resize(1);
  uint64_t elements = 1;
  for (uint64_t &extent : tensor.shape) {
    extent = random() % 4;
    if (&extent == &tensor.shape.back())
      extent *= block.elements;
    elements *= extent;
  }
  tensor.bytes.resize(elements / block.elements * block.bytes);
  for (char &byte : tensor.bytes)
    byte = static_cast<char>(random());
  return tensor;
}

} // namespace

TEST(Gguf, ReadsFilesOfRandomContents) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    uint64_t unit = uint64_t(1) << random() % 8;
    std::vector<RandomTensor> tensors;
    uint64_t offset = 0;
    for (size_t count = random() % 6; tensors.size() < count;) {
      tensors.push_back(makeTensor(random, tensors.size()));
      tensors.back().offset = offset;
      offset += (tensors.back().bytes.size() + unit - 1) / unit * unit;
    }
    RawFile file;
    uint64_t pairs = 1 + random() % 20;
    file.raw("GGUF").put(ggufVersion).put(tensors.size()).put(pairs);
    file.text("general.alignment")
        .put(static_cast<uint32_t>(GgufValueType::U32))
        .put(static_cast<uint32_t>(unit));
    std::vector<std::pair<std::string, GgufValue>> want;
    std::vector<std::string> texts; // views must stay valid.
    texts.reserve(200);
    for (uint64_t pair = 1; pair < pairs; ++pair) {
      auto type = static_cast<GgufValueType>(random() % kValueTypes);
      std::string key = randomText(random) + std::to_string(pair);
      file.text(key).put(static_cast<uint32_t>(type));
      GgufValue value;
      if (type == GgufValueType::String) {
        file.text(texts.emplace_back(randomText(random)));
        value = std::string_view(texts.back());
      } else if (type == GgufValueType::Array) {
        do
          type = static_cast<GgufValueType>(random() % kValueTypes);
        while (type == GgufValueType::Array);
        value = putArray(random, type, file, texts);
      } else {
        value = putNumber(random, type, file);
      }
      want.emplace_back(key, value);
    }
    for (const RandomTensor &tensor : tensors) {
      file.text(tensor.name).put(static_cast<uint32_t>(tensor.shape.size()));
      for (auto i = tensor.shape.rbegin(); i != tensor.shape.rend(); ++i)
        file.put(*i);
      file.put(tensor.type).put(tensor.offset);
    }
    for (const RandomTensor &tensor : tensors) {
      file.pad(unit, static_cast<char>(random()));
      file.raw(tensor.bytes);
    }

    auto read = parse(file.bytes());
    ASSERT_TRUE(read.isOk()) << read.status().message();
    for (const auto &[key, value] : want) {
      ASSERT_NE(read->find(key), nullptr);
      EXPECT_TRUE(*read->find(key) == value) << round << " " << value.index();
    }
    ASSERT_EQ(read->tensors().size(), tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      const GgufTensor &got = read->tensors()[i];
      EXPECT_EQ(got.name, tensors[i].name);
      EXPECT_EQ(got.type, tensors[i].type);
      EXPECT_EQ(got.shape, tensors[i].shape);
      EXPECT_TRUE(std::ranges::equal(
          got.bytes, std::as_bytes(std::span(tensors[i].bytes))));
    }
  }
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
