//===- MachineLoops.h - Loops that reach a machine's limits -----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The busiest loops that a core can run, each in the widest form that this
// host has. They are chosen at run time: the program itself is built for the
// least machine.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_MACHINELOOPS_H
#define GOSSAMER_TOOLS_GOSS_MACHINELOOPS_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gossamer::tools {

/// Arithmetic in registers.
struct VectorLoop {
  std::string_view instruction; ///< "vpdpbusd, 512 bits".
  double operations;            ///< of an iteration, 2 a multiply-add.
  void (*run)(uint64_t iterations);
};

/// Reads `bytes` (a multiple of readGranule) at `data`, 64-byte aligned.
using ReadLoop = void (*)(const std::byte *data, size_t bytes);
inline constexpr size_t readGranule = 2048;

/// Dot products of unsigned by signed bytes.
VectorLoop chooseInt8Loop();
/// Multiplications and additions of float32.
VectorLoop chooseFloat32Loop();
ReadLoop chooseReadLoop();

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_MACHINELOOPS_H
