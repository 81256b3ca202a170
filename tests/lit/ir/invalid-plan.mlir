// What operations of the plan level refuse, one case a constraint.

// RUN: goss-opt %s --split-input-file --verify-diagnostics

// Kernel C1.
// expected-error @+1 {{expects a kernel operation but got "gemm"}}
gptoss.kernel @k "gemm" (r memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}

// -----

// Kernel C2.
// expected-error @+1 {{expects 3 bindings of "rms_norm" but got 2}}
gptoss.kernel @k "rms_norm" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-5 : f64}

// -----

// Kernel C2: the bias is a binding only when the attribute says so.
// expected-error @+1 {{expects 3 bindings of "linear" but got 4}}
gptoss.kernel @k "linear" (r memref<8x192xf32>, p !gptoss.weight<256x192xbf16>, p !gptoss.weight<256xbf16>, w memref<8x256xf32>) work affine_map<(t, r) -> (16)> attributes {has_bias = false, has_residual = false, rows = "tokens"}

// -----

// Kernel C2.
// expected-error @+1 {{expects access w of binding 1 (y) but got r}}
gptoss.kernel @k "softmax" (r memref<8x192xf32>, r memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}

// -----

// Kernel C2.
// expected-error @+1 {{expects an access for each of 2 bindings but got 1}}
"gptoss.kernel"() <{sym_name = "k", kernel_operation = "softmax", binding_types = [memref<8xf32>, memref<8xf32>], access = [#gptoss<access r>], work = affine_map<(t, r) -> (t)>, config = {}}> : () -> ()

// -----

// Kernel C3.
// expected-error @+1 {{expects a weight as binding 1 (weight) but got 'memref<192xbf16>'}}
gptoss.kernel @k "rms_norm" (r memref<8x192xf32>, p memref<192xbf16>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-5 : f64}

// -----

// Kernel C3.
// expected-error @+1 {{expects a memref or a cache as binding 0 (x) but got '!gptoss.weight<192xbf16>'}}
gptoss.kernel @k "softmax" (r !gptoss.weight<192xbf16>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}

// -----

// Kernel C4.
// expected-error @+1 {{expects work to map (tokens, outputs) to items but got affine_map<(d0) -> (d0)>}}
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t) -> (t)> attributes {}

// -----

// Kernel C5.
// expected-error @+1 {{expects attribute eps of "rms_norm" but got {epsilon = 1.000000e-05 : f64}}}
gptoss.kernel @k "rms_norm" (r memref<8x192xf32>, p !gptoss.weight<192xbf16>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {epsilon = 1.0e-5 : f64}

// -----

// Kernel C6.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
// expected-error @+1 {{expects attribute group from 0 to 1 but got {group = 2 : i64}}}
gptoss.kernel @k "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 2 : i64}

// -----

// expected-error @+1 {{expects an access (r, w, rw, p) but got 'x'}}
gptoss.kernel @k "softmax" (x memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}

// -----

// Dispatch C1.
func.func @f(%x: memref<8x192xf32>, %t: index) {
  // expected-error @+1 {{expects the symbol of a gptoss.kernel but got @f}}
  gptoss.dispatch @f items(%t) (%x, %x) : memref<8x192xf32>, memref<8x192xf32>
  return
}

// -----

// Dispatch C2.
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
func.func @f(%x: memref<8x192xf32>, %t: index) {
  // expected-error @+1 {{expects 2 bindings but got 1}}
  gptoss.dispatch @k items(%t) (%x) : memref<8x192xf32>
  return
}

// -----

// Dispatch C2.
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
func.func @f(%x: memref<8x192xf32>, %y: memref<8x64xf32>, %t: index) {
  // expected-error @+1 {{expects binding 1 of type 'memref<8x192xf32>' but got 'memref<8x64xf32>'}}
  gptoss.dispatch @k items(%t) (%x, %y) : memref<8x192xf32>, memref<8x64xf32>
  return
}

// -----

// Dispatch C3.
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
func.func @f(%x: memref<8x192xf32>, %t: index) {
  // expected-error @+1 {{expects a layer only with a cache but got layer 0 without one}}
  gptoss.dispatch @k items(%t) layer(0) (%x, %x) : memref<8x192xf32>, memref<8x192xf32>
  return
}

// -----

// Dispatch C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
gptoss.kernel @k "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
func.func @f(%x: memref<8x2x32xf32>, %p: memref<8xi32>, %c: !cache, %t: index) {
  // expected-error @+1 {{expects the layer of the cache that is bound but got none}}
  gptoss.dispatch @k items(%t) (%x, %x, %p, %p, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  return
}

// -----

// Dispatch C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
gptoss.kernel @k "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
func.func @f(%x: memref<8x2x32xf32>, %p: memref<8xi32>, %c: !cache, %t: index) {
  // expected-error @+1 {{expects a layer from 0 to 1 but got 2}}
  gptoss.dispatch @k items(%t) layer(2) (%x, %x, %p, %p, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  return
}

// -----

// Dispatch C4.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
gptoss.kernel @k "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
func.func @f(%x: memref<8x2x32xf32>, %p: memref<8xi32>, %c: !cache, %t: index) {
  // expected-error @+1 {{expects a layer of group 0 but got layer 1 of group 1}}
  gptoss.dispatch @k items(%t) layer(1) (%x, %x, %p, %p, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  return
}

// -----

// Concurrent C1.
func.func @f() {
  // expected-error @+1 {{expects at least one dispatch but got none}}
  gptoss.concurrent {
  }
  return
}

// -----

// Concurrent C1.
func.func @f() {
  // expected-error @+1 {{expects dispatches only but got 'arith.constant'}}
  gptoss.concurrent {
    %0 = arith.constant 0 : index
  }
  return
}

// -----

// Concurrent C2: one writes what the other reads.
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
func.func @f(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %z: memref<8x192xf32>, %t: index) {
  // expected-error @+1 {{expects independent dispatches but got a conflict of @k with an earlier one}}
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) (%x, %y) : memref<8x192xf32>, memref<8x192xf32>
    gptoss.dispatch @k items(%t) (%y, %z) : memref<8x192xf32>, memref<8x192xf32>
  }
  return
}

// -----

// Concurrent C2: the views share bytes of the arena.
gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
func.func @f(%x: memref<8x192xf32>, %arena: memref<16384xi8>, %t: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %y = memref.view %arena[%c0][] : memref<16384xi8> to memref<8x192xf32>
  %z = memref.view %arena[%c64][] : memref<16384xi8> to memref<8x192xf32>
  // expected-error @+1 {{expects independent dispatches but got a conflict of @k with an earlier one}}
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) (%x, %y) : memref<8x192xf32>, memref<8x192xf32>
    gptoss.dispatch @k items(%t) (%x, %z) : memref<8x192xf32>, memref<8x192xf32>
  }
  return
}

// -----

// Concurrent C2: both append to one layer.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>
gptoss.kernel @k "cache_append" (r memref<8x2x32xf32>, r memref<8x2x32xf32>, r memref<8xi32>, r memref<8xi32>, rw !cache) work affine_map<(t, r) -> (t)> attributes {group = 0 : i64}
func.func @f(%x: memref<8x2x32xf32>, %p: memref<8xi32>, %c: !cache, %t: index) {
  // expected-error @+1 {{expects independent dispatches but got a conflict of @k with an earlier one}}
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) layer(0) (%x, %x, %p, %p, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
    gptoss.dispatch @k items(%t) layer(0) (%x, %x, %p, %p, %c) : memref<8x2x32xf32>, memref<8x2x32xf32>, memref<8xi32>, memref<8xi32>, !cache
  }
  return
}

// -----

// A group whose kernel is broken: the kernel's error is reported, no more.
func.func @f(%x: memref<8xf32>, %y: memref<8xf32>, %t: index) {
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) (%x, %y) : memref<8xf32>, memref<8xf32>
    gptoss.dispatch @k items(%t) (%x, %y) : memref<8xf32>, memref<8xf32>
  }
  return
}
// expected-error @+1 {{expects an access for each of 2 bindings but got 1}}
"gptoss.kernel"() <{sym_name = "k", kernel_operation = "softmax", binding_types = [memref<8xf32>, memref<8xf32>], access = [#gptoss<access r>], work = affine_map<(t, r) -> (t)>, config = {}}> : () -> ()
