// A step for the target cuda in miniature: tokens go to the pages of a cache,
// and logits[r][v] = weights[v] * sum over the visible keys k of token k * (k +
// 1). What kernels do is in CudaDeviceTest.cpp; here is what is launched.

#include "runtime/abi/CudaAbi.h"
#include "runtime/abi/StepAbi.h"

static const char ptx[] =
    ".version 7.8\n.target sm_90\n"
    ".visible .entry tiny_append(.param .u64 tokens, .param .u64 positions, "
    ".param .u64 sequences, .param .u64 table, .param .u64 pages, "
    ".param .u64 dims, .param .u64 scratch)\n{\n}\n"
    ".visible .entry tiny_append_1_0(.param .u64 tokens, .param .u64 positions,"
    " .param .u64 sequences, .param .u64 table, .param .u64 pages, "
    ".param .u64 dims, .param .u64 scratch)\n{\n}\n"
    ".visible .entry tiny_append_1_1(.param .u64 tokens, .param .u64 positions,"
    " .param .u64 sequences, .param .u64 table, .param .u64 pages, "
    ".param .u64 dims, .param .u64 scratch)\n{\n}\n"
    ".visible .entry tiny_mark(.param .u64 arena, .param .u64 dims, "
    ".param .u64 scratch)\n{\n}\n"
    ".visible .entry tiny_attend(.param .u64 positions, .param .u64 sequences,"
    " .param .u64 outputs, .param .u64 table, .param .u64 pages, "
    ".param .u64 weights, .param .u64 logits, .param .u64 dims, "
    ".param .u64 scratch)\n{\n}\n"
    ".visible .entry tiny_choose(.param .u64 logits, .param .u64 choices, "
    ".param .u64 seen, .param .u64 tokens, .param .u64 dims, "
    ".param .u64 scratch)\n{\n}\n";

#define ONE {GOSS_CUDA_ONE, 1, 1, 0}
#define NONE {GOSS_CUDA_ONE, 1, 0, 0}
#define TOKENS {GOSS_CUDA_TOKENS, 1, 1, 0}
#define OUTPUTS {GOSS_CUDA_OUTPUTS, 1, 1, 0}

static const goss_cuda_stage append[] = {
    {"tiny_append", {TOKENS, ONE, ONE}, 32, 0, 0, 0}};
static const goss_cuda_stage append_many[] = {
    {"tiny_append_1_0", {TOKENS, ONE, ONE}, 64, 0, 0, 0},
    {"tiny_append_1_1",
     {{GOSS_CUDA_TOKENS, 4, 2, 0}, {GOSS_CUDA_TOKENS, 1, 1, 3}, ONE},
     128,
     65536,
     65536,
     0}};
static const goss_cuda_variant append_variants[] = {
    {4, 1, append, NONE},
    {UINT32_MAX, 2, append_many, {GOSS_CUDA_TOKENS, 64, 1, 0}}};

static const goss_cuda_stage mark[] = {
    {"tiny_mark", {ONE, ONE, ONE}, 1, 0, 0, 0}};
static const goss_cuda_variant mark_variants[] = {{UINT32_MAX, 1, mark, ONE}};

static const goss_cuda_stage attend[] = {
    {"tiny_attend", {OUTPUTS, ONE, ONE}, 1024, 0, 0, 0}};
static const goss_cuda_variant attend_variants[] = {
    {UINT32_MAX, 1, attend, NONE}};

static const goss_cuda_kernel kernels[] = {
    {5, GOSS_CUDA_TOKENS, 2, 0, append_variants},
    {1, GOSS_CUDA_ONE, 1, 0, mark_variants},
    {7, GOSS_CUDA_OUTPUTS, 1, 0, attend_variants}};

static const goss_cuda_stage choose_stages[] = {
    {"tiny_choose", {OUTPUTS, ONE, ONE}, 64, 0, 0, 0}};
static const goss_cuda_variant choose_variants[] = {
    {UINT32_MAX, 1, choose_stages, OUTPUTS}};
static const goss_cuda_kernel choose = {4, GOSS_CUDA_OUTPUTS, 1, 0,
                                        choose_variants};

// Machine code is refused by the fake when it begins like an ELF file.
static const uint8_t cubin[] = {0x7f, 'E', 'L', 'F'};

const goss_cuda_code goss_cuda = {GOSS_CUDA_ABI_VERSION,
                                  sizeof(goss_cuda_code),
                                  "sm_90",
                                  78,
                                  3,
                                  kernels,
                                  ptx,
                                  sizeof(ptx) - 1,
                                  cubin,
                                  sizeof(cubin),
                                  &choose};

int32_t goss_step(const goss_step_args *args, const goss_device_table *device) {
  if (args->dims.tokens == 99)
    return 42;
  // Addresses are computed with, nothing is read.
  const void *appended[] = {args->tokens, args->positions, args->sequences,
                            args->caches[0].page_table, args->caches[0].pages};
  const void *marked[] = {args->arena};
  goss_launch first[] = {{0, 0, args->dims.tokens, appended},
                         {1, 1, 1, marked}};
  if (args->dims.tokens == 98)
    first[1].kernel = 7;
  int32_t result = device->dispatch(device->context, first, 2, &args->dims);
  if (result)
    return result;
  const void *attended[] = {args->positions,       args->sequences,
                            args->outputs,         args->caches[0].page_table,
                            args->caches[0].pages, args->parameters[1],
                            args->logits};
  goss_launch second = {2, 2, args->dims.outputs, attended};
  return device->dispatch(device->context, &second, 1, &args->dims);
}
