//===- KernelTest.cpp - Device functions against the CPU's kernels --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Every kind of every kernel runs in the interpreter, and must give what the
// CPU's simplest kernel gives (which tests/unit/cpu compares with scalar
// references). Beyond the rows of a step nothing may change.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/FloatTypes.h"
#include "tests/unit/cpu/KernelRunner.h"
#include "tests/unit/cpu/Reference.h"
#include "tests/unit/cuda/KernelRunner.h"

#include <numeric>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;
using cpu::testing::f32;
using cpu::testing::Floats;
using cpu::testing::i32;
using cpu::testing::makeWeights;
using cpu::testing::randomFloats;
using cpu::testing::Weights;

namespace {

using Ints = std::vector<int32_t>;

template <typename T> std::vector<uint8_t> bytesOf(const std::vector<T> &v) {
  const auto *begin = reinterpret_cast<const uint8_t *>(v.data());
  return {begin, begin + v.size() * sizeof(T)};
}

/// A kernel with its data.
struct Case {
  KernelDescription kernel;
  std::vector<Argument> arguments;
  std::vector<bool> areFloats; ///< of each argument.
  goss_dims dims{};
  int64_t items = 0; ///< of the CPU's kernel.
  double tolerance = 2e-5;
  unsigned seed = 1;
  /// Replaces what was written and has no meaning.
  void (*normalize)(std::vector<Argument> &) = nullptr;

  Case(const std::string &operation, int64_t tokens, int64_t items)
      : dims{tokens, 0, 0, 1}, items(items) {
    kernel.operation = operation;
  }

  Case &add(cpu::BindingForm form, std::vector<uint8_t> bytes, bool isWritten,
            bool isFloat) {
    kernel.bindings.push_back(std::move(form));
    return addMore(std::move(bytes), isWritten, isFloat);
  }
  /// Another pointer of the same binding.
  Case &addMore(std::vector<uint8_t> bytes, bool isWritten, bool isFloat) {
    arguments.push_back({std::move(bytes), isWritten});
    areFloats.push_back(isFloat);
    return *this;
  }
  Case &in(const std::vector<int64_t> &shape) {
    auto type = f32(shape);
    return add(type, bytesOf(randomFloats(type.getNumElements(), ++seed)),
               false, true);
  }
  Case &in(const std::vector<int64_t> &shape, const Ints &values) {
    return add(i32(shape), bytesOf(values), false, false);
  }
  Case &in(const Weights &weights) {
    add(weights.form, weights.bytes, false, false);
    return weights.scales.empty() ? *this
                                  : addMore(weights.scales, false, false);
  }
  Case &in(std::initializer_list<int64_t> shape, Element element,
           Layout layout = Layout::RowMajor) {
    return in(makeWeights({shape, element, layout}, ++seed));
  }
  Case &out(const std::vector<int64_t> &shape) {
    auto type = f32(shape);
    return add(type, bytesOf(Floats(type.getNumElements(), -77.0F)), true,
               true);
  }
  Case &outInts(const std::vector<int64_t> &shape) {
    auto type = i32(shape);
    return add(type, bytesOf(Ints(type.getNumElements(), -77)), true, false);
  }

  /// What the CPU's simplest kind writes, with the first argument rounded to
  /// bf16 or not.
  std::vector<Argument> want(bool isRounded) const {
    std::vector<Argument> result = arguments;
    if (isRounded)
      roundToBF16(result[0].bytes);
    std::vector<const void *> pointers;
    for (Argument &argument : result)
      pointers.push_back(argument.bytes.data());
    std::vector<std::string> kinds = cpu::testing::kindsFor(kernel);
    cpu::testing::CompiledKernel compiled(kernel, kinds.back());
    compiled.run(pointers, dims, items);
    return result;
  }

  static void roundToBF16(std::vector<uint8_t> &floats) {
    for (size_t at = 0; at < floats.size(); at += sizeof(float)) {
      float value;
      std::memcpy(&value, &floats[at], sizeof value);
      value = bf16ToF32(f32ToBf16(value));
      std::memcpy(&floats[at], &value, sizeof value);
    }
  }

