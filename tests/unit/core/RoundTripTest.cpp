//===- RoundTripTest.cpp - Random values survive writing and reading ------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Properties of the file formats, on values drawn from a fixed seed.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/weights/Npy.h"
#include "runtime/weights/Safetensors.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace gossamer;

namespace {

using Random = std::mt19937_64;

/// Any well-formed text: control characters, quotes, all planes.
std::string randomText(Random &random, size_t most) {
  constexpr const char *pieces[] = {
      "a",      "Z",      "0",      " ",      "/",          "\"",
      "\\",     "\n",     "\t",     "\x01",   "\x1B",       "\x7F",
      "\u00E9", "\u20AC", "\uFFFD", "\u2028", "\U0001F600", "\U0010FFFF"};
  std::string text;
  for (size_t count = random() % (most + 1); count > 0; --count)
    text += pieces[random() % std::size(pieces)];
  return text;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

/// A finite double with any bits.
double randomNumber(Random &random) {
  double value = std::bit_cast<double>(random());
  return std::isfinite(value) ? value : 0.5;
}

void writeRandom(Random &random, JsonWriter &json, unsigned depth) {
  switch (random() % (depth == 0 ? 5 : 7)) {
  case 0:
    json.null();
    return;
  case 1:
    json.value(random() % 2 == 0);
    return;
  case 2:
    json.value(static_cast<int64_t>(random()) >> (random() % 64));
    return;
  case 3:
    json.value(randomNumber(random));
    return;
  case 4:
    json.value(randomText(random, 8));
    return;
  case 5:
    json.beginArray();
    for (size_t count = random() % 5; count > 0; --count)
      writeRandom(random, json, depth - 1);
    json.endArray();
    return;
  default:
    json.beginObject();
    for (size_t count = random() % 5; count > 0; --count) {
      // The number makes names differ.
      json.key(randomText(random, 3) + std::to_string(count));
      writeRandom(random, json, depth - 1);
    }
    json.endObject();
  }
}

TEST(RoundTrip, JsonTrees) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    JsonWriter compact, indented(2);
    // The same tree twice, from the same state.
    Random again = random;
    compact.beginArray();
    indented.beginArray();
    for (int k = 0; k < 8; ++k) {
      writeRandom(random, compact, 5);
      writeRandom(again, indented, 5);
    }
    std::string text = compact.endArray().take();
    for (const std::string &written : {text, indented.endArray().take()}) {
      Expected<JsonDocument> document = JsonDocument::parse(written, "t");
      ASSERT_TRUE(document) << document.status().message() << written;
      EXPECT_EQ(JsonWriter().value(document->root()).take(), text);
    }
  }
}

TEST(RoundTrip, JsonNumbersKeepTheirBits) {
  Random random(2);
  for (int i = 0; i < 20000; ++i) {
    double number = randomNumber(random);
    auto integer = static_cast<int64_t>(random());
    std::string text = JsonWriter()
                           .beginArray()
                           .value(number)
                           .value(integer)
                           .endArray()
                           .take();
    Expected<JsonDocument> document = JsonDocument::parse(text, "t");
    ASSERT_TRUE(document) << text;
    auto element = document->root().begin();
    EXPECT_EQ(std::bit_cast<uint64_t>(*(*element).asNumber()),
              std::bit_cast<uint64_t>(number))
        << text;
    EXPECT_EQ(*(*++element).asInteger(), integer);
  }
}

//===----------------------------------------------------------------------===//
// NumPy arrays
//===----------------------------------------------------------------------===//

std::vector<uint64_t> randomShape(Random &random, size_t mostDimensions) {
  std::vector<uint64_t> shape(random() % (mostDimensions + 1));
  for (uint64_t &extent : shape)
    extent = random() % 5;
  return shape;
}

uint64_t productOf(const std::vector<uint64_t> &shape) {
  uint64_t product = 1;
  for (uint64_t extent : shape)
    product *= extent;
  return product;
}

/// A file as some writer may make it: any version, order of members, quotes,
/// spaces, padding and end of the shape's tuple.
std::string writeFreely(Random &random, const std::vector<uint64_t> &shape,
                        std::string_view elements, bool fortran = false) {
  auto space = [&] { return std::string(random() % 3, ' '); };
  std::string quote = random() % 2 ? "'" : "\"";
  std::string tuple = "(";
  for (size_t i = 0; i < shape.size(); ++i)
    tuple += space() + std::to_string(shape[i]) +
             (i + 1 < shape.size() || random() % 2 ? "," : "") + space();
  std::vector<std::string> members = {
      quote + "descr" + quote + space() + ":" + space() + quote + "<i4" + quote,
      quote + "fortran_order" + quote + ":" + space() +
          (fortran ? "True" : "False"),
      quote + "shape" + quote + ":" + space() + tuple + ")"};
  std::shuffle(members.begin(), members.end(), random);
  std::string header = space() + "{";
  for (size_t i = 0; i < members.size(); ++i)
    header +=
        space() + members[i] + space() + (i < 2 || random() % 2 ? "," : "");
  header += space() + "}" + std::string(random() % 70, ' ') + "\n";

  char major = static_cast<char>(1 + random() % 3);
  std::string file = std::string("\x93NUMPY") + major + '\0';
  uint64_t size = header.size();
  file.append(reinterpret_cast<const char *>(&size), major == 1 ? 2 : 4);
  return file + header + std::string(elements);
}

