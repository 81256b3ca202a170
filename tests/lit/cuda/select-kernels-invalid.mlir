// RUN: goss-opt %s --gptoss-cuda-select-kernels --split-input-file --verify-diagnostics
// RUN: not goss-opt %s --gptoss-cuda-expand-kernels --split-input-file 2>&1 | FileCheck %s --check-prefix=EXPAND

// Kernels reach the expansion with a kind.
// EXPAND: expects a kind: run gptoss-cuda-select-kernels
// expected-error @+1 {{no kernel kind of the cuda backend computes 'expert_gate_up' with these bindings: plain needs weights that do not lie in row panels (--layout=published, --dense=bf16)}}
gptoss.kernel @panels "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// -----

// expected-error @+1 {{kind 'lanes16' of 'add' does not exist}}
gptoss.kernel @add "add" (r memref<8x48xf32>, r memref<8x48xf32>, w memref<8x48xf32>) work affine_map<(t, r) -> (t)> kind "lanes16" attributes {}
