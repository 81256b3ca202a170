//===- KernelBuilder.h - Writing device functions ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The vocabulary in which device functions are written: a thin layer over the
// operations that docs/nvidia-backend.md allows ("the level that kernels are
// written at"). One builder writes one gpu.func, from the view of one thread.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_KERNELBUILDER_H
#define GOSSAMER_BACKENDS_CUDA_KERNELBUILDER_H

#include "backends/cpu/KernelDescription.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <type_traits>

namespace gossamer::cuda {

using cpu::CacheForm;
using cpu::Element;
using cpu::KernelDescription;
using cpu::Layout;
using cpu::WeightForm;

inline constexpr int64_t kWarp = 32;

/// Address spaces of pointers.
inline constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3;

inline int64_t ceilDiv(int64_t n, int64_t d) { return (n + d - 1) / d; }

class KernelBuilder;

/// A value of a thread: i1, i8 ... i64, f32, f64, a small vector of these, or
/// an address. Operators are those of its type; integers are divided unsigned
/// and compared signed. Both sides have one type; a C++ number takes the
/// other's.
class Val {
public:
  Val() = default;
  Val(KernelBuilder &k, mlir::Value value) : k_(&k), value_(value) {}
  operator mlir::Value() const { return value_; }
  explicit operator bool() const { return static_cast<bool>(value_); }
  mlir::Type type() const { return value_.getType(); }
  KernelBuilder &builder() const { return *k_; }

private:
  KernelBuilder *k_ = nullptr;
  mlir::Value value_;
};

using Vals = llvm::SmallVector<Val, 4>;

Val operator+(Val l, Val r);
Val operator-(Val l, Val r);
Val operator*(Val l, Val r);
Val operator/(Val l, Val r);
Val operator%(Val l, Val r);
Val operator&(Val l, Val r);
Val operator|(Val l, Val r);
Val operator^(Val l, Val r);
Val operator<<(Val l, Val r);
Val operator>>(Val l, Val r); ///< of unsigned integers.
Val operator<(Val l, Val r);
Val operator==(Val l, Val r);
Val operator!=(Val l, Val r);
inline Val operator>(Val l, Val r) { return r < l; }

/// A number in the type of `like`.
Val makeConstant(Val like, double value);
Val makeConstant(Val like, int64_t value);

template <typename T>
concept Number = std::is_arithmetic_v<T>;
template <Number T> Val likewise(Val like, T value) {
  if constexpr (std::is_floating_point_v<T>)
    return makeConstant(like, static_cast<double>(value));
  else
    return makeConstant(like, static_cast<int64_t>(value));
}
#define GOSS_NUMBER_OPERATOR(op)                                               \
  template <Number T> Val operator op(Val l, T r) {                            \
    return l op likewise(l, r);                                                \
  }                                                                            \
  template <Number T> Val operator op(T l, Val r) {                            \
    return likewise(r, l) op r;                                                \
  }
GOSS_NUMBER_OPERATOR(+)
GOSS_NUMBER_OPERATOR(-)
GOSS_NUMBER_OPERATOR(*)
GOSS_NUMBER_OPERATOR(/)
GOSS_NUMBER_OPERATOR(%)
GOSS_NUMBER_OPERATOR(&)
GOSS_NUMBER_OPERATOR(|)
GOSS_NUMBER_OPERATOR(<<)
GOSS_NUMBER_OPERATOR(>>)
GOSS_NUMBER_OPERATOR(<)
GOSS_NUMBER_OPERATOR(>)
GOSS_NUMBER_OPERATOR(==)
GOSS_NUMBER_OPERATOR(!=)
#undef GOSS_NUMBER_OPERATOR

/// Elements of one type from an address on. A bf16 is stored as an i16.
class Array {
public:
  Array() = default;
  Array(Val address, mlir::Type element)
      : address_(address), element_(element) {}
  explicit operator bool() const { return static_cast<bool>(address_); }

  mlir::Type element() const { return element_; }
  Val address() const { return address_; }
  /// The elements from `index` (i32 or i64) on.
  Array at(Val index) const;
  /// The same memory as elements of another type.
  Array as(mlir::Type element) const { return {address_, element}; }

  /// An element as it is stored.
  Val load(Val index) const;
  /// An element of a float type as f32.
  Val value(Val index) const;
  /// `n` elements at a multiple of `n` elements, as they are stored.
  Val loadVector(Val index, int64_t n) const;
  /// Stores a value of the element's type, or an f32 rounded to it.
  void store(Val index, Val value) const;
  void storeVector(Val index, Val value) const;

private:
  Val address_;
  mlir::Type element_;
};

class KernelBuilder {
public:
  /// Writes at the end of `function`, whose arguments are the bindings'
  /// addresses, the dims and the scratch memory.
  KernelBuilder(mlir::gpu::GPUFuncOp function, const KernelDescription &kernel,
                int64_t block);

  // Bindings. -----------------------------------------------------------------
  /// Binding `i` as stored; `part` 1: scales, or the page table.
  Array arg(unsigned i, unsigned part = 0);
  const WeightForm &weightAt(unsigned i) const {
    return std::get<WeightForm>(kernel.bindings[i]);
  }
  mlir::MemRefType typeAt(unsigned i) const {
    return std::get<mlir::MemRefType>(kernel.bindings[i]);
  }
  /// Elements of a row (all but the first dimension) of a memref.
  int64_t rowSize(unsigned i) const;
  /// Row `row` of a memref.
  Array row(unsigned i, Val row) { return rowOf(arg(i), row, rowSize(i)); }
  /// Elements from row * size on; may be beyond 2^31 elements.
  Array rowOf(Array array, Val row, int64_t size);
  /// Scratch memory of the launch.
  Array scratch(mlir::Type element);