TEST(RoundTrip, NpyArraysOfRandomShape) {
  Random random(3);
  TempDir dir;
  for (int i = 0; i < 60; ++i) {
    std::vector<uint64_t> shape = randomShape(random, 5);
    std::vector<int32_t> integers(productOf(shape));
    std::vector<float> floats(integers.size());
    for (size_t k = 0; k < integers.size(); ++k) {
      integers[k] = static_cast<int32_t>(random());
      floats[k] = static_cast<float>(integers[k]) / 3;
    }
    std::string path = dir.file("a.npy");
    ASSERT_TRUE(writeNpy(path, integers, shape).isOk());
    EXPECT_EQ((readFile(path).size() - 4 * integers.size()) % 64, 0u);
    Expected<NpyArray> array = readNpy(path);
    ASSERT_TRUE(array) << array.status().message();
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->integers, integers);
    ASSERT_TRUE(writeNpy(path, floats, shape).isOk());
    EXPECT_EQ(readNpy(path)->floats, floats);

    std::string elements(reinterpret_cast<const char *>(integers.data()),
                         4 * integers.size());
    std::string file = writeFreely(random, shape, elements);
    array = readNpy(dir.write("a.npy", file));
    ASSERT_TRUE(array) << array.status().message() << "\n" << file;
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->integers, integers);

    // Columns first is another array, and a byte less is none.
    EXPECT_FALSE(readNpy(
        dir.write("a.npy", writeFreely(random, shape, elements, true))));
    file.pop_back();
    EXPECT_FALSE(readNpy(dir.write("a.npy", file)));
  }
}

//===----------------------------------------------------------------------===//
// Safetensors
//===----------------------------------------------------------------------===//

/// Tensors of any type, rank and name; packed types get whole bytes.
std::vector<SafetensorsWriter::Tensor> randomTensors(Random &random) {
  std::vector<SafetensorsWriter::Tensor> tensors(random() % 12);
  for (size_t i = 0; i < tensors.size(); ++i) {
    auto dtype = static_cast<DType>(random() %
                                    (static_cast<unsigned>(DType::F6E3M2) + 1));
    std::vector<uint64_t> shape = randomShape(random, 4);
    if (dtypeBits(dtype) % 8 != 0)
      shape.push_back(4);
    tensors[i] = {randomText(random, 6) + std::to_string(i), dtype, shape};
  }
  return tensors;
}

TEST(RoundTrip, SafetensorsOfRandomHeaders) {
  Random random(4);
  TempDir dir;
  std::string path = dir.file("a.safetensors");
  for (int i = 0; i < 60; ++i) {
    std::vector<SafetensorsWriter::Tensor> tensors = randomTensors(random);
    std::vector<std::pair<std::string, std::string>> metadata;
    for (size_t k = random() % 3; k > 0; --k)
      metadata.emplace_back(std::to_string(k) + randomText(random, 3),
                            randomText(random, 9));
    Expected<SafetensorsWriter> writer =
        SafetensorsWriter::create(path, tensors, metadata);
    ASSERT_TRUE(writer) << writer.status().message();
    std::vector<std::vector<std::byte>> contents;
    for (const SafetensorsWriter::Tensor &tensor : tensors) {
      std::vector<std::byte> &bytes = contents.emplace_back(
          tensorBytes(tensor.dtype, tensor.shape).value());
      for (std::byte &byte : bytes)
        byte = static_cast<std::byte>(random());
      ASSERT_TRUE(writer->append(bytes).isOk());
    }
    ASSERT_TRUE(writer->commit().isOk());

    Expected<SafetensorsFile> file = SafetensorsFile::open(path);
    ASSERT_TRUE(file) << file.status().message();
    EXPECT_EQ(file->tensors().size(), tensors.size());
    EXPECT_TRUE(std::equal(metadata.begin(), metadata.end(),
                           file->metadata().begin(), file->metadata().end()));
    for (size_t k = 0; k < tensors.size(); ++k) {
      const TensorView *view = file->find(tensors[k].name);
      ASSERT_TRUE(view) << tensors[k].name;
      EXPECT_EQ(view->dtype, tensors[k].dtype);
      EXPECT_EQ(view->shape, tensors[k].shape);
      EXPECT_TRUE(std::equal(contents[k].begin(), contents[k].end(),
                             view->bytes().begin(), view->bytes().end()));
    }
  }
}

} // namespace