  void check(const std::string &what) const {
    std::vector<const KernelKind *> kinds = cuda::testing::kindsFor(kernel);
    ASSERT_FALSE(kinds.empty()) << kernel.operation;
    std::vector<Argument> exact = want(false), rounded;
    for (const KernelKind *kind : kinds) {
      SCOPED_TRACE(kernel.operation + " " + kind->name.str() + ", " + what +
                   ", " + std::to_string(dims.tokens) + " tokens");
      std::vector<Argument> got = arguments;
      DeviceKernel device(kernel, *kind);
      if (!device.run(got, dims))
        continue;
      std::string difference = compare(got, exact);
      // Such kinds compute few rows exactly.
      if (kind->roundsInputs && !difference.empty()) {
        if (rounded.empty())
          rounded = want(true);
        difference = compare(got, rounded);
      }
      EXPECT_EQ(difference, "");
    }
  }

  /// The first difference in what was written; empty if there is none.
  std::string compare(std::vector<Argument> got,
                      std::vector<Argument> want) const {
    if (normalize) {
      normalize(got);
      normalize(want);
    }
    for (size_t i = 0; i < got.size(); ++i) {
      if (!got[i].isWritten || got[i].bytes == want[i].bytes)
        continue;
      std::string difference = areFloats[i]
                                   ? compareFloats(got[i].bytes, want[i].bytes)
                                   : "other bytes";
      if (!difference.empty())
        return "argument " + std::to_string(i) + ", " + difference;
    }
    return "";
  }

