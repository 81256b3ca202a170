// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4" | FileCheck %s --check-prefixes=CHECK,V4
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v3" | FileCheck %s --check-prefixes=CHECK,V3
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4 features=-avx512vl" | FileCheck %s --check-prefixes=CHECK,V3
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64" | FileCheck %s --check-prefixes=CHECK,V3
// RUN: goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64-v4 opt-level=0" | FileCheck %s --check-prefix=PLAIN

// PLAIN-NOT: kind "{{[^p]}}

// CHECK: @rms_norm {{.*}} kind "lanes16"
// PLAIN: @rms_norm {{.*}} kind "plain"
gptoss.kernel @rms_norm "rms_norm" (r memref<8x48xf32>, p !gptoss.weight<48xbf16>, w memref<8x48xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-05 : f64}

// CHECK: @linear {{.*}} kind "dense_rows"
// PLAIN: @linear {{.*}} kind "plain"
gptoss.kernel @linear "linear" (r memref<8x48xf32>, p !gptoss.weight<20x48xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, rows = "tokens"}

// The codes of MXFP4 are looked up where there is an instruction for it.
// V4: @blocks {{.*}} kind "mxfp4_table"
// V3: @blocks {{.*}} kind "mxfp4_integer"
// PLAIN: @blocks {{.*}} kind "plain"
gptoss.kernel @blocks "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// CHECK: @transposed {{.*}} kind "dense_columns"
gptoss.kernel @transposed "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xbf16, layout = transposed>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// CHECK: @attention {{.*}} kind "pages16"
gptoss.kernel @attention "attention" (r memref<8x4x32xf32>, r !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<4xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x4x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}

// Pages of another size do not fill the lanes.
// CHECK: @small_pages {{.*}} kind "plain"
gptoss.kernel @small_pages "attention" (r memref<8x4x32xf32>, r !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 8, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<4xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x4x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}

// A kind that is there stays.
// CHECK: @chosen {{.*}} kind "plain"
gptoss.kernel @chosen "add" (r memref<8x48xf32>, r memref<8x48xf32>, w memref<8x48xf32>) work affine_map<(t, r) -> (t)> kind "plain" attributes {}
