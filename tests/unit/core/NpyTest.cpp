//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Npy.h"
#include "TestFiles.h"
#include "gtest/gtest.h"
#include <array>

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

} // namespace
