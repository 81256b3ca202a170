//===- CudaAbi.h - What the code of the cuda target holds -------*- C -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The code section of an artifact for the target "cuda" is an ELF shared object
// for the host, as for the target "cpu". It exports
//
//   goss_step   the host's step (StepAbi.h): walks the plan and hands launches
//               to the device's dispatch table, and
//   goss_cuda   a goss_cuda_code: the device's code, and how each kernel of the
//               manifest is launched.
//
// Every device function has the same form of arguments, all of them 64-bit
// addresses of device memory:
//
//   function(binding 0, ..., binding num_bindings - 1, dims, scratch)
//
// with the bindings of the goss_launch, the address of a goss_dims and, where
// the variant asks for scratch memory, that of such memory (else null). Sizes
// of a step are read through `dims`, never passed by value: a recorded launch
// serves every step of equal T and R.
//
// Every change of a layout or of a meaning raises GOSS_CUDA_ABI_VERSION.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ABI_CUDAABI_H
#define GOSSAMER_RUNTIME_ABI_CUDAABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOSS_CUDA_ABI_VERSION 3

/// What a number of blocks or bytes is proportional to.
typedef enum goss_cuda_quantity {
  GOSS_CUDA_ONE = 0,
  GOSS_CUDA_TOKENS = 1,  ///< goss_dims.tokens.
  GOSS_CUDA_OUTPUTS = 2, ///< goss_dims.outputs.
} goss_cuda_quantity;

/// scale * ceil(quantity / divisor), but at most `limit` unless that is 0.
typedef struct goss_cuda_extent {
  uint32_t quantity; ///< goss_cuda_quantity.
  uint32_t divisor;  ///< at least 1.
  uint32_t scale;    ///< at least 1.
  uint32_t limit;
} goss_cuda_extent;

/// One launch of a device function. The stages of a variant run in order, each
/// after the one before has ended.
typedef struct goss_cuda_stage {
  const char *symbol;       ///< of the device code.
  goss_cuda_extent grid[3]; ///< blocks in x, y, z. A 0 means no launch.
  uint32_t block;           ///< threads of a block; all in x.
  uint32_t shared_bytes;    ///< static and dynamic shared memory of a block.
  uint32_t dynamic_shared_bytes; ///< to be asked for at the launch.
  uint32_t reserved;             ///< 0.
} goss_cuda_stage;

/// How a kernel is launched for up to `max_tokens` rows.
typedef struct goss_cuda_variant {
  uint32_t max_rows; ///< of `goss_cuda_kernel.rows`; the last: UINT32_MAX.
  uint32_t num_stages;
  const goss_cuda_stage *stages;
  goss_cuda_extent scratch; ///< in units of 256 bytes; `scale` 0: none.
} goss_cuda_variant;

/// Entry `i` is kernel `i` of the manifest. The first variant whose `max_rows`
/// is not below the step's number is used.
typedef struct goss_cuda_kernel {
  uint32_t num_bindings;
  uint32_t rows; ///< goss_cuda_quantity that selects the variant.
  uint32_t num_variants;
  uint32_t reserved; ///< 0.
  const goss_cuda_variant *variants;
} goss_cuda_kernel;

/// How a token is to be chosen by a row of logits; runtime/generate/Sampler.h
/// says what that means.
typedef struct goss_cuda_choice {
  double temperature; ///< 0: the token with the largest logit.
  double top_p;       ///< 1: off.
  double log_min_p;   ///< logarithm of min-p; -inf: off.
  double penalty;     ///< of repetition; 1: off.
  double uniform;     ///< what draws the token, in [0, 1).
  int32_t top_k;      ///< 0: off.
  int32_t is_wanted;  ///< 0: -1 is chosen.
} goss_cuda_choice;

/// Exported as "goss_cuda".
typedef struct goss_cuda_code {
  uint32_t abi_version; ///< GOSS_CUDA_ABI_VERSION.
  uint32_t size;        ///< sizeof(goss_cuda_code).
  const char *chip;     ///< "sm_90"; the architecture that it was made for.
  uint32_t ptx_version; ///< 78 for PTX 7.8; what the driver must understand.
  uint32_t num_kernels; ///< as in the manifest.
  const goss_cuda_kernel *kernels;
  const char *ptx;      ///< text, terminated by a zero.
  uint64_t ptx_size;    ///< without the zero.
  const uint8_t *cubin; ///< machine code for `chip`; null without one.
  uint64_t cubin_size;  ///< 0 without one.
  /// Chooses tokens; no kernel of the manifest. Of each row of logits its
  /// bindings have: the logits; a goss_cuda_choice; 1 + vocabulary / 32 words
  /// with a bit a token, lowest first, set for those that the penalty is for
  /// (null where no row has one); an int32 that is written, the token or -1
  /// where a logit is NaN or +inf, or all are -inf. May be null.
  const goss_cuda_kernel *choose;
} goss_cuda_code;

#ifdef __cplusplus
}
#endif

#endif // GOSSAMER_RUNTIME_ABI_CUDAABI_H
