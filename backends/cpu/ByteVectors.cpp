//===- ByteVectors.cpp - Operations on vectors of 64 bytes ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/ByteVectors.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <numeric>

using namespace mlir;

namespace gossamer::cpu {

static Value bitcast(KernelBuilder &k, Value value, int64_t n, unsigned bits) {
  VectorType type = k.vec(n, k.b.getIntegerType(bits));
  return value.getType() == type
             ? value
             : vector::BitCastOp::create(k.b, k.loc, type, value).getResult();
}

static Value call(KernelBuilder &k, StringRef name, Type result,
                  ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(k.b, k.loc, result,
                                       k.b.getStringAttr(name), operands)
      .getResults();
}

static Value slice(KernelBuilder &k, Value v, int64_t from, int64_t n) {
  SmallVector<int64_t, 32> order(n);
  std::iota(order.begin(), order.end(), from);
  return k.shuffle(v, v, order);
}

/// Applies `f` to parts of `part` lanes of the operands and joins the results.
static Value byParts(KernelBuilder &k, ArrayRef<Value> operands, int64_t part,
                     llvm::function_ref<Value(ArrayRef<Value>)> f) {
  int64_t n = cast<VectorType>(operands[0].getType()).getNumElements();
  SmallVector<Value, 4> parts;
  for (int64_t i = 0; i < n; i += part) {
    SmallVector<Value, 2> slices;
    for (Value operand : operands)
      slices.push_back(slice(k, operand, i, part));
    parts.push_back(f(slices));
  }
  // Joined pairwise.
  while (parts.size() > 1) {
    SmallVector<Value, 4> joined;
    for (size_t i = 0; i < parts.size(); i += 2) {
      int64_t lanes = cast<VectorType>(parts[i].getType()).getNumElements();
      SmallVector<int64_t, 64> order(2 * lanes);
      std::iota(order.begin(), order.end(), 0);
      joined.push_back(k.shuffle(parts[i], parts[i + 1], order));
    }
    parts = joined;
  }
  return parts[0];
}

/// Sums of the products of neighbours: vector<16xi32> from 32 x i16 each.
static Value multiplyPairs(KernelBuilder &k, Value a, Value b) {
  auto multiply = [&](StringRef name, int64_t lanes) {
    return [&k, name, lanes](ArrayRef<Value> v) {
      return call(k, name, k.vec(lanes, k.b.getI32Type()), v);
    };
  };
  if (k.features.has("avx512bw"))
    return multiply("llvm.x86.avx512.pmaddw.d.512", 16)({a, b});
  if (k.features.has("avx2"))
    return byParts(k, {a, b}, 16, multiply("llvm.x86.avx2.pmadd.wd", 8));
  return byParts(k, {a, b}, 8, multiply("llvm.x86.sse2.pmadd.wd", 4));
}

Value dotBytes(KernelBuilder &k, Value acc, Value u, Value s) {
  if (k.features.has("avx512vnni") && k.features.has("avx512bw"))
    return call(k, "llvm.x86.avx512.vpdpbusd.512", acc.getType(), {acc, u, s});
  // Even and odd bytes as 16-bit numbers: no sum of two products overflows.
  Value us = bitcast(k, u, 32, 16), ss = bitcast(k, s, 32, 16);
  Type halves = us.getType();
  auto c = [&](int64_t value) { return k.constantInt(halves, value); };
  Value evenU = arith::AndIOp::create(k.b, k.loc, us, c(0xff));
  Value oddU = arith::ShRUIOp::create(k.b, k.loc, us, c(8));
  Value evenS = arith::ShLIOp::create(k.b, k.loc, ss, c(8));
  evenS = arith::ShRSIOp::create(k.b, k.loc, evenS, c(8));
  Value oddS = arith::ShRSIOp::create(k.b, k.loc, ss, c(8));
  Value even = multiplyPairs(k, evenU, evenS);
  Value odd = multiplyPairs(k, oddU, oddS);
  Value sum = arith::AddIOp::create(k.b, k.loc, even, odd);
  return arith::AddIOp::create(k.b, k.loc, acc, sum);
}

/// 12 + 2 w of each code, as often as `n` bytes have room for it.
static Value decodingTable(KernelBuilder &k, int64_t n) {
  static constexpr int8_t kDecoded[] = {12, 13, 14, 15, 16, 18, 20, 24,
                                        12, 11, 10, 9,  8,  6,  4,  0};
  SmallVector<int8_t, 64> bytes;
  while (static_cast<int64_t>(bytes.size()) < n)
    llvm::append_range(bytes, kDecoded);
  return arith::ConstantOp::create(
      k.b, k.loc,
      DenseElementsAttr::get(k.vec(n, k.b.getI8Type()),
                             ArrayRef<int8_t>(bytes)));
}

/// The bytes that bytes 0 ... 15 stand for.
static Value lookUp(KernelBuilder &k, Value codes) {
  if (k.features.has("avx512bw"))
    return call(k, "llvm.x86.avx512.pshuf.b.512", codes.getType(),
                {decodingTable(k, 64), codes});
  return byParts(k, {codes}, 32, [&](ArrayRef<Value> v) {
    return call(k, "llvm.x86.avx2.pshuf.b", v[0].getType(),
                {decodingTable(k, 32), v[0]});
  });
}

/// The same on any target.
static Value decode(KernelBuilder &k, Value codes) {
  if (k.features.has("avx2"))
    return lookUp(k, codes);
  // The doubled magnitude of code m is m + max(m - 4, 0) + 2 max(m - 6, 0).
  Type bytes = codes.getType();
  auto c = [&](int64_t value) { return k.constantInt(bytes, value); };
  auto above = [&](Value m, int64_t start) -> Value {
    Value difference = arith::SubIOp::create(k.b, k.loc, m, c(start));
    return arith::MaxSIOp::create(k.b, k.loc, difference, c(0));
  };
  Value m = arith::AndIOp::create(k.b, k.loc, codes, c(7));
  Value six = above(m, 6);
  Value doubled = arith::AddIOp::create(k.b, k.loc, m, above(m, 4));
  doubled = arith::AddIOp::create(k.b, k.loc, doubled, six);
  doubled = arith::AddIOp::create(k.b, k.loc, doubled, six);
  Value isNegative =
      arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::ugt, codes, c(7));
  Value minus = arith::SubIOp::create(k.b, k.loc, c(12), doubled);
  Value plus = arith::AddIOp::create(k.b, k.loc, c(12), doubled);
  return arith::SelectOp::create(k.b, k.loc, isNegative, minus, plus);
}

