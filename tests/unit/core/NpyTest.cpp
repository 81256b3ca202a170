//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Npy.h"
#include "TestFiles.h"
#include "gtest/gtest.h"
#include <array>
#include <cstring>

using namespace gossamer;

namespace {

TEST(Npy, RoundTripsFloats) {
  TempDir dir;
  std::array<float, 6> elements = {1, -2.5f, 3, 4, 5, 1e30f};
  std::array<uint64_t, 2> shape = {2, 3};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), elements, shape).isOk());
  std::string bytes = readFile(dir.file("a.npy"));
  EXPECT_EQ(bytes.size(), 128u + 24u);
  EXPECT_TRUE(bytes.starts_with(std::string("\x93NUMPY\x01\x00\x76\x00", 10) +
                                "{'descr': '<f4', 'fortran_order': False, "
                                "'shape': (2, 3), }  "));
  EXPECT_EQ(bytes[127], '\n');

  Expected<NpyArray> array = readNpy(dir.file("a.npy"));
  ASSERT_TRUE(array) << array.status().message();
  EXPECT_EQ(array->type, NpyArray::Type::F32);
  EXPECT_EQ(array->shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(array->floats,
            std::vector<float>(elements.begin(), elements.end()));
}

TEST(Npy, RoundTripsIntegersOfOneAndNoDimension) {
  TempDir dir;
  std::array<int32_t, 3> elements = {1, -2, 3};
  std::array<uint64_t, 1> shape = {3};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), elements, shape).isOk());
  EXPECT_NE(readFile(dir.file("a.npy")).find("'shape': (3,), }"),
            std::string::npos);
  EXPECT_EQ(readNpy(dir.file("a.npy"))->integers,
            (std::vector<int32_t>{1, -2, 3}));

  std::array<int32_t, 1> scalar = {9};
  ASSERT_TRUE(writeNpy(dir.file("b.npy"), scalar, {}).isOk());
  EXPECT_TRUE(readNpy(dir.file("b.npy"))->shape.empty());

  EXPECT_FALSE(writeNpy(dir.file("c.npy"), elements, {}).isOk());
  EXPECT_EQ(dir.fileCount(), 2u);
}

std::string npy(std::string_view header, std::string_view data = {},
                char major = 1) {
  std::string file = std::string("\x93NUMPY") + major + '\0';
  file += static_cast<char>(header.size());
  file += '\0';
  if (major > 1)
    file += std::string(2, '\0');
  return file + std::string(header) + std::string(data);
}

TEST(Npy, AcceptsOtherWritersHeaders) {
  TempDir dir;
  // Another order, double quotes, no spaces, no comma at the end, version 2.
  std::string path = dir.write(
      "a.npy",
      npy("{\"shape\":(1,2),\"fortran_order\":False,\"descr\":\"<i4\"}",
          "12345678", 2));
  Expected<NpyArray> array = readNpy(path);
  ASSERT_TRUE(array) << array.status().message();
  EXPECT_EQ(array->integers.size(), 2u);
}

TEST(Npy, RefusesDamagedFiles) {
  TempDir dir;
  const char *good =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  struct Case {
    std::string bytes;
    const char *message;
  };
  const Case cases[] = {
      {"", "is not a .npy file"},
      {std::string("\x93NUMPY\x01", 7), "is not a .npy file"},
      {npy(good, "12345678", 4), "expects .npy version 1, 2 or 3 but got 4"},
      {npy(good).substr(0, 40),
       "expects the header within the file but got a size of 57"},
      {npy(good, "1234567"), "expects 8 bytes of elements but got 7"},
      {npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
           "12345678"),
       "expects descr '<f4' or '<i4' but got '<f8'"},
      {npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
           "12345678"),
       "expects fortran_order False but got True"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
           "(4294967296, 4294967296), }"),
       "expects fewer than 2^64 bytes of elements but got 0"},
  };
  for (const Case &test : cases) {
    std::string path = dir.write("a.npy", test.bytes);
    Expected<NpyArray> array = readNpy(path);
    ASSERT_FALSE(array) << test.message;
    EXPECT_EQ(array.status().message(), path + ": " + test.message);
  }
  for (const char *header :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}"}) {
    Expected<NpyArray> array =
        readNpy(dir.write("a.npy", npy(header, "12345678")));
    ASSERT_FALSE(array) << header;
    EXPECT_TRUE(array.status().message().ends_with(
        "expects a header with descr, fortran_order and shape"));
  }
}

TEST(Npy, ReadsPartsOfAMappedFile) {
  TempDir dir;
  // A header of odd size: elements of any alignment.
  std::string elements(40, '\0');
  for (int32_t i = 0; i < 10; ++i)
    std::memcpy(elements.data() + 4 * i, &i, 4);
  std::string path = dir.write(
      "a.npy",
      npy("{'descr':'<i4','fortran_order':False,'shape':(5, 2)}", elements));
  Expected<NpyFile> file = NpyFile::open(path);
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->elementCount(), 10u);
  std::array<int32_t, 3> part = {};
  file->read(7, part);
  EXPECT_EQ(part, (std::array<int32_t, 3>{7, 8, 9}));
  file->read(10, std::span<int32_t>());
}

TEST(Npy, WritesPiecesOfAnyOrder) {
  TempDir dir;
  std::array<uint64_t, 2> shape = {3, 2};
  std::array<float, 2> a = {1, 2};
  std::array<float, 2> b = {3, 4};
  std::array<float, 2> c = {5, 6};
  {
    Expected<NpyWriter> writer =
        NpyWriter::create(dir.file("a.npy"), NpyType::F32, shape);
    ASSERT_TRUE(writer) << writer.status().message();
    ASSERT_TRUE(writer->write(4, c).isOk());
    ASSERT_TRUE(writer->write(0, a).isOk());
    EXPECT_FALSE(writer->commit().isOk()); // b is missing.
  }
  EXPECT_EQ(dir.fileCount(), 0u);
  Expected<NpyWriter> writer =
      NpyWriter::create(dir.file("a.npy"), NpyType::F32, shape);
  ASSERT_TRUE(writer) << writer.status().message();
  ASSERT_TRUE(writer->write(4, c).isOk());
  ASSERT_TRUE(writer->write(0, a).isOk());
  ASSERT_TRUE(writer->write(2, b).isOk());
  ASSERT_TRUE(writer->commit().isOk());
  EXPECT_EQ(readNpy(dir.file("a.npy"))->floats,
            (std::vector<float>{1, 2, 3, 4, 5, 6}));

  std::array<int32_t, 1> integer = {1};
  writer = NpyWriter::create(dir.file("b.npy"), NpyType::F32, shape);
  EXPECT_FALSE(writer->write(5, c).isOk());
  EXPECT_FALSE(writer->write(0, integer).isOk());
  std::array<uint64_t, 2> vast = {uint64_t(1) << 40, uint64_t(1) << 40};
  EXPECT_EQ(
      NpyWriter::create(dir.file("c.npy"), NpyType::F32, vast).status().code(),
      StatusCode::InvalidData);
  std::array<uint64_t, 1> large = {uint64_t(1) << 61};
  EXPECT_EQ(
      NpyWriter::create(dir.file("c.npy"), NpyType::F32, large).status().code(),
      StatusCode::IoError);
}

} // namespace
