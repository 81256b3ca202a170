// RUN: goss-opt %s --gptoss-outline-kernels="max-tokens=8" --mlir-print-local-scope | FileCheck %s

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// One kernel for the two launches of equal types and attributes, another one
// for another eps.
// CHECK-DAG: gptoss.kernel @rms_norm.0 "rms_norm" (r memref<8x192xf32>, p !gptoss.weight<192xbf16>, w memref<8x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {eps = 1.000000e-05 : f64}
// CHECK-DAG: gptoss.kernel @rms_norm.1 {{.*}} attributes {eps = 5.000000e-01 : f64}
// CHECK-DAG: gptoss.kernel @add.0 "add" (r memref<8x192xf32>, r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {}
// CHECK-LABEL: func.func @equal_kernels(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x192xf32>, %[[W:[^:]+]]: !gptoss.weight<192xbf16>, %[[OUT:[^:]+]]: memref<8x192xf32>, %[[T:[^:]+]]: index, %{{[^:]+}}: index) {
// CHECK: %[[A:.*]] = memref.alloc() : memref<8x192xf32>
// CHECK: gptoss.dispatch @rms_norm.0 items(%[[T]]) (%[[X]], %[[W]], %[[A]])
// CHECK: %[[B:.*]] = memref.alloc() : memref<8x192xf32>
// CHECK: gptoss.dispatch @rms_norm.0 items(%[[T]]) (%[[A]], %[[W]], %[[B]])
// CHECK: %[[C:.*]] = memref.alloc() : memref<8x192xf32>
// CHECK: gptoss.dispatch @rms_norm.1 items(%[[T]]) (%[[B]], %[[W]], %[[C]])
// The last operation writes the result's argument.
// CHECK-NOT: memref.alloc
// CHECK: gptoss.dispatch @add.0 items(%[[T]]) (%[[B]], %[[C]], %[[OUT]])
// CHECK-NEXT: return{{$}}
func.func @equal_kernels(%x: tensor<?x192xf32>, %w: !gptoss.weight<192xbf16>) -> tensor<?x192xf32> {
  %0 = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  %1 = gptoss.rms_norm %0, %w {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  %2 = gptoss.rms_norm %1, %w {eps = 0.5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  %3 = gptoss.add %1, %2 : tensor<?x192xf32>
  return %3 : tensor<?x192xf32>
}

// Views of heads make no kernel.
// CHECK-LABEL: func.func @views(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x256xf32>
// CHECK-DAG: %[[H:.*]] = memref.expand_shape %[[X]] {{\[\[}}0], [1, 2]] output_shape [8, 8, 32] : memref<8x256xf32> into memref<8x8x32xf32>
// CHECK: %[[Y:.*]] = memref.alloc() : memref<8x8x32xf32>
// CHECK: gptoss.dispatch @rope.0 items(%{{.*}}) (%[[H]], %{{.*}}, %{{.*}}, %[[Y]])
// CHECK: %[[M:.*]] = memref.collapse_shape %[[Y]] {{\[\[}}0], [1, 2]] : memref<8x8x32xf32> into memref<8x256xf32>
// CHECK: gptoss.dispatch @linear.0 items(%{{.*}}) (%[[M]],
func.func @views(%x: tensor<?x256xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %w: !gptoss.weight<100x256xbf16>) -> tensor<?x100xf32> {
  %0 = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x8x32xf32>
  %1 = gptoss.rope %0, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
  %2 = gptoss.merge_heads %1 : tensor<?x8x32xf32> -> tensor<?x256xf32>
  // 100 rows are 7 items of 16.
  // CHECK-SAME: memref<8x100xf32>
  %3 = gptoss.linear %2, %w : (tensor<?x256xf32>, !gptoss.weight<100x256xbf16>) -> tensor<?x100xf32>
  return %3 : tensor<?x100xf32>
}

// The cache is updated in place; scores have room for every key.
// CHECK-LABEL: func.func @cache(
// CHECK-SAME: %[[Q:[^:]+]]: memref<8x8x32xf32>, %[[K:[^:]+]]: memref<8x2x32xf32>, %[[P:[^:]+]]: memref<8xi32>, %[[C:[^:]+]]: !gptoss.cache<{{[^>]*}}>, %[[O:[^:]+]]: memref<8x8x32xf32>, %[[T:[^:]+]]: index, %{{[^:]+}}: index) {
// CHECK: gptoss.dispatch @cache_append.0 items(%[[T]]) layer(0) (%[[K]], %[[K]], %[[P]], %[[P]], %[[C]])
// CHECK: %[[S:.*]] = memref.alloc() : memref<8x8x2048xf32>
// CHECK: gptoss.dispatch @attention_scores.0 items(%[[T]]) layer(0) (%[[Q]], %[[C]], %[[P]], %[[S]])
// CHECK: gptoss.dispatch @attention_values.0 items(%[[T]]) layer(0) (%[[S]], %[[C]], %[[P]], %[[O]])
func.func @cache(%q: tensor<?x8x32xf32>, %k: tensor<?x2x32xf32>, %p: tensor<?xi32>, %c: !cache) -> (tensor<?x8x32xf32>, !cache) {
  %c1 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  %s = gptoss.attention_scores %q, %c1, %p {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  // Reading a state after another layer was appended to is the same.
  %c2 = gptoss.cache_append %c1, %k, %k, %p, %p {layer = 1 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  %o = gptoss.attention_values %s, %c1, %p {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o, %c2 : tensor<?x8x32xf32>, !cache
}

// Rows after gather_rows are counted by R, in `work` and for linear in `rows`.
// CHECK-LABEL: func.func @outputs(
// CHECK-SAME: %[[T:[^:,]+]]: index, %[[R:[^:,]+]]: index) {
// CHECK: gptoss.dispatch @gather_rows.0 items(%[[R]])
// CHECK: gptoss.dispatch @softmax.0 items(%[[R]])
func.func @outputs(%x: tensor<?x192xf32>, %rows: tensor<?xi32>) -> tensor<?x192xf32> {
  %0 = gptoss.gather_rows %x, %rows : (tensor<?x192xf32>, tensor<?xi32>) -> tensor<?x192xf32>
  %1 = gptoss.softmax %0 : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}

// The layers of a group share a kernel; another group has its own.
// CHECK-LABEL: func.func @layers(
// CHECK: gptoss.dispatch @cache_append.2 items(%{{.*}}) layer(0)
// CHECK: gptoss.dispatch @cache_append.3 items(%{{.*}}) layer(1)
// CHECK: gptoss.dispatch @cache_append.2 items(%{{.*}}) layer(2)
!four = !gptoss.cache<bf16, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1, 0]>
func.func @layers(%k: tensor<?x2x32xf32>, %p: tensor<?xi32>, %c: !four) -> !four {
  %c1 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !four, tensor<?x2x32xf32>, tensor<?xi32>
  %c2 = gptoss.cache_append %c1, %k, %k, %p, %p {layer = 1 : i64} : !four, tensor<?x2x32xf32>, tensor<?xi32>
  %c3 = gptoss.cache_append %c2, %k, %k, %p, %p {layer = 2 : i64} : !four, tensor<?x2x32xf32>, tensor<?xi32>
  return %c3 : !four
}