  // Sizes and places. ---------------------------------------------------------
  Val tokens() { return dimension(0); }
  Val outputs() { return dimension(1); }
  Val keys() { return dimension(2); }
  Val thread(); ///< 0 ... block-1.
  Val lane() { return thread() % kWarp; }
  Val warp() { return thread() / kWarp; }
  Val blockX() { return blockId(mlir::gpu::Dimension::x); }
  Val blockY() { return blockId(mlir::gpu::Dimension::y); }
  Val blockZ() { return blockId(mlir::gpu::Dimension::z); }

  // Constants and types. ------------------------------------------------------
  Val i1(bool value);
  Val i32(int64_t value);
  Val i64(int64_t value);
  Val f32(double value);
  mlir::Type i8Type() { return b.getI8Type(); }
  mlir::Type i32Type() { return b.getI32Type(); }
  mlir::Type f32Type() { return b.getF32Type(); }
  /// A table of numbers in the module.
  Array table(llvm::ArrayRef<double> values);

  // Arithmetic. ---------------------------------------------------------------
  Val fma(Val a, Val x, Val c);
  Val neg(Val v);
  Val min(Val l, Val r); ///< of floats the one that is a number; signed.
  Val max(Val l, Val r);
  Val select(Val condition, Val yes, Val no);
  Val sqrt(Val v);
  Val exp2(Val v); ///< 2^v within 2 ulp; subnormals are 0.
  Val exp(Val v);  ///< e^v within (2 + |v|) ulp.
  Val sigmoid(Val v);
  Val swiglu(Val gate, Val up);
  /// Sine and cosine of an f64 angle up to 2^20.
  std::pair<Val, Val> sinCos(Val angle);
  Val bitcast(Val v, mlir::Type type);
  Val extend(Val v, mlir::Type type); ///< unsigned.
  Val toI64(Val v);                   ///< signed.
  Val truncate(Val v, mlir::Type type);
  Val toFloat(Val v, mlir::Type type); ///< of a signed integer.
  Val toF32(Val v);                    ///< from f64 or a stored float.
  Val toF64(Val v);                    ///< from f32.
  Val toBF16(Val v);                   ///< f32 to the bits of the nearest bf16.
  Val extract(Val vector, int64_t i);
  Val vector(llvm::ArrayRef<Val> elements);
  /// Value of a 4-bit code in an i32.
  Val decodeE2M1(Val code);
  /// Values times 2^-14 of codes j and j + 4 of the eight in a word.
  std::pair<Val, Val> decodeE2M1Pair(Val word, int64_t j);
  /// 2^(s-127) of an E8M0 byte in an i32; 2^-127 is a subnormal.
  Val scaleFromE8M0(Val bits);

  // Control. ------------------------------------------------------------------
  void forEach(Val from, Val to, Val step, llvm::function_ref<void(Val)> body);
  Vals forCarry(Val from, Val to, Val step, llvm::ArrayRef<Val> inits,
                llvm::function_ref<Vals(Val, llvm::ArrayRef<Val>)> body);
  /// The block's threads divide 0 ... n-1.
  void forThreads(Val n, llvm::function_ref<void(Val)> body) {
    forEach(thread(), n, i32(block), body);
  }
  /// A warp's lanes divide 0 ... n-1.
  Vals carryLanes(Val n, llvm::ArrayRef<Val> inits,
                  llvm::function_ref<Vals(Val, llvm::ArrayRef<Val>)> body) {
    return forCarry(lane(), n, i32(kWarp), inits, body);
  }
  void ifThen(Val condition, llvm::function_ref<void()> body);
  Vals ifElse(Val condition, llvm::function_ref<Vals()> yes,
              llvm::function_ref<Vals()> no);

  // Threads together. ---------------------------------------------------------
  void barrier();
  Val shuffleXor(Val v, int64_t mask);
  Val shuffleIdx(Val v, Val lane);
  /// Over the lanes of a warp, in the order 16, 8, 4, 2, 1; all lanes have it.
  Val warpReduce(Val v, llvm::function_ref<Val(Val, Val)> combine);
  Val warpSum(Val v);
  Val warpMax(Val v);
  /// Adds the product of 16x16 weights and 16x8 inputs, bf16 in the fragments
  /// of mma.m16n8k16 (four and two words a lane), to four sums a lane.
  void multiplyTiles(llvm::ArrayRef<Val> weights, llvm::ArrayRef<Val> inputs,
                     llvm::MutableArrayRef<Val> sums);
  /// Over the block, warps in ascending order; all threads have it. Holds
  /// barriers.
  Val blockReduce(Val v, llvm::function_ref<Val(Val, Val)> combine);
  Val blockSum(Val v);
  Val blockMax(Val v);
  /// Adds to an i32 of shared memory, atomically; what was there before.
  Val addAtomic(Array array, Val index, Val value);
  /// Shared memory of the block.
  Array shared(mlir::Type element, int64_t count);

  mlir::OpBuilder b;
  const mlir::Location loc;
  const KernelDescription &kernel;
  const int64_t block; ///< threads.
  uint32_t sharedBytes = 0;

private:
  Val dimension(int64_t number);
  Val blockId(mlir::gpu::Dimension dimension);
  Val indexToI32(mlir::Value index);
  mlir::LLVM::GlobalOp makeGlobal(llvm::StringRef name, mlir::Type type,
                                  bool isConstant, unsigned space,
                                  mlir::Attribute value);

  mlir::gpu::GPUFuncOp function_;
  unsigned globals_ = 0;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_KERNELBUILDER_H
