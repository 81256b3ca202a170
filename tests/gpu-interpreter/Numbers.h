//===- Numbers.h - Arithmetic of one thread ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What operations do with numbers, as function objects. Integers are kept in
// unsigned types, an i1 as 0 or 1. Those that are not defined for all operands
// have `isWrong` and what is then wrong.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_NUMBERS_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_NUMBERS_H

#include "runtime/weights/FloatTypes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gossamer::cuda::testing {

/// Wide enough to compute in without an overflow of int.
template <typename T>
using Wide = std::conditional_t<(sizeof(T) < 4), uint32_t, T>;
template <typename T> using Signed = std::make_signed_t<T>;

template <typename T> constexpr unsigned kBits = sizeof(T) * 8;

struct Add {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Wide<T>(a) + Wide<T>(b));
  }
};
struct Subtract {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Wide<T>(a) - Wide<T>(b));
  }
};
struct Multiply {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Wide<T>(a) * Wide<T>(b));
  }
};
struct Divide {
  template <typename T> T operator()(T a, T b) const { return a / b; }
};
struct Negate {
  template <typename T> T operator()(T a) const { return -a; }
};
struct And {
  template <typename T> T operator()(T a, T b) const { return a & b; }
};
struct Or {
  template <typename T> T operator()(T a, T b) const { return a | b; }
};
struct Xor {
  template <typename T> T operator()(T a, T b) const { return a ^ b; }
};

struct UnsignedDivision {
  static constexpr const char *kWrong = "divides by zero";
  template <typename T> static bool isWrong(T, T b) { return b == 0; }
};
struct DivideUnsigned : UnsignedDivision, Divide {};
struct RemainderUnsigned : UnsignedDivision {
  template <typename T> T operator()(T a, T b) const { return a % b; }
};

struct SignedDivision {
  static constexpr const char *kWrong =
      "divides by zero, or has a quotient that is too large";
  template <typename T> static bool isWrong(T a, T b) {
    return b == 0 || (Signed<T>(b) == -1 &&
                      Signed<T>(a) == std::numeric_limits<Signed<T>>::min());
  }
};
struct DivideSigned : SignedDivision {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Signed<T>(a) / Signed<T>(b));
  }
};
struct RemainderSigned : SignedDivision {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Signed<T>(a) % Signed<T>(b));
  }
};

struct Shift {
  static constexpr const char *kWrong = "shifts by the width or more";
  template <typename T> static bool isWrong(T, T b) { return b >= kBits<T>; }
};
struct ShiftLeft : Shift {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Wide<T>(a) << b);
  }
};
struct ShiftRightUnsigned : Shift {
  template <typename T> T operator()(T a, T b) const { return a >> b; }
};
struct ShiftRightSigned : Shift {
  template <typename T> T operator()(T a, T b) const {
    return static_cast<T>(Signed<T>(a) >> b);
  }
};

struct MinUnsigned {
  template <typename T> T operator()(T a, T b) const { return a < b ? a : b; }
};
struct MaxUnsigned {
  template <typename T> T operator()(T a, T b) const { return a > b ? a : b; }
};
struct MinSigned {
  template <typename T> T operator()(T a, T b) const {
    return Signed<T>(a) < Signed<T>(b) ? a : b;
  }
};
struct MaxSigned {
  template <typename T> T operator()(T a, T b) const {
    return Signed<T>(a) > Signed<T>(b) ? a : b;
  }
};
/// Of floats: the number, where the other one is none.
struct MinNumber {
  template <typename T> T operator()(T a, T b) const {
    return a < b || b != b ? a : b;
  }
};
struct MaxNumber {
  template <typename T> T operator()(T a, T b) const {
    return a > b || b != b ? a : b;
  }
};

template <mlir::arith::CmpIPredicate predicate> struct CompareIntegers {
  template <typename T> uint8_t operator()(T a, T b) const {
    auto l = Signed<T>(a), r = Signed<T>(b);
    switch (predicate) {
    case mlir::arith::CmpIPredicate::eq:
      return a == b;
    case mlir::arith::CmpIPredicate::ne:
      return a != b;
    case mlir::arith::CmpIPredicate::slt:
      return l < r;
    case mlir::arith::CmpIPredicate::sle:
      return l <= r;
    case mlir::arith::CmpIPredicate::sgt:
      return l > r;
    case mlir::arith::CmpIPredicate::sge:
      return l >= r;
    case mlir::arith::CmpIPredicate::ult:
      return a < b;
    case mlir::arith::CmpIPredicate::ule:
      return a <= b;
    case mlir::arith::CmpIPredicate::ugt:
      return a > b;
    case mlir::arith::CmpIPredicate::uge:
      return a >= b;
    }
    return 0;
  }
};

/// The results that satisfy a predicate: 1 equal, 2 greater, 4 less, 8
/// unordered.
constexpr unsigned resultsOf(mlir::arith::CmpFPredicate predicate) {
  using Predicate = mlir::arith::CmpFPredicate;
  switch (predicate) {
  case Predicate::UNO:
    return 8;
  case Predicate::AlwaysTrue:
    return 15;
  default: // Others are numbered by their results, UNO left out.
    auto number = static_cast<unsigned>(predicate);
    return predicate < Predicate::UEQ ? number : number + 1;
  }
}

template <unsigned wanted> struct CompareFloats {
  template <typename T> uint8_t operator()(T a, T b) const {
    unsigned found = (a == b ? 1 : 0) | (a > b ? 2 : 0) | (a < b ? 4 : 0);
    return ((found ? found : 8) & wanted) != 0;
  }
};

template <typename R> struct Convert {
  template <typename T> R operator()(T a) const { return static_cast<R>(a); }
};
/// Through the signed type of the operand.
template <typename R> struct ConvertSigned {
  template <typename T> R operator()(T a) const {
    return static_cast<R>(Signed<T>(a));
  }
};
template <typename R> struct SpreadBit {
  R operator()(uint8_t a) const { return static_cast<R>(-R{a}); }
};
struct LowestBit {
  template <typename T> uint8_t operator()(T a) const { return a & 1; }
};
struct ToBF16 {
  uint16_t operator()(float a) const { return f32ToBf16(a); }
};
struct FromBF16 {
  float operator()(uint16_t a) const { return bf16ToF32(a); }
};
struct ToF16 {
  uint16_t operator()(float a) const { return f32ToF16(a); }
};
struct FromF16 {
  float operator()(uint16_t a) const { return f16ToF32(a); }
};

/// ex2.approx.ftz.f32: subnormal operands and results are zero.
struct Exp2 {
  static float flush(float a) {
    return std::fabs(a) < std::numeric_limits<float>::min()
               ? std::copysign(0.0F, a)
               : a;
  }
  float operator()(float a) const { return flush(std::exp2(flush(a))); }
};
struct Sqrt {
  float operator()(float a) const { return std::sqrt(a); }
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_NUMBERS_H