  std::string compareFloats(const std::vector<uint8_t> &got,
                            const std::vector<uint8_t> &want) const {
    for (size_t at = 0; at < got.size(); at += sizeof(float)) {
      float g, w;
      std::memcpy(&g, &got[at], sizeof g);
      std::memcpy(&w, &want[at], sizeof w);
      bool isSame = std::memcmp(&g, &w, sizeof g) == 0;
      if (!isSame && !(std::fabs(g - w) <= tolerance * (1 + std::fabs(w))))
        return "element " + std::to_string(at / sizeof g) + ": expects " +
               std::to_string(w) + ", found " + std::to_string(g);
    }
    return "";
  }
};

constexpr int64_t kMaxTokens = 48;

Ints randomInts(size_t n, int32_t below, unsigned seed) {
  std::mt19937 engine(seed);
  Ints values(n);
  for (int32_t &v : values)
    v = static_cast<int32_t>(engine() % static_cast<uint32_t>(below));
  return values;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void checkLinear(int64_t inputs, int64_t outputs, int64_t tokens,
                 Element element, bool hasBias, bool hasResidual,
                 bool rowsAreOutputs = false) {
  Layout layout =
      element == Element::MXFP4 ? Layout::Published : Layout::RowMajor;
  Case c("linear", tokens, (outputs + 15) / 16);
  c.kernel.hasBias = hasBias;
  c.kernel.hasResidual = hasResidual;
  c.kernel.rowsAreOutputs = rowsAreOutputs;
  c.in({kMaxTokens, inputs}).in({outputs, inputs}, element, layout);
  if (hasBias)
    c.in({outputs}, Element::BF16);
  if (hasResidual)
    c.in({kMaxTokens, outputs});
  c.out({kMaxTokens, outputs});
  if (rowsAreOutputs)
    c.dims = {tokens + 3, tokens, 0, 1};
  c.check(std::to_string(inputs) + " -> " + std::to_string(outputs));
}

constexpr int64_t kExperts = 5, kTopK = 2;

/// Adds the work lists of tokens whose experts are chosen by a fixed rule; 3
/// never has work.
void addLists(Case &c, int64_t tokens) {
  Ints choices, experts(kExperts), offsets(kExperts + 1), active(1),
      slots(kMaxTokens * kTopK);
  for (int64_t t = 0; t < tokens; ++t) {
    choices.push_back(1);
    choices.push_back(static_cast<int32_t>(t % 2 * 2 + t % 3 / 2 * 2));
  }
  int32_t place = 0;
  for (int32_t e = 0; e < kExperts; ++e) {
    int32_t first = place;
    for (size_t s = 0; s < choices.size(); ++s)
      if (choices[s] == e)
        slots[place++] = static_cast<int32_t>(s);
    if (place == first)
      continue;
    experts[active[0]] = e;
    offsets[active[0]++] = first;
  }
  offsets[active[0]] = place;
  c.in({kExperts}, experts).in({kExperts + 1}, offsets).in({1}, active);
  c.in({kMaxTokens * kTopK}, slots);
}

void checkExperts(int64_t hidden, int64_t width, int64_t tokens,
                  Element element, Layout layout, bool hasResidual) {
  std::string what = std::to_string(hidden) + " x " + std::to_string(width);
  Case up("expert_gate_up", tokens,
          std::min(kExperts, tokens * kTopK) * ((2 * width + 15) / 16));
  up.kernel.topK = kTopK;
  up.in({kMaxTokens, hidden});
  addLists(up, tokens);
  up.in({kExperts, 2 * width, hidden}, element, layout);
  up.in({kExperts, 2 * width}, Element::BF16);
  up.out({kMaxTokens * kTopK, width});
  up.tolerance = 5e-5;
  up.check(what);

  Case down("expert_down", tokens, (hidden + 15) / 16);
  down.kernel.topK = kTopK;
  down.kernel.hasResidual = hasResidual;
  down.in({kMaxTokens * kTopK, width});
  addLists(down, tokens);
  down.in({kMaxTokens, kTopK});
  down.in({kExperts, hidden, width}, element, layout);
  down.in({kExperts, hidden}, Element::BF16);
  if (hasResidual)
    down.in({kMaxTokens, hidden});
  down.out({kMaxTokens, hidden});
  down.tolerance = 5e-5;
  down.check(what);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

constexpr int64_t kPage = 16, kMaxPages = 10;

/// Sequences in a cache of two layers, whose second is used.
struct Cache {
  cpu::CacheForm form;
  std::vector<uint8_t> pages; ///< from the second layer on.
  Ints table;

  Cache(int64_t kvHeads, int64_t headDim, int64_t sequences, Element element) {
    form.kvHeads = kvHeads;
    form.headDim = headDim;
    form.headDimPadded = (headDim + 15) / 16 * 16;
    form.maxPages = kMaxPages;
    form.element = element;
    int64_t layer = kvHeads * kPage * (headDim + form.headDimPadded);
    form.pageElements = 2 * layer;
    int64_t numPages = sequences * kMaxPages;
    Floats numbers = randomFloats(numPages * form.pageElements - layer, 9);
    pages = bytesOf(numbers);
    if (element == Element::BF16) {
      for (size_t i = 0; i < numbers.size(); ++i)
        std::memcpy(&pages[2 * i], &pages[4 * i + 2], 2);
      pages.resize(2 * numbers.size());
    }
    // Pages in a scattered order.
    for (int64_t i = 0; i < numPages; ++i)
      table.push_back(static_cast<int32_t>((i * 7 + 3) % numPages));
    if (numPages % 7 == 0)
      std::iota(table.rbegin(), table.rend(), 0);
  }

  void addTo(Case &c, bool isWritten) const {
    c.add(form, pages, isWritten, false);
    c.addMore(bytesOf(table), false, false);
  }
};

void checkAttention(int64_t kvHeads, int64_t group, int64_t headDim,
                    int64_t window, const Ints &positions,
                    const Ints &sequences) {
  auto tokens = static_cast<int64_t>(positions.size());
  int64_t heads = kvHeads * group;
  int64_t numSequences =
      1 + *std::max_element(sequences.begin(), sequences.end());
  for (Element element : {Element::F32, Element::BF16}) {
    Cache cache(kvHeads, headDim, numSequences, element);
    std::string what = std::to_string(kvHeads) + " x " + std::to_string(group) +
                       " heads of " + std::to_string(headDim) + ", window " +
                       std::to_string(window) +
                       (element == Element::BF16 ? ", bf16" : ", f32");
    auto start = [&](const char *operation, int64_t items) {
      Case c(operation, tokens, items);
      c.dims.keys = 1 + *std::max_element(positions.begin(), positions.end());
      c.dims.sequences = numSequences;
      c.kernel.window = window;
      c.kernel.scale = 1.0 / std::sqrt(static_cast<double>(headDim));
      return c;
    };
    Case c = start("attention", tokens * kvHeads);
    c.in({tokens, heads, headDim});
    cache.addTo(c, false);
    c.in({heads}, Element::BF16).in({tokens}, positions);
    c.in({tokens}, sequences).out({tokens, heads, headDim});
    c.check(what);

    Case append = start("cache_append", tokens);
    append.in({tokens, kvHeads, headDim}).in({tokens, kvHeads, headDim});
    append.in({tokens}, positions).in({tokens}, sequences);
    cache.addTo(append, true);
    append.check(what);

    Case scores = start("attention_scores", tokens);
    scores.in({tokens, heads, headDim});
    cache.addTo(scores, false);
    scores.in({tokens}, sequences).out({tokens, heads, kMaxPages * kPage});
    scores.check(what);

    Case values = start("attention_values", tokens);
    values.in({tokens, heads, kMaxPages * kPage});
    cache.addTo(values, false);
    values.in({tokens}, sequences).out({tokens, heads, headDim});
    values.tolerance = 1e-4;
    values.check(what);
  }
}

void checkRun(int64_t kvHeads, int64_t group, int64_t headDim, int64_t window,
              int32_t first, int32_t count) {
  Ints positions(count);
  std::iota(positions.begin(), positions.end(), first);
  checkAttention(kvHeads, group, headDim, window, positions, Ints(count, 0));
}

/// The lists of experts have a meaning only as far as experts are active.
void forgetUnusedExperts(std::vector<Argument> &arguments) {
  int32_t active;
  std::memcpy(&active, arguments[4].bytes.data(), sizeof active);
  auto forget = [&](size_t argument, int32_t first) {
    std::vector<uint8_t> &bytes = arguments[argument].bytes;
    std::fill(bytes.begin() + first * sizeof active, bytes.end(), 0);
  };
  forget(2, active);
  forget(3, active + 1);
}

} // namespace

TEST(CudaProducts, Linear) {
  for (Element element :
       {Element::BF16, Element::F16, Element::F32, Element::MXFP4}) {
    for (int64_t tokens : {1, 2, 3, 8, 17, 40})
      checkLinear(64, 48, tokens, element, tokens % 2 == 0, tokens % 3 == 0);
    checkLinear(288, 136, 5, element, true, true);
    checkLinear(256, 7, 3, element, true, false);
    checkLinear(64, 32, 3, element, false, false, true);
  }
}

TEST(CudaProducts, OddLinear) {
  for (Element element : {Element::BF16, Element::F16, Element::F32}) {
    checkLinear(1, 1, 1, element, true, false);
    checkLinear(15, 17, 4, element, true, true);
    checkLinear(49, 33, 33, element, true, false);
    checkLinear(95, 64, 2, element, false, false);
  }
}

TEST(CudaProducts, Experts) {
  for (int64_t tokens : {1, 2, 9, 40})
    checkExperts(64, 96, tokens, Element::MXFP4, Layout::Published,
                 tokens % 2 == 0);
  checkExperts(96, 32, 4, Element::MXFP4, Layout::Published, true);
  for (Layout layout : {Layout::RowMajor, Layout::Transposed})
    for (Element element : {Element::BF16, Element::F32}) {
      checkExperts(64, 32, 9, element, layout, true);
      checkExperts(37, 21, 6, element, layout, false);
    }
}

TEST(CudaProducts, ExpertLinear) {
  for (bool isShared : {true, false})
    for (auto [element, layout] :
         {std::pair(Element::MXFP4, Layout::Published),
          std::pair(Element::BF16, Layout::Transposed)}) {
      int64_t tokens = 3, inputs = 32, outputs = 9;
      Case c("expert_linear", tokens, tokens);
      c.kernel.topK = kTopK;
      if (isShared)
        c.in({kMaxTokens, inputs});
      else
        c.in({kMaxTokens, kTopK, inputs});
      c.in({kMaxTokens, kTopK}, randomInts(kMaxTokens * kTopK, kExperts, 3));
      c.in({kExperts, outputs, inputs}, element, layout);
      c.in({kExperts, outputs}, Element::BF16);
      c.out({kMaxTokens, kTopK, outputs});
      c.check(isShared ? "shared" : "not shared");
    }
}

TEST(CudaAttention, HeadSizesAndGroups) {
  checkAttention(2, 4, 32, 0, {40, 0, 3}, {0, 1, 1});
  checkAttention(1, 1, 16, 0, {16}, {0});
  checkAttention(1, 8, 64, 0, {20}, {0});
  checkAttention(2, 2, 40, 0, {33, 34}, {0, 0});
  checkAttention(1, 9, 6, 0, {17}, {0});
  checkAttention(1, 1, 144, 0, {5}, {0});
}

TEST(CudaAttention, EdgesOfPagesAndWindows) {
  checkAttention(1, 2, 32, 64, {62, 63, 64, 65}, {0, 1, 2, 3});
  checkAttention(1, 2, 32, 64, {79, 80}, {0, 1});
  checkAttention(1, 2, 16, 16, {15, 16, 31, 32}, {0, 1, 2, 3});
  checkAttention(2, 1, 16, 5, {0, 4, 5, 20}, {0, 1, 2, 3});
  checkAttention(1, 1, 16, 1, {37}, {0});
}

TEST(CudaAttention, RunsOfTokens) {
  checkRun(2, 8, 64, 0, 120, 20);
  checkRun(2, 4, 32, 64, 50, 40);
  checkRun(1, 3, 24, 5, 60, 9);
  checkAttention(2, 2, 32, 0, {7, 8, 9, 10, 11, 63, 64, 65, 3, 4},
                 {0, 0, 1, 1, 0, 0, 0, 0, 0, 1});
}

TEST(CudaRows, Elements) {
  for (int64_t tokens : {1, 5, 40})
    for (int64_t n : {64, 37, 600}) {
      std::string what = "rows of " + std::to_string(n);
      std::vector<int64_t> rows = {kMaxTokens, n};
      for (Element element : {Element::BF16, Element::F16, Element::F32})
        Case("embedding", tokens, tokens)
            .in({kMaxTokens}, randomInts(kMaxTokens, 11, 1))
            .in({11, n}, element)
            .out(rows)
            .check(what);
      Case norm("rms_norm", tokens, tokens);
      norm.in(rows).in({n}, Element::BF16).out(rows).check(what);
      Case("add", tokens, tokens).in(rows).in(rows).out(rows).check(what);
      Case("swiglu", tokens, tokens)
          .in({kMaxTokens, 2, 2 * n})
          .out({kMaxTokens, 2, n})
          .check(what);
      Case("weighted_sum", tokens, tokens)
          .in({kMaxTokens, 3, n})
          .in({kMaxTokens, 3})
          .out(rows)
          .check(what);
      Case gather("gather_rows", tokens, tokens);
      gather.dims.outputs = tokens;
      gather.kernel.rowsAreOutputs = true;
      gather.in(rows).in({kMaxTokens}, randomInts(kMaxTokens, 40, 2));
      gather.out(rows).check(what);
    }
}

TEST(CudaRows, Rope) {
  for (int64_t headDim : {32, 40, 6}) {
    int64_t tokens = 5, heads = 3, half = headDim / 2;
    std::string what = "heads of " + std::to_string(headDim);
    std::vector<int64_t> whole = {kMaxTokens, heads, headDim},
                         part = {kMaxTokens, heads, half},
                         table = {kMaxTokens, half};
    Case("rope", tokens, tokens)
        .in(whole)
        .in(table)
        .in(table)
        .out(whole)
        .check(what);
    Case("split_half", tokens, tokens)
        .in(whole)
        .out(part)
        .out(part)
        .check(what);
    Case("merge_half", tokens, tokens).in(part).in(part).out(whole).check(what);
    Case("rotate", tokens, tokens)
        .in(part)
        .in(part)
        .in(table)
        .in(table)
        .out(part)
        .out(part)
        .check(what);
    Case angles("rope_table", tokens, tokens);
    for (int64_t i = 0; i < half; ++i)
      angles.kernel.inverseFrequencies.push_back(
          std::pow(150000.0, -double(i) / double(half)));
    angles.kernel.concentration = 1.35;
    angles.in({kMaxTokens}, randomInts(kMaxTokens, 131072, 5));
    angles.out(table).out(table);
    angles.tolerance = 1e-6;
    angles.check(what);
  }
}

TEST(CudaRows, SoftmaxAndMask) {
  int64_t tokens = 3, heads = 2, keys = 160;
  std::vector<int64_t> type = {kMaxTokens, heads, keys};
  for (int64_t window : {0, 7}) {
    Case mask("mask", tokens, tokens);
    mask.kernel.window = window;
    mask.dims.keys = 97;
    mask.in(type).in({kMaxTokens}, randomInts(kMaxTokens, 97, 3)).out(type);
    mask.check("window " + std::to_string(window));
  }
  Case sink("softmax_sink", tokens, tokens);
  sink.dims.keys = 131;
  sink.in(type).in({heads}, Element::BF16).out(type).check("keys");
  for (int64_t n : {4, 32, 45})
    Case("softmax", tokens, tokens)
        .in({kMaxTokens, n})
        .out({kMaxTokens, n})
        .check("rows of " + std::to_string(n));
}

TEST(CudaRows, TopKAndRoute) {
  for (int64_t tokens : {1, 3, 40})
    for (auto [experts, k] : {std::pair(7, 2), std::pair(32, 4),
                              std::pair(128, 4), std::pair(33, 1)}) {
      std::string what = std::to_string(experts) + " experts";
      Case top("top_k", tokens, tokens);
      top.kernel.topK = k;
      top.in({kMaxTokens, experts}).out({kMaxTokens, k});
      top.outInts({kMaxTokens, k}).check(what);
      Case route("route", tokens, 1);
      route.kernel.topK = k;
      route.in({kMaxTokens, experts}).out({kMaxTokens, k});
      route.outInts({experts}).outInts({experts + 1}).outInts({1});
      route.outInts({kMaxTokens * k});
      route.normalize = forgetUnusedExperts;
      route.check(what);
    }
}
