// From the plan to the LLVM dialect; the result parses again.
// RUN: goss-opt %s --gptoss-cpu="mcpu=x86-64-v4" -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: goss-opt %t.mlir | diff %t.mlir -
// RUN: goss-opt %s --gptoss-cpu="mcpu=x86-64-v3 opt-level=0" | FileCheck %s --check-prefix=PLAIN

!cache = !gptoss.cache<f32, kv_heads = 1, head_dim = 16, page_tokens = 16, max_context = 128, windows = [0], layers = [0]>

gptoss.parameter @norm : !gptoss.weight<32xbf16> from ["norm.weight"]
gptoss.kernel @rms_norm "rms_norm" (r memref<8x32xf32>, p !gptoss.weight<32xbf16>, w memref<8x32xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-05 : f64}

// CHECK: kind = "lanes16"
// CHECK-NOT: {{(func|scf|arith|memref|vector|gptoss)\.[a-z_]+ }}
// CHECK-DAG: llvm.func @goss_step(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func @goss_kernel_0(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK-DAG: llvm.intr.fma{{.*}} vector<16xf32>
// PLAIN: kind = "plain"
// PLAIN-NOT: vector<
// PLAIN: llvm.func @goss_step
func.func @step(%tokens: memref<8xi32>, %positions: memref<8xi32>, %sequences: memref<8xi32>, %outputs: memref<8xi32>, %cache: !cache, %logits: memref<8x32xf32>, %arena: memref<1024xi8>, %t: index, %r: index) {
  %c0 = arith.constant 0 : index
  %x = memref.view %arena[%c0][] : memref<1024xi8> to memref<8x32xf32>
  %w = gptoss.weight @norm : !gptoss.weight<32xbf16>
  gptoss.dispatch @rms_norm items(%t) (%x, %w, %logits) : memref<8x32xf32>, !gptoss.weight<32xbf16>, memref<8x32xf32>
  return
}
