// RUN: goss-opt %s --gptoss-group-dispatches | FileCheck %s

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
gptoss.kernel @a "add" (r memref<8x192xf32>, r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
gptoss.kernel @append.0 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
gptoss.kernel @append.1 "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 1 : i64}
gptoss.kernel @values.0 "attention_values" (r memref<8x8x2048xf32>, r !cache, r memref<8xi32>, w memref<8x8x32xf32>) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}

// A chain stays in order; what does not depend on it joins its first group.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:[^:]+]]: memref<8x192xf32>
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK-NEXT: %[[B:.*]] = memref.alloc()
// CHECK-NEXT: %[[C:.*]] = memref.alloc()
// CHECK-NEXT: %[[D:.*]] = memref.alloc()
// CHECK-NEXT: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @k items(%{{.*}}) (%[[X]], %[[A]])
// CHECK-NEXT: gptoss.dispatch @k items(%{{.*}}) (%[[X]], %[[C]])
// CHECK-NEXT: }
// CHECK-NEXT: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @k items(%{{.*}}) (%[[A]], %[[B]])
// CHECK-NEXT: }
// CHECK-NEXT: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @a items(%{{.*}}) (%[[B]], %[[C]], %[[D]])
// CHECK-NEXT: }
// CHECK-NEXT: return
func.func @chain(%x: memref<8x192xf32>, %t: index) {
  %a = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %a) : memref<8x192xf32>, memref<8x192xf32>
  %b = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%a, %b) : memref<8x192xf32>, memref<8x192xf32>
  %c = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %c) : memref<8x192xf32>, memref<8x192xf32>
  %d = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @a items(%t) (%b, %c, %d) : memref<8x192xf32>, memref<8x192xf32>, memref<8x192xf32>
  return
}

// One must not overwrite what an earlier one still reads.
// CHECK-LABEL: func.func @write_after_read
// CHECK-COUNT-2: gptoss.concurrent
func.func @write_after_read(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %z: memref<8x192xf32>, %t: index) {
  gptoss.dispatch @k items(%t) (%x, %y) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%z, %x) : memref<8x192xf32>, memref<8x192xf32>
  return
}

// Reshapes of a buffer are the buffer.
// CHECK-LABEL: func.func @reshaped
// CHECK-COUNT-2: gptoss.concurrent
func.func @reshaped(%p: memref<8x8x2048xf32>, %c: !cache, %i: memref<8xi32>, %w: memref<8x192xf32>, %t: index) {
  %a = memref.alloc() : memref<8x256xf32>
  %h = memref.expand_shape %a [[0], [1, 2]] output_shape [8, 8, 32] : memref<8x256xf32> into memref<8x8x32xf32>
  %g = memref.expand_shape %a [[0], [1, 2]] output_shape [8, 8, 32] : memref<8x256xf32> into memref<8x8x32xf32>
  gptoss.dispatch @values.0 items(%t) layer(0) (%p, %c, %i, %h) : memref<8x8x2048xf32>, !cache, memref<8xi32>, memref<8x8x32xf32>
  gptoss.dispatch @values.0 items(%t) layer(0) (%p, %c, %i, %g) : memref<8x8x2048xf32>, !cache, memref<8xi32>, memref<8x8x32xf32>
  return
}

// Layers of the cache are independent, one layer is not of itself.
// CHECK-LABEL: func.func @cache
// CHECK: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @append.0 items(%{{.*}}) layer(0)
// CHECK-NEXT: gptoss.dispatch @append.1 items(%{{.*}}) layer(1)
// CHECK-NEXT: }
// CHECK-NEXT: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @values.0
// CHECK-NEXT: }
func.func @cache(%k: memref<8x2x32xf32>, %p: memref<8x8x2048xf32>, %i: memref<8xi32>, %c: !cache, %o: memref<8x8x32xf32>, %t: index) {
  gptoss.dispatch @append.0 items(%t) layer(0) (%k, %k, %i, %i, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  gptoss.dispatch @values.0 items(%t) layer(0) (%p, %c, %i, %o) : memref<8x8x2048xf32>, !cache, memref<8xi32>, memref<8x8x32xf32>
  gptoss.dispatch @append.1 items(%t) layer(1) (%k, %k, %i, %i, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  return
}

// One kernel serves the layers of a group; its launches are independent by
// layer.
// CHECK-LABEL: func.func @same_kernel
// CHECK: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @append.all items(%{{.*}}) layer(0)
// CHECK-NEXT: gptoss.dispatch @append.all items(%{{.*}}) layer(1)
// CHECK-NEXT: }
// CHECK-NEXT: gptoss.concurrent {
// CHECK-NEXT: gptoss.dispatch @append.all items(%{{.*}}) layer(0)
// CHECK-NEXT: }
!two = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0, 0]>
gptoss.kernel @append.all "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !two) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
func.func @same_kernel(%k: memref<8x2x32xf32>, %i: memref<8xi32>, %c: !two, %t: index) {
  gptoss.dispatch @append.all items(%t) layer(0) (%k, %k, %i, %i, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !two
  gptoss.dispatch @append.all items(%t) layer(1) (%k, %k, %i, %i, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !two
  gptoss.dispatch @append.all items(%t) layer(0) (%k, %k, %i, %i, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !two
  return
}
