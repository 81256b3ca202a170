//===- StepAbi.h - Contract between compiled code and the runtime -*- C -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The C structures that a compiled `step` function and the runtime exchange.
// The compiler emits code against these layouts; the runtime fills them. Every
// change of a layout or of a meaning raises GOSS_STEP_ABI_VERSION, which the
// artifact's manifest records and the loader compares.
//
// One step computes T tokens drawn from any number of sequences (a ragged
// batch). Token i has a vocabulary id, an absolute position in its sequence
// and the index of its sequence within this step. Keys and values live in
// pages of `page_tokens` positions; the page table of a sequence maps
// position / page_tokens to a page of the pool, or to -1 where a sliding
// window no longer needs the page.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ABI_STEPABI_H
#define GOSSAMER_RUNTIME_ABI_STEPABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOSS_STEP_ABI_VERSION 1

/// Sizes of one step; every kernel sees them.
typedef struct goss_dims {
  int64_t tokens;  ///< T, 1 ... max_tokens_per_step.
  int64_t outputs; ///< R, rows of logits asked for, 0 ... max_tokens_per_step.
  int64_t keys;    ///< largest position of the step + 1.
  int64_t sequences; ///< number of page-table rows.
} goss_dims;

/// One kernel over a range of independent work items.
typedef struct goss_launch {
  uint32_t id;                 ///< index into Manifest.launches.
  uint32_t kernel;             ///< index into Manifest.kernels.
  int64_t items;               ///< work items 0 ... items-1.
  const void *const *bindings; ///< Kernel.num_bindings pointers.
} goss_launch;

/// What the device offers compiled code. The same table for every target.
typedef struct goss_device_table {
  uint32_t abi_version; ///< GOSS_STEP_ABI_VERSION.
  uint32_t size;        ///< sizeof(goss_device_table).
  void *context;        ///< passed back to `dispatch`.
  /// Runs `count` launches that do not depend on each other and returns when
  /// all are done. Returns 0, or a code that `step` returns unchanged.
  int32_t (*dispatch)(void *context, const goss_launch *launches,
                      uint32_t count, const goss_dims *dims);
} goss_device_table;

/// One group of layers that share a retention rule (all keys, or a window).
typedef struct goss_cache_group {
  uint8_t *pages;            ///< page p starts at pages + p * page_bytes.
  const int32_t *page_table; ///< [sequences][max_pages], -1 = evicted.
} goss_cache_group;

/// All that one step reads and writes.
typedef struct goss_step_args {
  goss_dims dims;
  const int32_t *tokens;         ///< [T] vocabulary ids.
  const int32_t *positions;      ///< [T] absolute positions.
  const int32_t *sequences;      ///< [T] row of the page tables.
  const int32_t *outputs;        ///< [R] token indices whose logits are wanted.
  float *logits;                 ///< [R][vocabulary].
  uint8_t *arena;                ///< Manifest.arena_bytes, 64-byte aligned.
  const void *const *parameters; ///< one pointer a Manifest.tensors entry.
  const goss_cache_group *caches; ///< one a Manifest.cache.groups entry.
} goss_step_args;

/// Exported as "goss_step".
typedef int32_t (*goss_step_fn)(const goss_step_args *args,
                                const goss_device_table *device);

/// Exported under Kernel.symbol: computes work items [begin, end). Ranges of
/// one launch may run at the same time on different threads; results do not
/// depend on how the items are divided.
typedef void (*goss_kernel_fn)(const void *const *bindings,
                               const goss_dims *dims, int64_t begin,
                               int64_t end);

#ifdef __cplusplus
}
#endif

#endif // GOSSAMER_RUNTIME_ABI_STEPABI_H
