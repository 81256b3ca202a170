// A step in the form that the compiler makes them, small enough to follow:
// logits[r][v] = token + 10 * position + v, computed by two kernels.
//   tiny_gather: arena[i] = token i + 10 * position i          (items: tokens)
//   tiny_logits: logits[r][v] = arena[outputs[r]] + v         (items: outputs)
// A third, tiny_count, adds 1 to every element of its items, so that tests see
// each item run exactly once. A fourth, tiny_shift, adds 1 while it moves its
// elements by one place, so that tests see each dispatch end before the next.

#include "runtime/abi/StepAbi.h"

enum { vocabulary = 8, shifted = 100 };

void tiny_gather(const void *const *bindings, const goss_dims *dims,
                 int64_t begin, int64_t end) {
  const int32_t *tokens = bindings[0];
  const int32_t *positions = bindings[1];
  float *out = (float *)bindings[2];
  for (int64_t i = begin; i < end; ++i)
    out[i] = (float)(tokens[i] + 10 * positions[i]);
}

void tiny_logits(const void *const *bindings, const goss_dims *dims,
                 int64_t begin, int64_t end) {
  const float *in = bindings[0];
  const int32_t *outputs = bindings[1];
  float *logits = (float *)bindings[2];
  for (int64_t r = begin; r < end; ++r)
    for (int64_t v = 0; v < vocabulary; ++v)
      logits[r * vocabulary + v] = in[outputs[r]] + (float)v;
}

void tiny_count(const void *const *bindings, const goss_dims *dims,
                int64_t begin, int64_t end) {
  int32_t *counts = (int32_t *)bindings[0];
  for (int64_t i = begin; i < end; ++i)
    ++counts[i];
}

void tiny_shift(const void *const *bindings, const goss_dims *dims,
                int64_t begin, int64_t end) {
  const int32_t *in = bindings[0];
  int32_t *out = (int32_t *)bindings[1];
  for (int64_t i = begin; i < end; ++i)
    out[i] = in[(i + 1) % shifted] + 1;
}

// Shifts parameter 0 to and fro between its first and its next `shifted`
// elements: 1000 dispatches, each of which needs all of the one before.
static int32_t shiftDispatches(const goss_step_args *args,
                               const goss_device_table *device) {
  int32_t *data = (int32_t *)args->parameters[0];
  for (int i = 0; i < 1000; ++i) {
    int32_t *in = data + (i % 2 ? shifted : 0);
    int32_t *out = data + (i % 2 ? 0 : shifted);
    const void *bindings[] = {in, out};
    goss_launch launch = {6, 3, shifted, bindings};
    int32_t result = device->dispatch(device->context, &launch, 1, &args->dims);
    if (result)
      return result;
  }
  return 0;
}

// Counts four launches of different length in one dispatch: parameter 0 holds
// the 16384 counters.
static int32_t countDispatch(const goss_step_args *args,
                             const goss_device_table *device) {
  int32_t *counts = (int32_t *)args->parameters[0];
  const int64_t sizes[] = {10000, 0, 1, 6383};
  const void *bindings[4];
  goss_launch launches[4];
  for (int i = 0; i < 4; ++i) {
    bindings[i] = counts;
    launches[i].id = (uint32_t)(2 + i);
    launches[i].kernel = 2;
    launches[i].items = sizes[i];
    launches[i].bindings = &bindings[i];
    counts += sizes[i];
  }
  return device->dispatch(device->context, launches, 4, &args->dims);
}

int32_t goss_step(const goss_step_args *args, const goss_device_table *device) {
  if (device->abi_version != GOSS_STEP_ABI_VERSION ||
      device->size != sizeof(goss_device_table))
    return 70;
  // More keys than any test has tokens stands for "fail", "bad kernel" and the
  // dispatches above.
  if (args->dims.keys == 1000001)
    return 42;
  const void *gather[] = {args->tokens, args->positions, args->arena};
  goss_launch first = {0, 0, args->dims.tokens, gather};
  if (args->dims.keys == 1000002)
    first.kernel = 99;
  int32_t result = device->dispatch(device->context, &first, 1, &args->dims);
  if (result)
    return result;
  const void *logits[] = {args->arena, args->outputs, args->logits};
  goss_launch second = {1, 1, args->dims.outputs, logits};
  result = device->dispatch(device->context, &second, 1, &args->dims);
  if (result == 0 && args->dims.keys == 1000003)
    result = countDispatch(args, device);
  if (result == 0 && args->dims.keys == 1000004)
    result = shiftDispatches(args, device);
  return result;
}
