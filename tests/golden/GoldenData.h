//===- GoldenData.h - Float32 reference results -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Reads tests/data/golden: results of an independent float32 implementation
// for models/tiny-stories (tests/data/golden/README.md says what each holds).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GOLDEN_GOLDENDATA_H
#define GOSSAMER_TESTS_GOLDEN_GOLDENDATA_H

#include <cstdint>
#include <string>
#include <vector>

namespace gossamer::golden {

/// A row-major matrix.
template <typename T> struct Matrix {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<T> values;

  const T *row(size_t index) const { return values.data() + index * columns; }
};

struct Prompt {
  std::string name;
  std::vector<int32_t> inputIds;
  Matrix<float> logitsLast; ///< [min(4, T)][vocabulary], the last positions.
  std::vector<int32_t> greedyIds; ///< 64, not ended by stop tokens.
  std::vector<float> greedyGap;   ///< first less second logit of each.
  Matrix<float> hiddenLast; ///< [layers + 1][hidden], last prompt position.
};

/// All prompts, in the order of their names. Throws on unreadable data: the
/// files are part of the project.
std::vector<Prompt> readPrompts();

/// Independent rows and the summed negative log-likelihood of tokens 1 ... of
/// each.
struct PerplexityRows {
  Matrix<int32_t> inputIds;
  std::vector<float> nllSum;
};
PerplexityRows readPerplexityRows();

} // namespace gossamer::golden

#endif // GOSSAMER_TESTS_GOLDEN_GOLDENDATA_H
