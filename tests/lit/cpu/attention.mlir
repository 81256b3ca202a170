// The loops of paged attention: keys and values are read once for a tile of
// heads, bf16 is widened by integer operations.

// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64-v4" | FileCheck %s --check-prefixes=CHECK,V4
// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64-v3" | FileCheck %s --check-prefixes=CHECK,V3

!f32 = !gptoss.cache<f32, kv_heads = 2, head_dim = 64, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>
!bf16 = !gptoss.cache<bf16, kv_heads = 2, head_dim = 64, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>

// An item is a token and a kv head: 4 * 16 heads * 64 / 2 operations a key.
// CHECK: flops_per_item = 2048 : i64, kind = "pages16", operation = "attention"
gptoss.kernel @wide "attention" (r memref<8x16x64xf32>, r !f32, p !gptoss.weight<16xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x16x64xf32>) work affine_map<(t, r) -> (t * 2)> kind "pages16" attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}
gptoss.kernel @narrow "attention" (r memref<8x16x64xf32>, r !bf16, p !gptoss.weight<16xbf16>, r memref<8xi32>, r memref<8xi32>, w memref<8x16x64xf32>) work affine_map<(t, r) -> (t * 2)> kind "pages16" attributes {group = 0 : i64, scale = 0.125 : f64, window = 0 : i64}

// CHECK-LABEL: func.func private @cpu.wide(
// CHECK-SAME: %[[Q:.*]]: memref<8x16x64xf32>, %[[PAGES:.*]]: memref<?x4096xf32>, %{{.*}}: memref<?x8xi32>
// The scores of a page.
// CHECK: vector.load %[[PAGES]][{{.*}}] : memref<?x4096xf32>, vector<16xf32>
// CHECK-NEXT: memref.prefetch %[[PAGES]]
// V4-COUNT-8: math.fma {{.*}} : vector<16xf32>
// V3-COUNT-4: math.fma {{.*}} : vector<16xf32>
// CHECK-NEXT: scf.yield
// The values of a slot.
// V4: vector.load %[[PAGES]][{{.*}}] : memref<?x4096xf32>, vector<16xf32>
// V4-NEXT: memref.prefetch %[[PAGES]]
// V4: vector.load %[[PAGES]][{{.*}}] : memref<?x4096xf32>, vector<16xf32>
// V4-NEXT: memref.prefetch %[[PAGES]]
// V4-COUNT-16: math.fma {{.*}} : vector<16xf32>
// V4-NEXT: scf.yield

// CHECK-LABEL: func.func private @cpu.narrow(
// CHECK-SAME: %[[PAGES:[^:]*]]: memref<?x4096xi16>
// CHECK: %[[RAW:.*]] = vector.load %[[PAGES]][{{.*}}] : memref<?x4096xi16>, vector<16xi16>
// CHECK-NEXT: %[[WIDE:.*]] = arith.extui %[[RAW]] : vector<16xi16> to vector<16xi32>
// CHECK: arith.shli %[[WIDE]]
// CHECK-NOT: bf16
