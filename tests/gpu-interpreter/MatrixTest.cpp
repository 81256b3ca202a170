//===- MatrixTest.cpp - Tensor-core operations ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Fragments are made here by the formulas of the PTX ISA (9.7.14.5.8, "Matrix
// Fragments for mma.m16n8k16"), element by element, and products compared with
// sums over scalars.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/KernelText.h"

#include "runtime/weights/FloatTypes.h"

#include <gtest/gtest.h>

#include <random>

using namespace gossamer;
using namespace gossamer::cuda::testing;

namespace {

using Words = std::vector<uint32_t>;
using Floats = std::vector<float>;

constexpr int kM = 16, kN = 8, kK = 16, kLanes = 32;

/// Small integers: sums are exact in any order.
Floats randomNumbers(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_int_distribution<int> distribution(-8, 8);
  Floats values(count);
  for (float &value : values)
    value = static_cast<float>(distribution(engine));
  return values;
}

/// Puts element `i` of lane's fragment into its register.
void pack(Words &fragments, int registers, int lane, int i, float value) {
  fragments[lane * registers + i / 2] |= uint32_t{f32ToBf16(value)}
                                         << (i % 2 * 16);
}

/// Element i of A: row groupID for 0 <= i < 2 and 4 <= i < 6, else groupID + 8;
/// column threadID_in_group * 2 + (i & 1), and 8 more for i >= 4.
Words fragmentsOfA(const Floats &a) {
  Words fragments(kLanes * 4);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 8; ++i) {
      bool isUpper = i < 2 || (i >= 4 && i < 6);
      int row = lane / 4 + (isUpper ? 0 : 8);
      int column = lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8);
      pack(fragments, 4, lane, i, a[row * kK + column]);
    }
  return fragments;
}

/// Element i of B: row threadID_in_group * 2 + (i & 1), and 8 more for i >= 2;
/// column groupID.
Words fragmentsOfB(const Floats &b) {
  Words fragments(kLanes * 2);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8);
      pack(fragments, 2, lane, i, b[row * kN + lane / 4]);
    }
  return fragments;
}

/// Where element i of C and D lies: row groupID for i < 2, else groupID + 8;
/// column threadID_in_group * 2 + (i & 1).
int placeInC(int lane, int i) {
  return (lane / 4 + (i < 2 ? 0 : 8)) * kN + lane % 4 * 2 + (i & 1);
}

