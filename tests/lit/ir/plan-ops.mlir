// The operations of the plan level, as printed and read back.

// RUN: goss-opt %s --mlir-print-local-scope | goss-opt --mlir-print-local-scope | FileCheck %s
// RUN: goss-opt %s --mlir-print-op-generic | goss-opt --mlir-print-local-scope | FileCheck %s
// RUN: goss-opt %s --emit-bytecode | goss-opt --mlir-print-local-scope | FileCheck %s

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// CHECK: gptoss.kernel @rms_norm.0 "rms_norm" (r memref<8x192xf32>, p !gptoss.weight<192xbf16>, w memref<8x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {eps = 1.000000e-05 : f64}
gptoss.kernel @rms_norm.0 "rms_norm" (r memref<8x192xf32>, p !gptoss.weight<192xbf16>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-5 : f64}
// CHECK: gptoss.kernel @append.0 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !gptoss.cache<{{.*}}>) work affine_map<(d0, d1) -> (d0)> kind "plain" attributes {group = 0 : i64}
gptoss.kernel @append.0 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> kind "plain" attributes {group = 0 : i64}
gptoss.kernel @append.1 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 1 : i64}
// CHECK: gptoss.kernel @linear.0 "linear" (r memref<8x192xf32>, p !gptoss.weight<256x192xbf16>, r memref<8x256xf32>, w memref<8x256xf32>)
gptoss.kernel @linear.0 "linear" (r memref<8x192xf32>, p !gptoss.weight<256x192xbf16>, r memref<8x256xf32>, w memref<8x256xf32>) work affine_map<(t, r) -> (16)> attributes {has_bias = false, has_residual = true, rows = "tokens"}

// CHECK-LABEL: func.func @step
func.func @step(%x: memref<8x192xf32>, %w: !gptoss.weight<192xbf16>, %arena: memref<16384xi8>, %kv: memref<8x2x32xf32>, %p: memref<8xi32>, %cache: !cache, %t: index) {
  %c0 = arith.constant 0 : index
  %c6144 = arith.constant 6144 : index
  %y = memref.view %arena[%c0][] : memref<16384xi8> to memref<8x192xf32>
  %z = memref.view %arena[%c6144][] : memref<16384xi8> to memref<8x192xf32>
  // CHECK: gptoss.dispatch @rms_norm.0 items(%{{.*}}) (%{{.*}}, %{{.*}}, %{{.*}}) : memref<8x192xf32>, !gptoss.weight<192xbf16>, memref<8x192xf32>
  gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<8x192xf32>, !gptoss.weight<192xbf16>, memref<8x192xf32>
  // Different bytes of the arena, and different layers of the cache.
  // CHECK: gptoss.concurrent {
  // CHECK-NEXT: gptoss.dispatch @rms_norm.0
  // CHECK-NEXT: gptoss.dispatch @rms_norm.0
  // CHECK-NEXT: gptoss.dispatch @append.0 items(%{{.*}}) layer(0) (%
  // CHECK-NEXT: gptoss.dispatch @append.1 items(%{{.*}}) layer(1) (%
  // CHECK-NEXT: }
  gptoss.concurrent {
    gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<8x192xf32>, !gptoss.weight<192xbf16>, memref<8x192xf32>
    gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %z) : memref<8x192xf32>, !gptoss.weight<192xbf16>, memref<8x192xf32>
    gptoss.dispatch @append.0 items(%t) layer(0) (%kv, %kv, %p, %p, %cache) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
    gptoss.dispatch @append.1 items(%t) layer(1) (%kv, %kv, %p, %p, %cache) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  }
  return
}
