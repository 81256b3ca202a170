//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_NPY_H
#define GOSSAMER_RUNTIME_WEIGHTS_NPY_H

#include "runtime/support/Status.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// An array of float32 or int32 elements, row-major; one of the two vectors
/// holds them.
struct NpyArray {
  enum class Type { F32, I32 };
  Type type = Type::F32;
  std::vector<uint64_t> shape;
  std::vector<float> floats;
  std::vector<int32_t> integers;
};

/// Reads a .npy file of format 1.0, 2.0 or 3.0 with little-endian float32
/// ("<f4") or int32 ("<i4") elements in C order.
Expected<NpyArray> readNpy(const std::string &path);

/// Writes a .npy file of format 1.0, whole or not at all. The product of
/// `shape` must be the number of elements.
Status writeNpy(const std::string &path, std::span<const float> elements,
                std::span<const uint64_t> shape);
Status writeNpy(const std::string &path, std::span<const int32_t> elements,
                std::span<const uint64_t> shape);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_NPY_H
