//===- Arithmetic.cpp - Operations element by element ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Arithmetic.h"

#include "tests/gpu-interpreter/Execution.h"
#include "tests/gpu-interpreter/Numbers.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"

#include <utility>

using namespace mlir;

namespace gossamer::cuda::testing {

//===----------------------------------------------------------------------===//
// Loops over threads
//===----------------------------------------------------------------------===//

template <typename R, typename A, typename Op>
static bool unary(Execution &x, const Instruction &i) {
  const A *a = x.plane<A>(i.operands[0]);
  R *r = x.plane<R>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    r[t] = Op()(a[t]);
  return true;
}

template <typename R, typename A, typename Op>
static bool binary(Execution &x, const Instruction &i) {
  const A *a = x.plane<A>(i.operands[0]), *b = x.plane<A>(i.operands[1]);
  R *r = x.plane<R>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    r[t] = Op()(a[t], b[t]);
  return true;
}

/// For operations that are not defined for all operands.
template <typename T, typename Op>
static bool checkedBinary(Execution &x, const Instruction &i) {
  const T *a = x.plane<T>(i.operands[0]), *b = x.plane<T>(i.operands[1]);
  T *r = x.plane<T>(i.result);
  bool isWrong = false;
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    isWrong |= Op::isWrong(a[t], b[t]);
  if (!isWrong)
    return binary<T, T, Op>(x, i);
  // That may have been threads that are not active.
  return forActive(x, [&](uint32_t t) {
    if (Op::isWrong(a[t], b[t]))
      return x.fail(i, t, Op::kWrong);
    r[t] = Op()(a[t], b[t]);
    return true;
  });
}

template <typename T> static bool select(Execution &x, const Instruction &i) {
  const auto *condition = x.plane<uint8_t>(i.operands[0]);
  const T *a = x.plane<T>(i.operands[1]), *b = x.plane<T>(i.operands[2]);
  T *r = x.plane<T>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    r[t] = condition[t] ? a[t] : b[t];
  return true;
}

//===----------------------------------------------------------------------===//
// Operations of three operands
//===----------------------------------------------------------------------===//

template <typename T>
static bool fusedMultiplyAdd(Execution &x, const Instruction &i) {
  const T *a = x.plane<T>(i.operands[0]), *b = x.plane<T>(i.operands[1]),
          *c = x.plane<T>(i.operands[2]);
  T *r = x.plane<T>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    r[t] = std::fma(a[t], b[t], c[t]);
  return true;
}

#if defined(__x86_64__)
/// The same with the processor's instruction; a call otherwise.
template <typename T>
__attribute__((target("avx2,fma"))) static bool
fusedMultiplyAddFast(Execution &x, const Instruction &i) {
  const T *a = x.plane<T>(i.operands[0]), *b = x.plane<T>(i.operands[1]),
          *c = x.plane<T>(i.operands[2]);
  T *r = x.plane<T>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    r[t] = std::fma(a[t], b[t], c[t]);
  return true;
}
#endif

template <typename T> static Handler fusedMultiplyAddHandler() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2"))
    return fusedMultiplyAddFast<T>;
#endif
  return fusedMultiplyAdd<T>;
}

