//===- VectorIsa.h - Loops compiled for several instruction sets -*- C++ -*-==//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The programs run on any processor of the baseline. Where bytes are made in
// bulk, a plain loop that the compiler vectorizes is compiled once for each set
// of vector instructions, and the best one that the processor has is taken.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_VECTORISA_H
#define GOSSAMER_FRONTEND_CHECKPOINT_VECTORISA_H

#include <cstdint>

/// Of a function that is to be compiled for each set: inlined into functions
/// that are allowed these instructions, whatever the size.
#define GOSS_VECTOR_INLINE [[gnu::always_inline]] inline
/// The same of a lambda, behind its parameters.
#define GOSS_VECTOR_LAMBDA __attribute__((always_inline))

namespace gossamer {

/// Vector instructions that bytes can be made with; none changes a byte.
enum class VectorIsa : uint8_t { Baseline, Avx2, Avx512 };

/// The best that this processor has.
VectorIsa bestVectorIsa();

namespace detail {
#ifdef __x86_64__
template <typename Work>
[[gnu::target("avx2")]] void callWithAvx2(const Work &work) {
  work();
}

template <typename Work>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void
callWithAvx512(const Work &work) {
  work();
}
#endif
} // namespace detail

/// Calls `work`, a GOSS_VECTOR_LAMBDA, compiled for these instructions, which
/// the processor must have.
template <typename Work> void callWith(VectorIsa isa, const Work &work) {
#ifdef __x86_64__
  if (isa == VectorIsa::Avx512)
    return detail::callWithAvx512(work);
  if (isa == VectorIsa::Avx2)
    return detail::callWithAvx2(work);
#endif
  work();
}

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_VECTORISA_H
