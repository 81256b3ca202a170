// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64-v4" | FileCheck %s --check-prefixes=CHECK,V4
// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64" | FileCheck %s --check-prefixes=CHECK,BASE

// CHECK: gptoss.cpu.kernels = [
// CHECK-SAME: {bindings = 3 : i64, bytes_per_item = 80 : i64, {{.*}}kind = "lanes16", operation = "rms_norm", reason = "the preferred kind fits", symbol = "goss_kernel_0"}
// MXFP4 has two pointers, 17 bytes for 32 weights, 16 rows an item.
// CHECK-SAME: {bindings = 4 : i64, bytes_per_item = 544 : i64, flops_per_item = 2048 : i64, kind = "mxfp4_integer", operation = "linear", reason = "{{.*}}mxfp4_table{{.*}}", symbol = "goss_kernel_1"}

// The kernels stay for lower-step.
// CHECK: gptoss.kernel @rms_norm
gptoss.kernel @rms_norm "rms_norm" (r memref<8x40xf32>, p !gptoss.weight<40xbf16>, w memref<8x40xf32>) work affine_map<(t, r) -> (t)> kind "lanes16" attributes {eps = 1.0e-05 : f64}
gptoss.kernel @blocks "linear" (r memref<8x64xf32>, p !gptoss.weight<32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, w memref<8x32xf32>) work affine_map<(t, r) -> (2)> kind "mxfp4_integer" attributes {has_bias = false, has_residual = false, rows = "tokens"}
gptoss.kernel @append "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0, 64], layers = [0, 1, 0]>) work affine_map<(t, r) -> (t)> kind "plain" attributes {group = 0 : i64}
gptoss.kernel @append16 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !gptoss.cache<bf16, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0, 64], layers = [0, 1, 0]>) work affine_map<(t, r) -> (t)> kind "lanes16" attributes {group = 1 : i64}

// Whole vectors, then one with a mask; a fused multiplication only where the
// target has one.
// CHECK-LABEL: func.func private @cpu.rms_norm(
// CHECK-SAME: %[[X:.*]]: memref<8x40xf32>, %[[W:.*]]: memref<40xi16>, %[[Y:.*]]: memref<8x40xf32>, %[[BEGIN:.*]]: index, %[[END:.*]]: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index)
// CHECK: scf.for %[[T:.*]] = %[[BEGIN]] to %[[END]]
// CHECK: scf.for
// CHECK: vector.load %[[X]][%[[T]],
// V4: math.fma
// BASE-NOT: math.fma
// BASE: arith.mulf
// BASE: arith.addf
// CHECK: vector.maskedload %[[X]][%[[T]],

// CHECK-LABEL: func.func @goss_kernel_0(
// CHECK-SAME: %[[BINDINGS:.*]]: !llvm.ptr, %[[DIMS:.*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: llvm.getelementptr %[[BINDINGS]][2]
// CHECK: llvm.getelementptr %[[DIMS]][2]
// CHECK: call @cpu.rms_norm(

// Blocks and scales; 16 bytes hold 32 codes.
// CHECK-LABEL: func.func private @cpu.blocks(
// CHECK-SAME: memref<32x2x16xi8>, %{{.*}}: memref<32x2xi8>
// CHECK: vector.load %{{.*}} : memref<32x2x16xi8>, vector<16xi8>

// Pages are those of the group, of two layers here; the launch's pointer is to
// its layer.
// CHECK-LABEL: func.func private @cpu.append(
// CHECK-SAME: memref<?x4096xf32>, %{{.*}}: memref<?x8xi32>
// CHECK: memref.store %{{.*}} : memref<?x4096xf32>

// A bf16 is rounded by integer arithmetic and stored as an i16.
// CHECK-LABEL: func.func private @cpu.append16(
// CHECK-SAME: memref<?x2048xi16>, %{{.*}}: memref<?x8xi32>
// CHECK-NOT: bf16
// CHECK: memref.store %{{.*}} : memref<?x2048xi16>
// CHECK: vector.store %{{.*}} : memref<?x2048xi16>, vector<16xi16>