/// prmt.b32 in its default mode: each nibble of the selector chooses a byte of
/// the eight of (b, a), or spreads its sign.
static bool permute(Execution &x, const Instruction &i) {
  const auto *a = x.plane<uint32_t>(i.operands[0]),
             *b = x.plane<uint32_t>(i.operands[1]),
             *selector = x.plane<uint32_t>(i.operands[2]);
  auto *r = x.plane<uint32_t>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t) {
    uint64_t bytes = (uint64_t{b[t]} << 32) | a[t];
    uint32_t result = 0;
    for (unsigned n = 0; n < 4; ++n) {
      uint32_t choice = selector[t] >> (4 * n);
      auto byte = static_cast<uint32_t>(bytes >> (8 * (choice & 7)) & 0xff);
      if (choice & 8)
        byte = byte & 0x80 ? 0xff : 0;
      result |= byte << (8 * n);
    }
    r[t] = result;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Choice by type
//===----------------------------------------------------------------------===//

/// `choose` gets a number of the type that elements are kept in.
template <typename Choose>
static Handler forIntegers(Type type, Choose choose) {
  if (type.isInteger(8))
    return choose(uint8_t{});
  if (type.isInteger(16))
    return choose(uint16_t{});
  if (type.isInteger(32))
    return choose(uint32_t{});
  if (type.isInteger(64) || type.isIndex())
    return choose(uint64_t{});
  return nullptr;
}

template <typename Choose> static Handler forFloats(Type type, Choose choose) {
  if (type.isF32())
    return choose(float{});
  if (type.isF64())
    return choose(double{});
  return nullptr;
}

template <typename Op> static Handler integerBinary(Type type) {
  return forIntegers(type, [](auto n) -> Handler {
    return binary<decltype(n), decltype(n), Op>;
  });
}

template <typename Op> static Handler bitwise(Type type) {
  return type.isInteger(1) ? binary<uint8_t, uint8_t, Op>
                           : integerBinary<Op>(type);
}

template <typename Op> static Handler integerChecked(Type type) {
  return forIntegers(
      type, [](auto n) -> Handler { return checkedBinary<decltype(n), Op>; });
}

template <typename Op> static Handler floatBinary(Type type) {
  return forFloats(type, [](auto n) -> Handler {
    return binary<decltype(n), decltype(n), Op>;
  });
}

template <size_t... predicates>
static Handler compareIntegers(arith::CmpIOp op, Type type,
                               std::index_sequence<predicates...>) {
  // An i1 is kept as 0 or 1, which compares like an unsigned number.
  auto isSigned = [](arith::CmpIPredicate p) {
    return p >= arith::CmpIPredicate::slt && p <= arith::CmpIPredicate::sge;
  };
  if (type.isInteger(1) && isSigned(op.getPredicate()))
    return nullptr;
  if (type.isInteger(1))
    type = IntegerType::get(type.getContext(), 8);
  Handler handlers[] = {forIntegers(type, [](auto n) -> Handler {
    return binary<
        uint8_t, decltype(n),
        CompareIntegers<static_cast<arith::CmpIPredicate>(predicates)>>;
  })...};
  return handlers[static_cast<size_t>(op.getPredicate())];
}

template <size_t... predicates>
static Handler compareFloats(arith::CmpFOp op, Type type,
                             std::index_sequence<predicates...>) {
  Handler handlers[] = {forFloats(type, [](auto n) -> Handler {
    return binary<uint8_t, decltype(n),
                  CompareFloats<resultsOf(
                      static_cast<arith::CmpFPredicate>(predicates))>>;
  })...};
  return handlers[static_cast<size_t>(op.getPredicate())];
}

static Handler selectHandler(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return nullptr;
  switch (type.isIndex() ? 64 : type.getIntOrFloatBitWidth()) {
  case 1:
  case 8:
    return select<uint8_t>;
  case 16:
    return select<uint16_t>;
  case 32:
    return select<uint32_t>;
  case 64:
    return select<uint64_t>;
  default:
    return nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// From integers to integers, `Op<R>` of a type R.
template <template <typename> typename Op>
static Handler convertIntegers(Type from, Type to) {
  return forIntegers(from, [&](auto a) -> Handler {
    return forIntegers(to, [](auto r) -> Handler {
      return unary<decltype(r), decltype(a), Op<decltype(r)>>;
    });
  });
}

static Handler extendHandler(Type from, Type to, bool isSigned) {
  if (!from.isInteger(1))
    return isSigned ? convertIntegers<ConvertSigned>(from, to)
                    : convertIntegers<Convert>(from, to);
  return forIntegers(to, [&](auto r) -> Handler {
    using R = decltype(r);
    return isSigned ? unary<R, uint8_t, SpreadBit<R>>
                    : unary<R, uint8_t, Convert<R>>;
  });
}

static Handler truncateHandler(Type from, Type to) {
  if (!to.isInteger(1))
    return convertIntegers<Convert>(from, to);
  return forIntegers(from, [](auto a) -> Handler {
    return unary<uint8_t, decltype(a), LowestBit>;
  });
}

static Handler toFloatHandler(Type from, Type to, bool isSigned) {
  return forIntegers(from, [&](auto a) -> Handler {
    return forFloats(to, [&](auto r) -> Handler {
      using R = decltype(r);
      return isSigned ? unary<R, decltype(a), ConvertSigned<R>>
                      : unary<R, decltype(a), Convert<R>>;
    });
  });
}

static Handler extendFloatHandler(Type from, Type to) {
  if (from.isF32() && to.isF64())
    return unary<double, float, Convert<double>>;
  if (from.isBF16() && to.isF32())
    return unary<float, uint16_t, FromBF16>;
  if (from.isF16() && to.isF32())
    return unary<float, uint16_t, FromF16>;
  return nullptr;
}

static Handler truncateFloatHandler(Type from, Type to) {
  if (from.isF64() && to.isF32())
    return unary<float, double, Convert<float>>;
  if (from.isF32() && to.isBF16())
    return unary<uint16_t, float, ToBF16>;
  if (from.isF32() && to.isF16())
    return unary<uint16_t, float, ToF16>;
  return nullptr;
}

static Handler intrinsicHandler(LLVM::CallIntrinsicOp op, Type type) {
  StringRef name = op.getIntrin();
  if (name == "llvm.nvvm.ex2.approx.ftz" ||
      name == "llvm.nvvm.ex2.approx.ftz.f")
    return type.isF32() ? unary<float, float, Exp2> : nullptr;
  if (name == "llvm.nvvm.sqrt.rn.f")
    return type.isF32() ? unary<float, float, Sqrt> : nullptr;
  if (name == "llvm.nvvm.prmt")
    return type.isInteger(32) ? permute : nullptr;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// Operations on integers, from `type` to itself.
static Handler integerHandler(Operation *op, Type type) {
  return llvm::TypeSwitch<Operation *, Handler>(op)
      .Case([&](arith::AddIOp) { return integerBinary<Add>(type); })
      .Case([&](arith::SubIOp) { return integerBinary<Subtract>(type); })
      .Case([&](arith::MulIOp) { return integerBinary<Multiply>(type); })
      .Case(
          [&](arith::DivUIOp) { return integerChecked<DivideUnsigned>(type); })
      .Case([&](arith::RemUIOp) {
        return integerChecked<RemainderUnsigned>(type);
      })
      .Case([&](arith::DivSIOp) { return integerChecked<DivideSigned>(type); })
      .Case(
          [&](arith::RemSIOp) { return integerChecked<RemainderSigned>(type); })
      .Case([&](arith::AndIOp) { return bitwise<And>(type); })
      .Case([&](arith::OrIOp) { return bitwise<Or>(type); })
      .Case([&](arith::XOrIOp) { return bitwise<Xor>(type); })
      .Case([&](arith::ShLIOp) { return integerChecked<ShiftLeft>(type); })
      .Case([&](arith::ShRUIOp) {
        return integerChecked<ShiftRightUnsigned>(type);
      })
      .Case([&](arith::ShRSIOp) {
        return integerChecked<ShiftRightSigned>(type);
      })
      .Case([&](arith::MinSIOp) { return integerBinary<MinSigned>(type); })
      .Case([&](arith::MaxSIOp) { return integerBinary<MaxSigned>(type); })
      .Case([&](arith::MinUIOp) { return integerBinary<MinUnsigned>(type); })
      .Case([&](arith::MaxUIOp) { return integerBinary<MaxUnsigned>(type); })
      .Default(nullptr);
}

/// Operations on floats, from `type` to itself.
static Handler floatHandler(Operation *op, Type type) {
  return llvm::TypeSwitch<Operation *, Handler>(op)
      .Case([&](arith::AddFOp) { return floatBinary<Add>(type); })
      .Case([&](arith::SubFOp) { return floatBinary<Subtract>(type); })
      .Case([&](arith::MulFOp) { return floatBinary<Multiply>(type); })
      .Case([&](arith::DivFOp) { return floatBinary<Divide>(type); })
      .Case<arith::MaxNumFOp, LLVM::MaxNumOp>(
          [&](auto) { return floatBinary<MaxNumber>(type); })
      .Case<arith::MinNumFOp, LLVM::MinNumOp>(
          [&](auto) { return floatBinary<MinNumber>(type); })
      .Case([&](arith::NegFOp) {
        return forFloats(type, [](auto n) -> Handler {
          return unary<decltype(n), decltype(n), Negate>;
        });
      })
      .Case([&](LLVM::FMAOp) {
        return forFloats(type, [](auto n) -> Handler {
          return fusedMultiplyAddHandler<decltype(n)>();
        });
      })
      .Case([&](LLVM::CallIntrinsicOp call) {
        return intrinsicHandler(call, type);
      })
      .Default(nullptr);
}

Handler arithmeticHandler(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumOperands() == 0)
    return nullptr;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  if (Handler handler = integerHandler(op, to))
    return handler;
  if (Handler handler = floatHandler(op, to))
    return handler;
  return llvm::TypeSwitch<Operation *, Handler>(op)
      .Case([&](arith::CmpIOp compare) {
        return compareIntegers(compare, from, std::make_index_sequence<10>());
      })
      .Case([&](arith::CmpFOp compare) {
        return compareFloats(compare, from, std::make_index_sequence<16>());
      })
      .Case([&](arith::SelectOp) { return selectHandler(to); })
      .Case([&](arith::ExtUIOp) { return extendHandler(from, to, false); })
      .Case([&](arith::ExtSIOp) { return extendHandler(from, to, true); })
      .Case([&](arith::TruncIOp) { return truncateHandler(from, to); })
      .Case([&](arith::IndexCastOp) { return extendHandler(from, to, true); })
      .Case(
          [&](arith::IndexCastUIOp) { return extendHandler(from, to, false); })
      .Case([&](arith::SIToFPOp) { return toFloatHandler(from, to, true); })
      .Case([&](arith::UIToFPOp) { return toFloatHandler(from, to, false); })
      .Case([&](arith::ExtFOp) { return extendFloatHandler(from, to); })
      .Case([&](arith::TruncFOp) { return truncateFloatHandler(from, to); })
      .Default(nullptr);
}

} // namespace gossamer::cuda::testing
