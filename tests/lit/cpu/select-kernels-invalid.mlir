// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v3" --split-input-file --verify-diagnostics

// expected-error @+1 {{kind 'mxfp4_table' of 'expert_gate_up' needs the processor feature avx512f}}
gptoss.kernel @blocks "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> kind "mxfp4_table" attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// -----

// expected-error @+1 {{kind 'dense_columns' of 'linear' does not exist}}
gptoss.kernel @linear "linear" (r memref<8x48xf32>, p !gptoss.weight<20x48xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> kind "dense_columns" attributes {has_bias = false, has_residual = false, rows = "tokens"}

// -----

// expected-error @+1 {{kind 'dense_rows' of 'expert_gate_up' needs weights of the form bf16, f16, f32 by rows}}
gptoss.kernel @transposed "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xbf16, layout = transposed>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> kind "dense_rows" attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}
