//===- SafetensorsTest.cpp - The safetensors container --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Safetensors.h"
#include "TestFiles.h"
#include "tests/TestPaths.h"
#include "gtest/gtest.h"

using namespace gossamer;

namespace {

/// A file with the header `json` and `dataBytes` bytes of data.
std::string container(std::string_view json, size_t dataBytes) {
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += static_cast<char>(json.size() >> (8 * i) & 255);
  file += json;
  for (size_t i = 0; i < dataBytes; ++i)
    file += static_cast<char>(i);
  return file;
}

std::string entry(const std::string &name, const std::string &dtype,
                  const std::string &shape, const std::string &offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

std::string openError(const std::string &content) {
  TempDir dir;
  std::string path = dir.write("a.safetensors", content);
  Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (file)
    return "accepted";
  EXPECT_EQ(file.status().code(), StatusCode::InvalidData);
  std::string message = file.status().message();
  EXPECT_TRUE(message.starts_with(path + ": ")) << message;
  return message.substr(path.size() + 2);
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  TempDir dir;
  std::string json = "{" + entry("b", "U8", "[3]", "[12,15]") +
                     ",\"__metadata__\":{\"format\":\"pt\",\"x\":\"y\"}," +
                     entry("a", "BF16", "[2,3]", "[0,12]") + "," +
                     entry("empty", "F32", "[0,5]", "[12,12]") + "," +
                     entry("scalar", "U8", "[]", "[15,16]") + "}   ";
  std::string path = dir.write("a.safetensors", container(json, 16));
  Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.status().message();
  ASSERT_EQ(file->tensors().size(), 4u);
  std::string order;
  for (const TensorView &tensor : file->tensors())
    order += tensor.name + " ";
  EXPECT_EQ(order, "a empty b scalar ");

  const TensorView *b = file->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, DType::U8);
  EXPECT_EQ(b->shape, std::vector<uint64_t>{3});
  EXPECT_EQ(b->offset, 8 + json.size() + 12);
  EXPECT_EQ(b->size, 3u);
  EXPECT_EQ(static_cast<int>(b->data[0]), 12);
  EXPECT_EQ(file->find("c"), nullptr);
  EXPECT_EQ(file->get("c").status().message(),
            path + ": tensor \"c\" is missing");
  EXPECT_EQ(*file->get("a"), file->find("a"));
  EXPECT_EQ(file->metadata()[1].second, "y");
  EXPECT_EQ(file->headerSize(), 8 + json.size());
  EXPECT_EQ(file->headerSha256(), sha256(container(json, 0)));

  SafetensorsFile moved = file.take();
  EXPECT_EQ(static_cast<int>(moved.find("b")->data[1]), 13);
}

TEST(Safetensors, ReadsAFileWithoutTensors) {
  EXPECT_EQ(openError(container("{}", 0)), "accepted");
}

TEST(Safetensors, RefusesDamagedPrefixes) {
  EXPECT_EQ(openError(""), "expects at least 8 bytes but got 0");
  EXPECT_EQ(openError("1234567"), "expects at least 8 bytes but got 7");
  EXPECT_EQ(openError(container("{}", 0).substr(0, 9)),
            "expects a header within the 9 bytes of the file but got one of 2 "
            "bytes at offset 8");
  std::string large(8, '\0');
  large[3] = 6; // 6 * 2^24 = 100663296
  EXPECT_EQ(openError(large + "{}"),
            "expects a header of at most 100000000 bytes but got 100663296");
  EXPECT_EQ(openError(std::string(8, '\xff') + "{}"),
            "expects a header of at most 100000000 bytes but got "
            "18446744073709551615");
  EXPECT_EQ(openError(container("", 3)),
            "header: expects a JSON object at offset 8");
  EXPECT_EQ(openError(container(" {}", 0)),
            "header: expects a JSON object at offset 8");
  EXPECT_EQ(openError(container("[]", 0)),
            "header: expects a JSON object at offset 8");
  EXPECT_EQ(openError(container("{\"a\"}", 0)),
            "header: is not valid JSON: line 1, column 5: unexpected '}'; "
            "expected ':'");
  EXPECT_EQ(openError(container(std::string("{}\0", 3), 0)),
            "header: is not valid JSON: zero byte at offset 2");
}

TEST(Safetensors, RefusesDamagedEntries) {
  auto check = [](const std::string &json, size_t dataBytes = 4) {
    return openError(container("{" + json + "}", dataBytes));
  };
  std::string good = entry("a", "U8", "[4]", "[0,4]");
  EXPECT_EQ(check(good), "accepted");
  EXPECT_EQ(check(good + "," + good),
            "header: is not valid JSON: the name \"a\" appears twice in one "
            "object");
  EXPECT_EQ(check(entry("a", "U9", "[4]", "[0,4]")),
            "header: field \"a.dtype\": expects a dtype of the format but got "
            "\"U9\"");
  EXPECT_EQ(check("\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}"),
            "header: field \"a.dtype\" is missing");
  EXPECT_EQ(check("\"a\":3"),
            "header: field \"a\": expects an object but got 3");
  EXPECT_EQ(check(entry("a", "U8", "4", "[0,4]")),
            "header: field \"a.shape\": expects an array but got 4");
  EXPECT_EQ(check(entry("a", "U8", "[-4]", "[0,4]")),
            "header: field \"a.shape[0]\": expects an integer of at least 0 "
            "but got -4");
  EXPECT_EQ(check(entry("a", "U8", "[4.0]", "[0,4]")),
            "header: field \"a.shape[0]\": expects an integer of at least 0 "
            "but got 4.0");
  EXPECT_EQ(check(entry("a", "U8", "[4]", "[0]")),
            "header: field \"a.data_offsets\": expects a begin and an end but "
            "got an array of 1 element");
  EXPECT_EQ(check(entry("a", "U8", "[4]", "[4,0]")),
            "header: field \"a.data_offsets\": expects begin <= end but got "
            "[4, 0]");
  EXPECT_EQ(check(entry("a", "U8", "[5]", "[0,4]")),
            "header: field \"a\": expects 5 bytes for U8 [5] but got 4");
  EXPECT_EQ(check(entry("a", "BF16", "[4]", "[0,4]")),
            "header: field \"a\": expects 8 bytes for BF16 [4] but got 4");
  EXPECT_EQ(check(entry("a", "U8", "[4294967296,4294967296]", "[0,0]")),
            "header: field \"a\": expects a whole number of bytes below 2^61 "
            "but got U8 [4294967296, 4294967296]");
  EXPECT_EQ(check(entry("a", "F4", "[7]", "[0,4]")),
            "header: field \"a\": expects a whole number of bytes below 2^61 "
            "but got F4 [7]");
  EXPECT_EQ(check("\"__metadata__\":3," + good),
            "header: field \"__metadata__\": expects an object but got 3");
  EXPECT_EQ(check("\"__metadata__\":{\"k\":1}," + good),
            "header: field \"__metadata__.k\": expects a string but got 1");
}

TEST(Safetensors, RefusesOverlapsHolesAndRests) {
  auto check = [](const std::string &json, size_t dataBytes) {
    return openError(container("{" + json + "}", dataBytes));
  };
  std::string a = entry("a", "U8", "[4]", "[0,4]");
  EXPECT_EQ(check(a, 3), "tensor \"a\": expects to end within the 3 bytes of "
                         "data but got end 4");
  EXPECT_EQ(check(entry("a", "U8", "[0]",
                        "[9223372036854775807,"
                        "9223372036854775807]"),
                  4),
            "tensor \"a\": expects to end within the 4 bytes of data but got "
            "end 9223372036854775807");
  EXPECT_EQ(check(a + "," + entry("b", "U8", "[4]", "[3,7]"), 7),
            "tensor \"b\": overlaps the tensor before it: expects to begin at "
            "4 but got 3");
  EXPECT_EQ(check(a + "," + entry("b", "U8", "[4]", "[0,4]"), 4),
            "tensor \"b\": overlaps the tensor before it: expects to begin at "
            "4 but got 0");
  EXPECT_EQ(check(a + "," + entry("b", "U8", "[2]", "[5,7]"), 7),
            "tensor \"b\": leaves a hole before it: expects to begin at 4 but "
            "got 5");
  EXPECT_EQ(check(entry("a", "U8", "[3]", "[1,4]"), 4),
            "tensor \"a\": leaves a hole before it: expects to begin at 0 but "
            "got 1");
  EXPECT_EQ(check(a, 6), "expects 4 bytes of data after the header but got 6");
}

TEST(Safetensors, EveryCutOfAFileIsRefused) {
  std::string file = container("{" + entry("a", "U8", "[4]", "[0,4]") + "}", 4);
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_NE(openError(file.substr(0, size)), "accepted") << size;
}

TEST(Safetensors, NamesAllTypes) {
  for (int i = 0; i <= static_cast<int>(DType::F6E3M2); ++i) {
    DType dtype = static_cast<DType>(i);
    EXPECT_EQ(dtypeFromName(dtypeName(dtype)), dtype);
    std::vector<uint64_t> shape = {8};
    EXPECT_EQ(tensorBytes(dtype, shape), dtypeBits(dtype));
  }
  EXPECT_EQ(dtypeFromName("F7"), std::nullopt);
  EXPECT_EQ(dtypeBits(DType::F6E2M3), 6u);
}

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  TempDir dir;
  auto write = [&](const std::string &name) {
    Expected<SafetensorsWriter> writer = SafetensorsWriter::create(
        dir.file(name), {{"x\"y", DType::BF16, {2, 2}}, {"b", DType::U8, {3}}},
        {{"format", "pt"}});
    ASSERT_TRUE(writer) << writer.status().message();
    EXPECT_TRUE(writer->append(asBytes("01234")).isOk());
    EXPECT_EQ(writer->commit().code(), StatusCode::Internal) << "too early";
    EXPECT_TRUE(writer->append(asBytes("567abc")).isOk());
    EXPECT_EQ(writer->append(asBytes("!")).code(), StatusCode::Internal);
    EXPECT_TRUE(writer->commit().isOk());
  };
  write("1");
  write("2");
  EXPECT_EQ(readFile(dir.file("1")), readFile(dir.file("2")));
  EXPECT_EQ(dir.fileCount(), 2u);
  Expected<SafetensorsFile> file = SafetensorsFile::open(dir.file("1"));
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->headerSize() % 8, 0u);
  EXPECT_EQ(file->metadata()[0].first, "format");
  const TensorView *b = file->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(static_cast<char>(b->data[2]), 'c');
  EXPECT_TRUE(file->find("x\"y"));
}

