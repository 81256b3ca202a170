// RUN: goss-opt %s --gptoss-cuda-expand-kernels="chip=sm_90" | FileCheck %s
// RUN: not goss-opt %s --gptoss-cuda-expand-kernels="chip=sm_70" 2>&1 | FileCheck %s --check-prefix=CHIP

// CHIP: error: --chip expects one of sm_80, {{.*}}sm_120 but got 'sm_70'

// CHECK: gptoss.cpu.kernels = [
// CHECK-SAME: kind = "plain", operation = "rms_norm", reason = "the preferred kind fits", symbol = "rms_norm_0"}

// A block a row; 32 bytes of shared memory for the parts of eight warps.
// CHECK-SAME: gptoss.cuda.launches = [
// CHECK-SAME: {bindings = 3 : i64, rows = 1 : i64, variants = [{max_rows = 4294967295 : i64, scratch = array<i64: 0, 1, 0, 0>, stages = [{block = 256 : i64, dynamic_shared = 0 : i64, grid = [array<i64: 1, 1, 1, 0>, array<i64: 0, 1, 1, 0>, array<i64: 0, 1, 1, 0>], shared = 32 : i64, symbol = "rms_norm_0"}]}]}
// Rows of logits are counted by R, in x, where they may be many; eight outputs
// share a block.
// CHECK-SAME: {bindings = 3 : i64, rows = 2 : i64, {{[^@]*}}grid = [array<i64: 2, 1, 1, 0>, array<i64: 0, 1, 3, 0>, array<i64: 0, 1, 1, 0>], shared = 0 : i64, symbol = "linear_0"}
// Two stages that hand on products in scratch memory: 2 * 32 * 4 bytes a token.
// At most all 4 experts have work.
// CHECK-SAME: {bindings = 10 : i64, rows = 1 : i64, {{.*}}scratch = array<i64: 1, 1, 1, 0>
// CHECK-SAME: array<i64: 1, 1, 2, 4>{{.*}}symbol = "expert_down_0"}
// CHECK-SAME: symbol = "expert_down_0_s1"}

// The kernels stay for lower-step.
// CHECK: gptoss.kernel @rms_norm.0
gptoss.kernel @rms_norm.0 "rms_norm" (r memref<8x40xf32>, p !gptoss.weight<40xbf16>, w memref<8x40xf32>) work affine_map<(t, r) -> (t)> kind "plain" attributes {eps = 1.0e-05 : f64}
gptoss.kernel @linear.0 "linear" (r memref<8x48xf32>, p !gptoss.weight<20x48xbf16>, w memref<8x20xf32>) work affine_map<(t, r) -> (2)> kind "plain" attributes {has_bias = false, has_residual = false, rows = "outputs"}
gptoss.kernel @append.0 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !gptoss.cache<bf16, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 128, windows = [0, 64], layers = [0, 1, 0]>) work affine_map<(t, r) -> (t)> kind "plain" attributes {group = 0 : i64}
gptoss.kernel @expert_down.0 "expert_down" (r memref<16x64xf32>, r memref<4xi32>, r memref<5xi32>, r memref<1xi32>, r memref<16xi32>, r memref<8x2xf32>, p !gptoss.weight<4x32x64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, p !gptoss.weight<4x32xbf16>, w memref<8x32xf32>) work affine_map<(t, r) -> (2)> kind "plain" attributes {has_residual = false, k = 2 : i64}

// CHECK: gpu.module @goss_kernels [#nvvm.target<O = 3, chip = "sm_90", features = "+ptx78">]
// CHECK: llvm.mlir.global internal @[[SHARED:.*]]() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x f32>

// Weights are only read.
// CHECK-LABEL: gpu.func @rms_norm_0(
// CHECK-SAME: %[[X:.*]]: !llvm.ptr<1>, %[[W:.*]]: !llvm.ptr<1> {llvm.noalias, llvm.readonly}, %[[Y:.*]]: !llvm.ptr<1>, %[[DIMS:.*]]: !llvm.ptr<1>, %[[SCRATCH:.*]]: !llvm.ptr<1>) kernel
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK: %[[SUM:.*]] = scf.for
// CHECK: llvm.intr.fma
// CHECK: gpu.shuffle xor %[[SUM]]
// CHECK: gpu.barrier
// CHECK: llvm.call_intrinsic "llvm.nvvm.sqrt.rn.f"
// CHECK: scf.for
// CHECK: llvm.store %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<1>

// A bf16 in memory is an i16.
// CHECK-LABEL: gpu.func @append_0(
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>

// CHECK-LABEL: gpu.func @expert_down_0(
// CHECK: gpu.block_id y
// CHECK: scf.if
// CHECK-LABEL: gpu.func @expert_down_0_s1(
