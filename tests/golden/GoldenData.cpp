//===- GoldenData.cpp - Float32 reference results -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/golden/GoldenData.h"

#include "runtime/weights/Safetensors.h"
#include "tests/TestPaths.h"

#include <cstring>
#include <stdexcept>

using namespace gossamer;
using namespace gossamer::golden;

namespace {

const char *const promptNames[] = {"p1_len1",   "p2_len5",  "p3_len63",
                                   "p4_len64",  "p5_len65", "p6_len200",
                                   "p7_len700", "p8_chat"};

SafetensorsFile openFile(const std::string &name) {
  std::string path =
      std::string(GOSSAMER_SOURCE_DIR "/tests/data/golden/") + name;
  auto file = SafetensorsFile::open(path + ".safetensors");
  if (!file)
    throw std::runtime_error(file.status().message());
  return file.take();
}

template <typename T>
Matrix<T> readMatrix(const SafetensorsFile &file, const char *name) {
  const TensorView *tensor = file.find(name);
  if (!tensor || tensor->shape.empty() || tensor->shape.size() > 2)
    throw std::runtime_error(file.path() + ": no vector or matrix " + name);
  Matrix<T> result;
  result.rows = tensor->shape.size() == 2 ? tensor->shape[0] : 1;
  result.columns = tensor->shape.back();
  result.values.resize(result.rows * result.columns);
  if (tensor->size != result.values.size() * sizeof(T))
    throw std::runtime_error(file.path() + ": wrong element type of " + name);
  std::memcpy(result.values.data(), tensor->data, tensor->size);
  return result;
}

} // namespace

std::vector<Prompt> gossamer::golden::readPrompts() {
  std::vector<Prompt> prompts;
  for (const char *name : promptNames) {
    SafetensorsFile file = openFile(name);
    prompts.push_back({name, readMatrix<int32_t>(file, "input_ids").values,
                       readMatrix<float>(file, "logits_last"),
                       readMatrix<int32_t>(file, "greedy_ids").values,
                       readMatrix<float>(file, "greedy_gap").values,
                       readMatrix<float>(file, "hidden_last")});
  }
  return prompts;
}

PerplexityRows gossamer::golden::readPerplexityRows() {
  SafetensorsFile file = openFile("ppl_plain_4x512");
  return {readMatrix<int32_t>(file, "input_ids"),
          readMatrix<float>(file, "nll_sum").values};
}
