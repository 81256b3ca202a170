//===- MutationTest.cpp - Damaged weight files are refused in one line ----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Well-formed files with random damage. A reader answers with views that lie
// in the file or with one printable line that begins with its path. The fuzz
// targets do the same for longer; here it is the same each time.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "runtime/weights/Gguf.h"
#include "runtime/weights/Npy.h"
#include "runtime/weights/Safetensors.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cstring>
#include <random>

using namespace gossamer;

namespace {

using Random = std::mt19937_64;

constexpr int kRounds = 20000;
constexpr const char *kPath = "x.bin";

/// Damages `file` in one of the ways that disks, networks and people have. Half
/// of it is in the first `header` bytes, where the structure is.
void damage(Random &random, std::string &file, size_t header) {
  auto place = [&] {
    size_t within = random() % 2 ? std::min(header, file.size()) : file.size();
    return within ? random() % within : 0;
  };
  switch (file.empty() ? 3 : random() % 7) {
  case 0:
    file[place()] = static_cast<char>(random());
    return;
  case 1:
    file[place()] ^= static_cast<char>(1 << random() % 8);
    return;
  case 2:
    file.erase(place(), 1 + random() % 9);
    return;
  case 3:
    file.insert(place(), random() % 20, static_cast<char>(random()));
    return;
  case 4:
    file.resize(random() % (file.size() + 1));
    return;
  case 5: { // a part again, elsewhere.
    std::string part = file.substr(place(), random() % 40);
    file.insert(place(), part);
    return;
  }
  default: { // a number at its limits.
    constexpr uint64_t numbers[] = {0,
                                    1,
                                    uint64_t(1) << 31,
                                    uint64_t(1) << 32,
                                    uint64_t(1) << 61,
                                    uint64_t(1) << 63,
                                    ~uint64_t(0)};
    uint64_t number = numbers[random() % std::size(numbers)];
    size_t at = place();
    std::memcpy(file.data() + at, &number,
                std::min(sizeof(number), file.size() - at));
  }
  }
}

/// Calls `read(file)`, which returns a status, with damaged copies of `file`.
/// Both kinds of answers must have been seen.
template <typename Read>
void readDamaged(const std::string &good, size_t header, Read read) {
  Random random(5);
  ASSERT_TRUE(read(good).isOk()) << "the file is well-formed before";
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string file = good;
    for (uint64_t count = 1 + random() % 3; count > 0; --count)
      damage(random, file, header);
    Status status = read(file);
    if (status.isOk())
      continue;
    ++refused;
    const std::string &message = status.message();
    ASSERT_EQ(status.code(), StatusCode::InvalidData) << message;
    ASSERT_TRUE(message.starts_with(std::string(kPath) + ": ")) << message;
    // A name is cut after 200 bytes, of which each may be an escape.
    ASSERT_LT(message.size(), 2000U) << message;
    ASSERT_TRUE(std::ranges::all_of(message, [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
    })) << round;
  }
  EXPECT_GT(refused, kRounds / 2);
  EXPECT_LT(refused, kRounds);
}

MappedFile borrow(const std::string &file) {
  return MappedFile::borrow(std::as_bytes(std::span(file)), kPath);
}

void expectInside(std::span<const std::byte> bytes, const std::string &file) {
  const auto *begin = reinterpret_cast<const char *>(bytes.data());
  EXPECT_TRUE(bytes.empty() ||
              (begin >= file.data() &&
               begin + bytes.size() <= file.data() + file.size()));
}

uint64_t productOf(std::span<const uint64_t> shape) {
  uint64_t product = 1;
  for (uint64_t extent : shape)
    product *= extent;
  return product;
}

TEST(Mutation, NpyFiles) {
  std::vector<uint64_t> shape = {3, 5};
  Expected<std::string> header = makeNpyHeader("a", NpyType::F16, shape);
  ASSERT_TRUE(header);
  readDamaged(*header + std::string(30, 'x'), header->size(),
              [](const std::string &bytes) {
                Expected<NpyFile> file = NpyFile::read(borrow(bytes));
                if (!file)
                  return file.status();
                expectInside(file->bytes(), bytes);
                EXPECT_EQ(file->elementCount(), productOf(file->shape()));
                return Status::ok();
              });
}

TEST(Mutation, SafetensorsFiles) {
  TempDir dir;
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(dir.file("a"),
                                {{"a\x1b[2J\n", DType::BF16, {2, 3}},
                                 {"blocks", DType::U8, {4, 2, 16}},
                                 {"empty", DType::F32, {0, 7}}},
                                {{"format", "pt"}});
  ASSERT_TRUE(writer) << writer.status().message();
  ASSERT_TRUE(writer->append(std::vector<std::byte>(12 + 128)).isOk());
  ASSERT_TRUE(writer->commit().isOk());
  std::string good = readFile(dir.file("a"));
  readDamaged(good, good.size() - 140, [](const std::string &bytes) {
    Expected<SafetensorsFile> file = SafetensorsFile::read(borrow(bytes));
    if (!file)
      return file.status();
    for (const TensorView &tensor : file->tensors()) {
      expectInside(tensor.bytes(), bytes);
      EXPECT_EQ(tensor.size, tensorBytes(tensor.dtype, tensor.shape));
    }
    return Status::ok();
  });
}

TEST(Mutation, GgufFiles) {
  GgufHeader header;
  header.add("general.architecture", std::string_view("gpt-oss"));
  header.add("general.alignment", uint32_t(32));
  header.add("a.ratio\x1b[2J", 2.5f);
  const std::vector<std::string> texts = {"one", "\r\n", "three"};
  header.add("a.texts", std::span<const std::string>(texts));
  const std::vector<int32_t> numbers = {1, -2, 3};
  header.add("a.numbers", std::span<const int32_t>(numbers));
  const std::vector<uint64_t> vector = {3}, experts = {2, 3, 32};
  header.addTensor("v\n", vector, GgmlType::F32, 12);
  header.addTensor("e\x1b[2J", experts, GgmlType::Mxfp4, 102);
  std::string good = header.take();
  size_t size = good.size();
  good.resize(size + header.dataSize());
  readDamaged(good, size, [](const std::string &bytes) {
    Expected<GgufFile> file = GgufFile::read(borrow(bytes));
    if (!file)
      return file.status();
    for (const GgufTensor &tensor : file->tensors()) {
      expectInside(tensor.bytes, bytes);
      GgmlBlock block = *ggmlBlock(tensor.type);
      EXPECT_EQ(tensor.bytes.size(),
                productOf(tensor.shape) / block.elements * block.bytes);
    }
    return Status::ok();
  });
}

} // namespace