std::pair<Value, Value> decodeHalves(KernelBuilder &k, Value bytes) {
  // There is no shift of bytes: bits of the neighbour come in.
  Value halves = bitcast(k, bytes, 32, 16);
  halves = arith::ShRUIOp::create(k.b, k.loc, halves,
                                  k.constantInt(halves.getType(), 4));
  Value upper = bitcast(k, halves, 64, 8);
  if (k.features.has("avx512vbmi")) {
    // vpermb looks at six bits; entries that differ in the upper two are alike.
    Value table = decodingTable(k, 64);
    auto lookUpLow = [&](Value codes) {
      return call(k, "llvm.x86.avx512.permvar.qi.512", bytes.getType(),
                  {table, codes});
    };
    return {lookUpLow(bytes), lookUpLow(upper)};
  }
  Value mask = k.constantInt(bytes.getType(), 15);
  auto low = [&](Value codes) -> Value {
    return arith::AndIOp::create(k.b, k.loc, codes, mask);
  };
  return {decode(k, low(bytes)), decode(k, low(upper))};
}

/// Per group of four words of two vectors, the words that `pattern` names: 0 to
/// 3 of the first vector, 4 to 7 of the second.
static Value unpack(KernelBuilder &k, Value a, Value b,
                    std::array<int64_t, 4> pattern) {
  SmallVector<int64_t, 16> order;
  for (int64_t group = 0; group < 16; group += 4)
    for (int64_t p : pattern)
      order.push_back(p < 4 ? group + p : 16 + group + p - 4);
  return k.shuffle(a, b, order);
}

/// Whole groups of four words: 0 to 3 of the first vector, 4 to 7 of the
/// second.
static Value pickGroups(KernelBuilder &k, Value a, Value b,
                        std::array<int64_t, 4> groups) {
  SmallVector<int64_t, 16> order;
  for (int64_t group : groups)
    for (int64_t i = 0; i < 4; ++i)
      order.push_back(4 * group + i);
  return k.shuffle(a, b, order);
}

std::array<std::array<Value, 4>, 4> transposeBlocks(KernelBuilder &k,
                                                    ArrayRef<Value> rows) {
  // columns[i][g]: word i of rows 4g ... 4g+3, a group of four a block.
  std::array<std::array<Value, 4>, 4> columns;
  for (int64_t g = 0; g < 4; ++g) {
    ArrayRef<Value> four = rows.slice(4 * g, 4);
    Value low01 = unpack(k, four[0], four[1], {0, 4, 1, 5});
    Value high01 = unpack(k, four[0], four[1], {2, 6, 3, 7});
    Value low23 = unpack(k, four[2], four[3], {0, 4, 1, 5});
    Value high23 = unpack(k, four[2], four[3], {2, 6, 3, 7});
    columns[0][g] = unpack(k, low01, low23, {0, 1, 4, 5});
    columns[1][g] = unpack(k, low01, low23, {2, 3, 6, 7});
    columns[2][g] = unpack(k, high01, high23, {0, 1, 4, 5});
    columns[3][g] = unpack(k, high01, high23, {2, 3, 6, 7});
  }
  std::array<std::array<Value, 4>, 4> words;
  for (int64_t i = 0; i < 4; ++i) {
    const std::array<Value, 4> &c = columns[i];
    Value early = pickGroups(k, c[0], c[1], {0, 1, 4, 5});
    Value late = pickGroups(k, c[0], c[1], {2, 3, 6, 7});
    Value early2 = pickGroups(k, c[2], c[3], {0, 1, 4, 5});
    Value late2 = pickGroups(k, c[2], c[3], {2, 3, 6, 7});
    words[0][i] = pickGroups(k, early, early2, {0, 2, 4, 6});
    words[1][i] = pickGroups(k, early, early2, {1, 3, 5, 7});
    words[2][i] = pickGroups(k, late, late2, {0, 2, 4, 6});
    words[3][i] = pickGroups(k, late, late2, {1, 3, 5, 7});
  }
  return words;
}

} // namespace gossamer::cpu
