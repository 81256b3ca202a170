//===- InterpretedDevice.h - A GPU that is interpreted ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GOLDEN_INTERPRETEDDEVICE_H
#define GOSSAMER_TESTS_GOLDEN_INTERPRETEDDEVICE_H

#include "runtime/device/Device.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace gossamer {
namespace proto {
class Manifest;
} // namespace proto

namespace golden {

/// A device named "cuda" in the host's memory: it loads an artifact's ELF, and
/// runs what its step launches in the interpreter of tests/gpu-interpreter.
class InterpretedDevice : public Device {
public:
  /// Each launch may touch what the manifest says of its bindings, and nothing
  /// else. To be called before the first step; `manifest` must outlive the
  /// device.
  virtual void describe(const proto::Manifest &manifest) = 0;
};

/// `code` are the functions that the artifacts' PTX was made of; it must
/// outlive the device.
std::shared_ptr<InterpretedDevice>
createInterpretedDevice(mlir::gpu::GPUModuleOp code);

} // namespace golden
} // namespace gossamer

#endif // GOSSAMER_TESTS_GOLDEN_INTERPRETEDDEVICE_H
