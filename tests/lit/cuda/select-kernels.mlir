// RUN: goss-opt %s --gptoss-cuda-select-kernels | FileCheck %s --check-prefixes=CHECK,EXACT
// RUN: goss-opt %s --gptoss-cuda-select-kernels="round-inputs" | FileCheck %s --check-prefixes=CHECK,FAST
// RUN: goss-opt %s --gptoss-cuda-select-kernels="opt-level=0" | FileCheck %s --check-prefix=PLAIN

// PLAIN-NOT: kind "{{[^p]}}

// Tensor cores take bf16: exact inputs are three of them.
// EXACT: @linear {{.*}} kind "tiles"
// FAST: @linear {{.*}} kind "tiles_bf16"
// PLAIN: @linear {{.*}} kind "plain"
gptoss.kernel @linear "linear" (r memref<8x64xf32>, p !gptoss.weight<20x64xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, rows = "tokens"}

// A tile has 32 inputs.
// CHECK: @odd {{.*}} kind "vectors"
gptoss.kernel @odd "linear" (r memref<8x48xf32>, p !gptoss.weight<20x48xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, rows = "tokens"}

// CHECK: @unaligned {{.*}} kind "plain"
gptoss.kernel @unaligned "linear" (r memref<8x44xf32>, p !gptoss.weight<20x44xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> attributes {has_bias = false, has_residual = false, rows = "tokens"}

// EXACT: @blocks {{.*}} kind "tiles"
// FAST: @blocks {{.*}} kind "tiles_bf16"
gptoss.kernel @blocks "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// CHECK: @transposed {{.*}} kind "plain"
gptoss.kernel @transposed "expert_gate_up" (r memref<8x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, p !gptoss.weight<4x32x64xbf16, layout = transposed>, p !gptoss.weight<4x32xbf16>, w memref<16x16xf32>) work affine_map<(t, r) -> (8, t * 4)> attributes {alpha = 1.702 : f64, limit = 7.0 : f64, k = 2 : i64}

// Tensor cores take keys and values of bf16, and few numbers of heads.
// EXACT: @attention {{.*}} kind "split"
// FAST: @attention {{.*}} kind "tiles_bf16"
gptoss.kernel @attention "attention" (r memref<8x4x32xf32>, r !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<4xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x4x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}
// EXACT: @short_keys {{.*}} kind "tiles"
// FAST: @short_keys {{.*}} kind "tiles_bf16"
gptoss.kernel @short_keys "attention" (r memref<8x4x32xf32>, r !gptoss.cache<bf16, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<4xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x4x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}
// CHECK: @three_heads {{.*}} kind "split"
gptoss.kernel @three_heads "attention" (r memref<8x6x32xf32>, r !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<6xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x6x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}

// CHECK: @small_pages {{.*}} kind "plain"
gptoss.kernel @small_pages "attention" (r memref<8x4x32xf32>, r !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 8, max_context = 128, windows = [0], layers = [0]>, p !gptoss.weight<4xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x4x32xf32>) work affine_map<(t, r) -> (t * 2)> attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}

// EXACT: @project {{.*}} kind "tiles"
// FAST: @project {{.*}} kind "tiles_bf16"
// PLAIN: @project {{.*}} kind "plain"
gptoss.kernel @project "project" (r memref<8x64xf32>, p !gptoss.weight<64xbf16>, p !gptoss.weight<64x64xbf16>, p !gptoss.weight<64xbf16>, p !gptoss.weight<32x64xbf16>, p !gptoss.weight<32xbf16>, p !gptoss.weight<32x64xbf16>, p !gptoss.weight<32xbf16>, r memref<8x16xf32>, r memref<8x16xf32>, r memref<8xi32>, r memref<8xi32>, w memref<8x2x32xf32>, rw !gptoss.cache<f32, kv_heads = 1, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>) work affine_map<(t, r) -> (8)> attributes {eps = 1.0e-05 : f64, group = 0 : i64}

// One of the three weights is of another form.
// CHECK: @f16_values {{.*}} kind "plain"
gptoss.kernel @f16_values "project" (r memref<8x64xf32>, p !gptoss.weight<64xbf16>, p !gptoss.weight<64x64xbf16>, p !gptoss.weight<64xbf16>, p !gptoss.weight<32x64xbf16>, p !gptoss.weight<32xbf16>, p !gptoss.weight<32x64xf16>, p !gptoss.weight<32xbf16>, r memref<8x16xf32>, r memref<8x16xf32>, r memref<8xi32>, r memref<8xi32>, w memref<8x2x32xf32>, rw !gptoss.cache<f32, kv_heads = 1, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>) work affine_map<(t, r) -> (8)> attributes {eps = 1.0e-05 : f64, group = 0 : i64}

// EXACT: @norm_route {{.*}} kind "tiles"
// FAST: @norm_route {{.*}} kind "tiles_bf16"
gptoss.kernel @norm_route "norm_route" (r memref<8x64xf32>, p !gptoss.weight<64xbf16>, p !gptoss.weight<4x64xbf16>, p !gptoss.weight<4xbf16>, w memref<8x64xf32>, w memref<8x2xf32>, w memref<4xi32>, w memref<5xi32>, w memref<1xi32>, w memref<16xi32>) work affine_map<(t, r) -> (1)> attributes {eps = 1.0e-05 : f64, k = 2 : i64}

// CHECK: @odd_route {{.*}} kind "plain"
gptoss.kernel @odd_route "norm_route" (r memref<8x48xf32>, p !gptoss.weight<48xbf16>, p !gptoss.weight<4x48xbf16>, p !gptoss.weight<4xbf16>, w memref<8x48xf32>, w memref<8x2xf32>, w memref<4xi32>, w memref<5xi32>, w memref<1xi32>, w memref<16xi32>) work affine_map<(t, r) -> (1)> attributes {eps = 1.0e-05 : f64, k = 2 : i64}
