//===- KernelCases.cpp - Kernels with data to measure them ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelCases.h"

#include "runtime/weights/FloatTypes.h"
#include "tests/unit/cpu/KernelRunner.h"
#include "tests/unit/cpu/Reference.h"

#include <algorithm>
#include <new>
#include <numeric>

namespace gossamer::cpu::testing {

/// gpt-oss-20b: hidden size and width of an expert, experts a token, experts.
static constexpr int64_t kInputs = 2880, kTopK = 4, kExperts = 32;
static constexpr int64_t kMaxTokens = 64;
static constexpr int64_t kWeightBytes = 512 * 1024;

void *Memory::allocate(size_t bytes) {
  constexpr size_t page = 4096;
  void *block = std::aligned_alloc(page, (bytes + page - 1) / page * page);
  if (!block)
    throw std::bad_alloc();
  blocks_.emplace_back(block);
  return block;
}

void *Memory::copyBytes(const void *from, size_t bytes) {
  void *to = allocate(bytes);
  std::memcpy(to, from, bytes);
  return to;
}

namespace {

/// Weights of a form, made when they are first asked for.
class LazyWeights {
public:
  explicit LazyWeights(WeightForm form) : form_(std::move(form)) {}

  const Weights &get() {
    if (weights_.bytes.empty()) {
      WeightForm plain = form_;
      bool isPanel = form_.layout == Layout::RowPanel;
      if (isPanel && form_.element == Element::MXFP4)
        plain.layout = Layout::Published;
      else if (isPanel)
        plain = {form_.shape, Element::BF16, Layout::RowMajor};
      weights_ = makeWeights(plain, 1);
      if (isPanel)
        weights_ = packPanels(weights_, form_.block);
      // Only references need the values.
      weights_.values = {};
    }
    return weights_;
  }

private:
  WeightForm form_;
  Weights weights_;
};

struct NamedForm {
  const char *name;
  Element element;
  Layout layout;
  int64_t block = kScaleBlock; ///< inputs that share a scale.