const char *const kMultiply = R"(
  %pa = llvm.getelementptr %a1[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
  %pb = llvm.getelementptr %a2[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<2xi32>
  %pc = llvm.getelementptr %a3[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  %pd = llvm.getelementptr %a0[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  %va = llvm.load %pa {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
  %vb = llvm.load %pb {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xi32>
  %vc = llvm.load %pc {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xf32>
  %ra0 = vector.extract %va[0] : i32 from vector<4xi32>
  %ra1 = vector.extract %va[1] : i32 from vector<4xi32>
  %ra2 = vector.extract %va[2] : i32 from vector<4xi32>
  %ra3 = vector.extract %va[3] : i32 from vector<4xi32>
  %rb0 = vector.extract %vb[0] : i32 from vector<2xi32>
  %rb1 = vector.extract %vb[1] : i32 from vector<2xi32>
  %rc0 = vector.extract %vc[0] : f32 from vector<4xf32>
  %rc1 = vector.extract %vc[1] : f32 from vector<4xf32>
  %rc2 = vector.extract %vc[2] : f32 from vector<4xf32>
  %rc3 = vector.extract %vc[3] : f32 from vector<4xf32>
  %d = nvvm.mma.sync A[%ra0, %ra1, %ra2, %ra3] B[%rb0, %rb1] C[%rc0, %rc1, %rc2, %rc3]
    {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
     multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
     shape = #nvvm.shape<m = 16, n = 8, k = 16>}
    : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
  %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
  %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
  %vd = vector.from_elements %d0, %d1, %d2, %d3 : vector<4xf32>
  llvm.store %vd, %pd {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr<1>
)";

/// Writes each thread's row of 16 bytes (from the first argument) to shared
/// memory, and stores what ldmatrix gives, `num` words a thread, to the second.
std::string loadMatricesText(int num, const std::string &layout) {
  std::string type = num == 1   ? "i32"
                     : num == 2 ? "!llvm.struct<(i32, i32)>"
                                : "!llvm.struct<(i32, i32, i32, i32)>";
  std::string text = R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %from = llvm.getelementptr %a0[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
  %to = llvm.getelementptr %s[%t] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
  %row = llvm.load %from {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
  llvm.store %row, %to : vector<4xi32>, !llvm.ptr<3>
  gpu.barrier
)";
  text += "  %m = nvvm.ldmatrix %to {num = " + std::to_string(num) +
          " : i32, layout = #nvvm.mma_layout<" + layout +
          ">, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = "
          "#nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> " +
          type + "\n";
  text += "  %n = arith.constant " + std::to_string(num) +
          " : i32\n  %first = arith.muli %t, %n : i32\n"
          "  %out = llvm.getelementptr %a1[%first] : (!llvm.ptr<1>, i32) -> "
          "!llvm.ptr<1>, i32\n";
  for (int i = 0; i < num; ++i) {
    std::string n = std::to_string(i);
    std::string value = "%m";
    if (num > 1) {
      value = "%v" + n;
      text +=
          "  " + value + " = llvm.extractvalue %m[" + n + "] : " + type + "\n";
    }
    text += "  %p" + n + " = llvm.getelementptr %out[" + n +
            "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32\n  llvm.store " + value +
            ", %p" + n + " : i32, !llvm.ptr<1>\n";
  }
  return text;
}

const char *const kShared =
    "llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : "
    "i64} : !llvm.array<128 x i32>\n";

void checkProduct(const Floats &a, const Floats &b, const Floats &c) {
  Words inA = fragmentsOfA(a), inB = fragmentsOfB(b);
  Floats inC(kLanes * 4), out(kLanes * 4);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 4; ++i)
      inC[lane * 4 + i] = c[placeInC(lane, i)];
  ASSERT_EQ(
      runText(kMultiply, {}, {inOut(out), input(inA), input(inB), input(inC)}),
      "");
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 4; ++i) {
      int place = placeInC(lane, i), row = place / kN, column = place % kN;
      float want = c[place];
      for (int k = 0; k < kK; ++k)
        want += a[row * kK + k] * b[k * kN + column];
      ASSERT_EQ(out[lane * 4 + i], want) << row << ", " << column;
    }
}

} // namespace

TEST(Matrix, ProductsMatchScalars) {
  for (unsigned seed = 1; seed <= 5; ++seed)
    checkProduct(randomNumbers(kM * kK, seed),
                 randomNumbers(kK * kN, seed + 10),
                 randomNumbers(kM * kN, seed + 20));
}

// One element at a time: each is where the layout says, and nowhere else.
TEST(Matrix, SingleElements) {
  for (int row : {0, 7, 8, 15})
    for (int k : {0, 1, 6, 7, 8, 15}) {
      Floats a(kM * kK), b = randomNumbers(kK * kN, 3), c(kM * kN);
      a[row * kK + k] = 1;
      checkProduct(a, b, c);
    }
}

// Registers of ldmatrix: row lane / 4, elements lane % 4 * 2 and the next one;
// with .trans those of the transposed matrix.
TEST(Matrix, LoadsRowsFromSharedMemory) {
  for (int num : {1, 2, 4})
    for (const char *layout : {"row", "col"}) {
      std::vector<uint16_t> rows(kLanes * 8);
      for (size_t i = 0; i < rows.size(); ++i)
        rows[i] = static_cast<uint16_t>(i);
      Words out(kLanes * num);
      ASSERT_EQ(runText(loadMatricesText(num, layout), {},
                        {input(rows), inOut(out)}, kShared),
                "");
      for (int lane = 0; lane < kLanes; ++lane)
        for (int matrix = 0; matrix < num; ++matrix) {
          auto element = [&](int row, int column) -> uint32_t {
            if (std::string(layout) == "col")
              std::swap(row, column);
            return rows[(matrix * 8 + row) * 8 + column];
          };
          int column = lane % 4 * 2;
          ASSERT_EQ(out[lane * num + matrix],
                    element(lane / 4, column) | element(lane / 4, column + 1)
                                                    << 16)
              << num << " " << layout << ", lane " << lane;
        }
    }
}
