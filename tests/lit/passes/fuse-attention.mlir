// RUN: goss-opt %s --gptoss-fuse-attention | FileCheck %s
// RUN: goss-opt %s --gptoss-fuse-attention --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: goss-opt %s --gptoss-fuse-attention --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAME

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// The result keeps the location of the values.
// NAME: gptoss.attention {{.*}} loc("layers.0.attention.values")

// REMARK: [Passed] fused | Category:fuse-attention | Function=fused | Remark="fused into gptoss.attention"
// CHECK-LABEL: func.func @fused
// CHECK-SAME: (%[[Q:.*]]: tensor<?x8x32xf32>, %[[C:.*]]: !gptoss.cache<{{[^>]*}}>, %{{.*}}: !gptoss.cache<{{[^>]*}}>, %[[SINKS:.*]]: !gptoss.weight<8xbf16>, %[[POS:.*]]: tensor<?xi32>, %[[SEQ:.*]]: tensor<?xi32>, %{{.*}}: tensor<?xi32>)
// CHECK-NEXT: %[[O:.*]] = gptoss.attention %[[Q]], %[[C]], %[[SINKS]], %[[POS]], %[[SEQ]] {layer = 0 : i64, scale = 1.250000e-01 : f64, window = 64 : i64}
// CHECK-NEXT: return %[[O]]
func.func @fused(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> tensor<?x8x32xf32> {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32> loc("layers.0.attention.values")
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=no_softmax | Remark="not fused: the probabilities are not those of a softmax with sink"
// CHECK-LABEL: func.func @no_softmax
// CHECK: gptoss.attention_values
func.func @no_softmax(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %o = gptoss.attention_values %m, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=no_mask | Remark="not fused: the scores of the softmax are not masked"
// CHECK-LABEL: func.func @no_mask
// CHECK: gptoss.attention_values
func.func @no_mask(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %p = gptoss.softmax_sink %s, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=mask_of_other | Remark="not fused: the mask is not of attention scores"
// CHECK-LABEL: func.func @mask_of_other
// CHECK: gptoss.attention_values
func.func @mask_of_other(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s0 = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %s = gptoss.softmax_sink %s0, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=scores_used | Remark="not fused: scores or probabilities have other uses"
// CHECK-LABEL: func.func @scores_used
// CHECK: gptoss.attention_values
func.func @scores_used(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>, tensor<?x8x?xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o, %s : tensor<?x8x32xf32>, tensor<?x8x?xf32>
}

// REMARK: Function=probabilities_used | Remark="not fused: scores or probabilities have other uses"
// CHECK-LABEL: func.func @probabilities_used
// CHECK: gptoss.attention_values
func.func @probabilities_used(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>, tensor<?x8x?xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o, %p : tensor<?x8x32xf32>, tensor<?x8x?xf32>
}

// REMARK: Function=other_layer | Remark="not fused: keys are of layer 0 but values of layer 1"
// CHECK-LABEL: func.func @other_layer
// CHECK: gptoss.attention_values
func.func @other_layer(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %seq {layer = 1 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=other_state | Remark="not fused: keys and values are of different states of the cache"
// CHECK-LABEL: func.func @other_state
// CHECK: gptoss.attention_values
func.func @other_state(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %d, %seq {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}

// REMARK: Function=other_sequences | Remark="not fused: keys and values are of different sequences"
// CHECK-LABEL: func.func @other_sequences
// CHECK: gptoss.attention_values
func.func @other_sequences(%q: tensor<?x8x32xf32>, %c: !cache, %d: !cache, %sinks: !gptoss.weight<8xbf16>, %pos: tensor<?xi32>, %seq: tensor<?xi32>, %other: tensor<?xi32>) -> (tensor<?x8x32xf32>) {
  %s = gptoss.attention_scores %q, %c, %seq {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  %m = gptoss.mask %s, %pos {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %o = gptoss.attention_values %p, %c, %other {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return %o : tensor<?x8x32xf32>
}