TEST(SafetensorsWriter, RefusesBadDeclarations) {
  TempDir dir;
  auto create = [&](std::vector<SafetensorsWriter::Tensor> tensors) {
    return SafetensorsWriter::create(dir.file("a"), std::move(tensors))
        .status()
        .message();
  };
  EXPECT_NE(create({{"a", DType::U8, {1}}, {"a", DType::U8, {1}}})
                .find("appears twice"),
            std::string::npos);
  EXPECT_NE(create({{"__metadata__", DType::U8, {1}}}).find("reserved"),
            std::string::npos);
  EXPECT_NE(create({{"a", DType::F32, {uint64_t(1) << 62}}}).find("below 2^61"),
            std::string::npos);
  EXPECT_EQ(dir.fileCount(), 0u);
}

TEST(Safetensors, ReadsTheEmbeddedModel) {
  Expected<SafetensorsFile> file = SafetensorsFile::open(
      GOSSAMER_SOURCE_DIR "/models/tiny-stories/model.safetensors");
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->tensors().size(), 6u * 19 + 3);
  Expected<const TensorView *> blocks =
      file->get("model.layers.0.mlp.experts.gate_up_proj_blocks");
  ASSERT_TRUE(blocks);
  EXPECT_EQ((*blocks)->shape, (std::vector<uint64_t>{16, 256, 6, 16}));
}

} // namespace
