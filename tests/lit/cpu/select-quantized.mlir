// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4 features=+avx512vnni" | FileCheck %s --check-prefixes=CHECK,V4,VNNI
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=sapphirerapids" | FileCheck %s --check-prefixes=CHECK,V4,VNNI
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=sapphirerapids features=-avx512vnni" | FileCheck %s --check-prefixes=CHECK,V4,WORDS
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4" | FileCheck %s --check-prefixes=CHECK,V4,WORDS
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v3" | FileCheck %s --check-prefixes=CHECK,V3,WORDS
// The oracle has no kernel for panels or int8 activations.
// RUN: not goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4 opt-level=0" 2>&1 | FileCheck %s --check-prefix=PLAIN
// PLAIN: no kernel kind of the cpu backend computes 'expert_gate_up' with these bindings

// Row panels with float32 activations.
// V4: @panels {{.*}} kind "panels_table"
// V3: @panels {{.*}} kind "panels_integer"
gptoss.kernel @panels "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// CHECK: @quantize {{.*}} kind "blocks32"
gptoss.kernel @quantize "quantize" (r memref<8x64xf32>, w memref<8x164xi8>) work affine_map<(t, r) -> (t)> attributes {unit = 0.5 : f64, zero = 12.0 : f64}

// Products with int8 activations: bytes where there is an instruction for them,
// else 16-bit words.
// VNNI: @quantized_blocks {{.*}} kind "rows_vnni"
// WORDS: @quantized_blocks {{.*}} kind "rows_int8"
gptoss.kernel @quantized_blocks "expert_gate_up" (r memref<8x164xi8>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64, quantized = true}

// VNNI: @quantized_panels {{.*}} kind "panels_vnni"
// WORDS: @quantized_panels {{.*}} kind "panels_int8"
gptoss.kernel @quantized_panels "expert_gate_up" (r memref<8x84xi8>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64, quantized = true}

// VNNI: @dense {{.*}} kind "panels_vnni"
// WORDS: @dense {{.*}} kind "panels_int8"
gptoss.kernel @dense "linear" (r memref<8x164xi8>, p !gptoss.weight<20x64xi8, scale = bf16, block = 32, layout = row_panel>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, quantized = true, rows = "tokens"}

// A scale a row is the same kind's matter.
// VNNI: @channels {{.*}} kind "panels_vnni"
// WORDS: @channels {{.*}} kind "panels_int8"
gptoss.kernel @channels "linear" (r memref<8x164xi8>, p !gptoss.weight<20x64xi8, scale = bf16, block = 64, layout = row_panel>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, quantized = true, rows = "tokens"}
