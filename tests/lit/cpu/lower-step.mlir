// RUN: goss-opt %s --gptoss-cpu-lower-step --split-input-file --verify-diagnostics | FileCheck %s

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 16, page_tokens = 16, max_context = 128, windows = [0, 64], layers = [0, 1, 1]>
!blocks = !gptoss.weight<32x32xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>

gptoss.parameter @norm : !gptoss.weight<32xbf16> from ["norm.weight"]
gptoss.parameter @experts : !blocks from ["blocks", "scales"]
gptoss.parameter @last : !gptoss.weight<32xbf16> from ["last.weight"]

gptoss.kernel @rms_norm "rms_norm" (r memref<8x32xf32>, p !gptoss.weight<32xbf16>, w memref<8x32xf32>) work affine_map<(t, r) -> (t)> kind "lanes16" attributes {eps = 1.0e-05 : f64}
gptoss.kernel @linear "linear" (r memref<8x32xf32>, p !blocks, w memref<8x32xf32>) work affine_map<(t, r) -> (2)> kind "mxfp4_integer" attributes {has_bias = false, has_residual = false, rows = "tokens"}
gptoss.kernel @append "cache_append" (r memref<8x2x16xf32>, r memref<8x2x16xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> kind "plain" attributes {group = 1 : i64}

// CHECK-NOT: gptoss.
// CHECK-LABEL: func.func @goss_step(
// CHECK-SAME: %[[ARGS:.*]]: !llvm.ptr, %[[DEVICE:.*]]: !llvm.ptr) -> i32
// tokens, positions, sequences; arena, parameters, caches.
// CHECK: llvm.getelementptr %[[ARGS]][0, 1]
// CHECK: llvm.load
// CHECK: llvm.getelementptr %[[ARGS]][0, 2]
// CHECK-NEXT: %[[POSITIONS:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[ARGS]][0, 6]
// CHECK-NEXT: %[[ARENA:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[ARGS]][0, 7]
// CHECK-NEXT: %[[PARAMETERS:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[ARGS]][0, 8]
// CHECK-NEXT: %[[CACHES:.*]] = llvm.load
// CHECK: %[[LAUNCHES:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(i32, i32, i64, ptr)>
// CHECK: %[[BINDINGS:.*]] = llvm.alloca %{{.*}} x !llvm.ptr

// The third parameter is the fourth tensor.
// CHECK: llvm.getelementptr %[[PARAMETERS]][3]
// CHECK-NEXT: %[[LAST:.*]] = llvm.load

// First group: one launch.
// CHECK: llvm.store %[[LAST]], %{{.*}} : !llvm.ptr, !llvm.ptr
// CHECK: llvm.getelementptr %[[DEVICE]][0, 2]
// CHECK: llvm.getelementptr %[[DEVICE]][0, 3]
// CHECK-NEXT: %[[DISPATCH:.*]] = llvm.load
// CHECK: %[[CODE:.*]] = llvm.call %[[DISPATCH]](%{{.*}}, %[[LAUNCHES]], %{{.*}}, %[[ARGS]])
// CHECK: cf.cond_br %{{.*}}, ^[[EXIT:.*]](%[[CODE]] : i32), ^[[NEXT:.*]]
// CHECK: ^[[NEXT]]:

// Second group: blocks and scales are two pointers, and so is the cache: its
// layer within the pages of the group, here the second, and the page table.
// CHECK: llvm.getelementptr %[[CACHES]][1, 0]
// CHECK-NEXT: %[[PAGES:.*]] = llvm.load
// CHECK: %[[OFFSET:.*]] = llvm.mlir.constant(4096 : i64) : i64
// CHECK-NEXT: llvm.getelementptr %[[PAGES]][%[[OFFSET]]] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// CHECK: llvm.getelementptr %[[CACHES]][1, 1]
// CHECK: llvm.call
// CHECK: cf.br ^[[EXIT]]
// CHECK: ^[[EXIT]](%[[RESULT:.*]]: i32):
// CHECK-NEXT: return %[[RESULT]]
func.func @step(%tokens: memref<8xi32>, %positions: memref<8xi32>, %sequences: memref<8xi32>, %outputs: memref<8xi32>, %cache: !cache, %logits: memref<8x32xf32>, %arena: memref<4096xi8>, %t: index, %r: index) {
  %c0 = arith.constant 0 : index
  %c1024 = arith.constant 1024 : index
  %c2 = arith.constant 2 : index
  %x = memref.view %arena[%c0][] : memref<4096xi8> to memref<8x32xf32>
  %y = memref.view %arena[%c1024][] : memref<4096xi8> to memref<8x32xf32>
  %heads = memref.expand_shape %y [[0], [1, 2]] output_shape [8, 2, 16] : memref<8x32xf32> into memref<8x2x16xf32>
  %w = gptoss.weight @last : !gptoss.weight<32xbf16>
  %b = gptoss.weight @experts : !blocks
  gptoss.dispatch @rms_norm items(%t) (%x, %w, %y) : memref<8x32xf32>, !gptoss.weight<32xbf16>, memref<8x32xf32>
  gptoss.concurrent {
    gptoss.dispatch @linear items(%c2) (%y, %b, %logits) : memref<8x32xf32>, !blocks, memref<8x32xf32>
    gptoss.dispatch @append items(%t) layer(2) (%heads, %heads, %positions, %sequences, %cache) : memref<8x2x16xf32>, memref<8x2x16xf32>, memref<8xi32>, memref<8xi32>, !cache
  }
  return
}

// -----

// expected-error @below {{expects a function @step at the plan level}}
module {
}

// -----

// expected-error @+1 {{expects 9 arguments of the plan level but got 1}}
func.func @step(%tokens: memref<8xi32>) {
  return
}