  WeightForm with(llvm::SmallVector<int64_t, 3> shape) const {
    return {std::move(shape), element, layout, block};
  }
};

constexpr NamedForm kForms[] = {
    {"mxfp4", Element::MXFP4, Layout::Published},
    {"mxfp4_panels", Element::MXFP4, Layout::RowPanel},
    {"int8_panels", Element::I8, Layout::RowPanel},
    {"int8_channel_panels", Element::I8, Layout::RowPanel, kInputs},
    {"bf16", Element::BF16, Layout::RowMajor},
    {"bf16_transposed", Element::BF16, Layout::Transposed},
};
/// By parts of the activations, as goss bench calls them.
constexpr const char *kArithmetic[] = {"float32", "int8", "int8x2"};

} // namespace

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Rows that have about kWeightBytes, in whole panels.
static int64_t rowsOf(const NamedForm &form, int64_t experts) {
  int64_t bytes = form.with({16, kInputs}).rowBytes();
  return std::max<int64_t>(kWeightBytes / experts / bytes / 16, 1) * 16;
}

/// Rows of an input, as floats or quantized.
static void appendInput(Launch &launch, int64_t rows, int64_t parts,
                        Element element) {
  Floats x = randomFloats(rows * kInputs, 2);
  if (parts == 0) {
    launch.bindings.push_back(launch.memory.copy(x));
    return;
  }
  bool isFourBit = element == Element::MXFP4;
  Quantized quantized(x, kInputs, parts, isFourBit ? 0.5 : 1.0,
                      isFourBit ? 12 : 128);
  launch.bindings.push_back(launch.memory.copy(quantized.bytes));
}

static BindingForm inputForm(int64_t rows, int64_t parts) {
  if (parts > 0)
    return i8({rows, quantizedRowBytes(kInputs, parts)});
  return f32({rows, kInputs});
}

static void appendMatrix(Launch &launch, const Weights &weights,
                         size_t poolBytes) {
  auto copy = [&] {
    std::vector<const void *> pointers = {launch.memory.copy(weights.bytes)};
    if (!weights.scales.empty())
      pointers.push_back(launch.memory.copy(weights.scales));
    return pointers;
  };
  size_t bytes = weights.bytes.size() + weights.scales.size();
  launch.bytes = static_cast<double>(bytes);
  launch.matrix = launch.bindings.size();
  launch.copies.push_back(copy());
  while (launch.copies.size() * bytes < poolBytes)
    launch.copies.push_back(copy());
  launch.bindings.insert(launch.bindings.end(), launch.copies[0].begin(),
                         launch.copies[0].end());
}

static void appendFloats(Launch &launch, int64_t count) {
  launch.bindings.push_back(launch.memory.copy(randomFloats(count, 3)));
}

static void appendBias(Launch &launch, const WeightForm &form) {
  launch.bindings.push_back(launch.memory.copy(makeWeights(form, 4).bytes));
}

static KernelCase linearCase(const NamedForm &named, int64_t parts) {
  int64_t rows = rowsOf(named, 1);
  WeightForm form = named.with({rows, kInputs});
  WeightForm bias{{rows}, Element::BF16, Layout::RowMajor};
  KernelCase result;
  result.kernel.operation = "linear";
  result.kernel.hasBias = true;
  result.kernel.isQuantized = parts > 0;
  result.kernel.bindings = {inputForm(kMaxTokens, parts), form, bias,
                            f32({kMaxTokens, rows})};
  auto weights = std::make_shared<LazyWeights>(form);
  double operations = static_cast<double>(flopsPerItem(result.kernel));
  result.prepare = [=](int64_t tokens, size_t poolBytes) {
    Launch launch;
    appendInput(launch, kMaxTokens, parts, form.element);
    appendMatrix(launch, weights->get(), poolBytes);
    appendBias(launch, bias);
    appendFloats(launch, kMaxTokens * rows);
    launch.dims = {tokens, 0, 0, 1};
    launch.items = rows / 16;
    launch.operations = operations * double(launch.items * tokens);
    return launch;
  };
  return result;
}

/// The products of four experts that every token has chosen, so that each has
/// all tokens.
static KernelCase expertCase(const std::string &operation,
                             const NamedForm &named, int64_t parts) {
  bool isDown = operation == "expert_down";
  constexpr int64_t experts = kTopK, slots = kMaxTokens * kTopK;
  int64_t rows = rowsOf(named, experts);
  WeightForm form = named.with({experts, rows, kInputs});
  WeightForm bias{{experts, rows}, Element::BF16, Layout::RowMajor};
  KernelCase result;
  result.kernel.operation = operation;
  result.kernel.topK = kTopK;
  result.kernel.isQuantized = parts > 0;
  int64_t inputRows = isDown ? slots : kMaxTokens;
  int64_t outputs = isDown ? kMaxTokens * rows : slots * rows / 2;
  auto &bindings = result.kernel.bindings;
  bindings = {inputForm(inputRows, parts), i32({experts}), i32({experts + 1}),
              i32({1}), i32({slots})};
  if (isDown)
    bindings.emplace_back(f32({kMaxTokens, kTopK}));
  bindings.emplace_back(form);
  bindings.emplace_back(bias);
  bindings.emplace_back(isDown ? f32({kMaxTokens, rows})
                               : f32({slots, rows / 2}));
  auto weights = std::make_shared<LazyWeights>(form);
  double operations = static_cast<double>(flopsPerItem(result.kernel));
  result.prepare = [=](int64_t tokens, size_t poolBytes) {
    std::vector<int32_t> numbers(experts), offsets(experts + 1), order(slots);
    std::iota(numbers.begin(), numbers.end(), 0);
    for (int64_t e = 0; e <= experts; ++e)
      offsets[e] = static_cast<int32_t>(e * tokens);
    for (int64_t i = 0; i < tokens * experts; ++i)
      order[i] = static_cast<int32_t>(i % tokens * kTopK + i / tokens);
    Launch launch;
    appendInput(launch, inputRows, parts, form.element);
    for (const auto &list : {numbers, offsets, {int32_t(experts)}, order})
      launch.bindings.push_back(launch.memory.copy(list));
    if (isDown)
      appendFloats(launch, slots);
    appendMatrix(launch, weights->get(), poolBytes);
    appendBias(launch, bias);
    appendFloats(launch, outputs);
    launch.dims = {tokens, 0, 0, 1};
    // An item of gate and up is an expert's, one of down that of all experts.
    launch.items = rows / 16 * (isDown ? 1 : experts);
    launch.operations = operations * double(rows / 16 * experts * tokens);
    return launch;
  };
  return result;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// A run of tokens at the end of 1024 positions, two of the eight kv heads.
static KernelCase attentionCase(Element element, int64_t window) {
  constexpr int64_t kvHeads = 2, group = 8, headDim = 64, context = 1024;
  constexpr int64_t heads = kvHeads * group, pages = context / 16;
  CacheForm form;
  form.kvHeads = kvHeads;
  form.headDim = form.headDimPadded = headDim;
  form.maxPages = pages;
  form.element = element;
  form.pageElements = kvHeads * 16 * 2 * headDim;
  WeightForm sinks{{heads}, Element::BF16, Layout::RowMajor};
  auto queries = f32({kMaxTokens, heads, headDim});
  auto ids = i32({kMaxTokens});
  KernelCase result;
  result.kernel.operation = "attention";
  result.kernel.scale = 0.125;
  result.kernel.window = window;
  result.kernel.bindings = {queries, form, sinks, ids, ids, queries};
  int64_t elementBytes = element == Element::BF16 ? 2 : 4;
  double operations = static_cast<double>(flopsPerItem(result.kernel));
  result.prepare = [=](int64_t tokens, size_t) {
    Launch launch;
    appendFloats(launch, kMaxTokens * heads * headDim);
    Floats cache = randomFloats(pages * form.pageElements, 5);
    std::vector<uint16_t> halves(cache.size());
    std::transform(cache.begin(), cache.end(), halves.begin(), f32ToBf16);
    if (element == Element::BF16)
      launch.bindings.push_back(launch.memory.copy(halves));
    else
      launch.bindings.push_back(launch.memory.copy(cache));
    std::vector<int32_t> table(pages), positions(kMaxTokens);
    std::iota(table.begin(), table.end(), 0);
    std::iota(positions.begin(), positions.end(), context - tokens);
    launch.bindings.push_back(launch.memory.copy(table));
    appendBias(launch, sinks);
    launch.bindings.push_back(launch.memory.copy(positions));
    launch.bindings.push_back(
        launch.memory.copy(std::vector<int32_t>(kMaxTokens, 0)));
    appendFloats(launch, kMaxTokens * heads * headDim);
    launch.dims = {tokens, 0, context, 1};
    launch.items = kvHeads * tokens;
    double pairs = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      int64_t keys = positions[t] + 1;
      pairs += double(window > 0 ? std::min(window, keys) : keys);
    }
    int64_t keys =
        window > 0 ? std::min(context, window + tokens - 1) : context;
    launch.bytes = double(keys * kvHeads * 2 * headDim * elementBytes);
    launch.operations = operations * kvHeads * pairs;
    return launch;
  };
  return result;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Items are tokens; bytes are those of the input.
static void setRowWork(Launch &launch, int64_t tokens, double operations) {
  launch.dims = {tokens, 0, 0, 1};
  launch.items = tokens;
  launch.bytes = double(tokens * kInputs * 4);
  launch.operations = operations * double(tokens);
}

static KernelCase rmsNormCase() {
  WeightForm form{{kInputs}, Element::BF16, Layout::RowMajor};
  auto rows = f32({kMaxTokens, kInputs});
  KernelCase result;
  result.kernel.operation = "rms_norm";
  result.kernel.bindings = {rows, form, rows};
  double operations = static_cast<double>(flopsPerItem(result.kernel));
  result.prepare = [=](int64_t tokens, size_t) {
    Launch launch;
    appendFloats(launch, kMaxTokens * kInputs);
    appendBias(launch, form);
    appendFloats(launch, kMaxTokens * kInputs);
    setRowWork(launch, tokens, operations);
    return launch;
  };
  return result;
}

static KernelCase quantizeCase(int64_t parts) {
  int64_t rowBytes = quantizedRowBytes(kInputs, parts);
  KernelCase result;
  result.kernel.operation = "quantize";
  result.kernel.unit = 0.5;
  result.kernel.zero = 12;
  result.kernel.bindings = {f32({kMaxTokens, kInputs}),
                            i8({kMaxTokens, rowBytes})};
  double operations = static_cast<double>(flopsPerItem(result.kernel));
  result.prepare = [=](int64_t tokens, size_t) {
    Launch launch;
    appendFloats(launch, kMaxTokens * kInputs);
    launch.bindings.push_back(launch.memory.allocate(kMaxTokens * rowBytes));
    setRowWork(launch, tokens, operations);
    return launch;
  };
  return result;
}

static KernelCase routeCase() {
  constexpr int64_t slots = kMaxTokens * kTopK;
  KernelCase result;
  result.kernel.operation = "route";
  result.kernel.topK = kTopK;
  result.kernel.bindings = {f32({kMaxTokens, kExperts}),
                            f32({kMaxTokens, kTopK}),
                            i32({kExperts}),
                            i32({kExperts + 1}),
                            i32({1}),
                            i32({slots})};
  result.prepare = [=](int64_t tokens, size_t) {
    Launch launch;
    appendFloats(launch, kMaxTokens * kExperts);
    for (int64_t count : {slots, kExperts, kExperts + 1, int64_t(1), slots})
      launch.bindings.push_back(launch.memory.allocate(count * 4));
    launch.dims = {tokens, 0, 0, 1};
    launch.items = 1;
    launch.bytes = double(tokens * kExperts * 4);
    return launch;
  };
  return result;
}

std::vector<KernelCase> kernelCases() {
  std::vector<KernelCase> cases;
  auto add = [&](KernelCase entry, std::string form) {
    entry.form = std::move(form);
    entry.tokens = {1, 4, 16, 64};
    cases.push_back(std::move(entry));
  };
  for (const char *operation : {"linear", "expert_gate_up", "expert_down"})
    for (const NamedForm &form : kForms)
      for (int64_t parts : {0, 1, 2})
        add(operation == std::string("linear")
                ? linearCase(form, parts)
                : expertCase(operation, form, parts),
            std::string(form.name) + "/" + kArithmetic[parts]);
  for (auto [name, element] :
       {std::pair("f32", Element::F32), std::pair("bf16", Element::BF16)}) {
    add(attentionCase(element, 0), std::string(name) + "/all");
    add(attentionCase(element, 128), std::string(name) + "/window");
  }
  add(rmsNormCase(), "bf16");
  add(quantizeCase(1), "int8");
  add(quantizeCase(2), "int8x2");
  add(routeCase(), "f32");
  return cases;
}

} // namespace gossamer::cpu::testing
