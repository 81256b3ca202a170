//===- DecodeCheck.h - Every stored number, read twice ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_DECODECHECK_H
#define GOSSAMER_TOOLS_VALIDATE_DECODECHECK_H

#include "frontend/checkpoint/Checkpoint.h"
#include "tools/validate/validation.pb.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gossamer::tools {

/// A parameter of a checkpoint, which must outlive it, as a matrix of logical
/// rows: [out, in] of a linear layer, [experts * out, in] of experts, one row
/// of a vector. Thread-safe to read.
class ParameterReader {
public:
  /// `locations` are those of the parameter's tensors. Bytes that the form
  /// makes are made here, all at once.
  ParameterReader(const Parameter &parameter,
                  std::span<const TensorLocation> locations);

  const Parameter &parameter() const { return parameter_; }
  uint64_t rows() const { return rows_; }
  uint64_t columns() const { return columns_; }

  /// Row `row` by ScalarDecode; `out` has columns() elements.
  void readExact(uint64_t row, std::span<double> out) const;
  /// The same by the functions that the compiler and the tools use.
  void readDecoded(uint64_t row, std::span<float> out) const;

private:
  /// Place of an element among those of the tensor.
  uint64_t placeOf(uint64_t row, uint64_t column) const;

  const Parameter &parameter_;
  uint64_t rows_ = 1, columns_ = 1;
  uint64_t rowsOfMatrix_ = 1;
  std::vector<std::byte> made_, madeScales_;
  std::span<const std::byte> bytes_, scales_;
};

/// Reads every element of a parameter both ways. They must be the same number
/// to the last bit, zeros of the same sign.
proto::TensorCheck checkDecoding(const ParameterReader &reader);

/// The parameters with their locations, in the checkpoint's order.
struct LocatedParameter {
  const Parameter *parameter;
  std::span<const TensorLocation> locations;
};
std::vector<LocatedParameter> locateParameters(const Checkpoint &checkpoint);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_DECODECHECK_H
