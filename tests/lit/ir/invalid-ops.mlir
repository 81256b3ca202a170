// What operations of the graph and fused level refuse, one case a constraint.

// RUN: goss-opt %s --split-input-file --verify-diagnostics

// Parameter C1.
// expected-error @+1 {{expects 1 source but got 2}}
gptoss.parameter @w : !gptoss.weight<64x32xbf16> from ["blocks", "scales"]

// -----

// Parameter C1.
// expected-error @+1 {{expects 2 sources but got 1}}
gptoss.parameter @w : !gptoss.weight<64x32xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from ["blocks"]

// -----

// Parameter C1: values and steps of 8-bit weights are made from one tensor.
// expected-error @+1 {{expects 1 source but got 2}}
gptoss.parameter @w : !gptoss.weight<64x32xi8, scale = bf16, block = 32, layout = row_panel> from ["w", "steps"]

// -----

// Parameter C1: in row panels too.
// expected-error @+1 {{expects 2 sources but got 1}}
gptoss.parameter @w : !gptoss.weight<4x64x32xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["blocks"]

// -----

// Parameter C2.
// expected-error @+1 {{expects sources to have a name but got ""}}
gptoss.parameter @w : !gptoss.weight<64x32xbf16> from [""]

// -----

// Weight C1.
func.func @f() {
  // expected-error @+1 {{expects the symbol of a gptoss.parameter but got @f}}
  %0 = gptoss.weight @f : !gptoss.weight<64x32xbf16>
  return
}

// -----

// Weight C2.
gptoss.parameter @w : !gptoss.weight<64x32xbf16> from ["w"]
func.func @f() {
  // expected-error @+1 {{expects the type of the parameter '!gptoss.weight<64x32xbf16>' but got '!gptoss.weight<32x64xbf16>'}}
  %0 = gptoss.weight @w : !gptoss.weight<32x64xbf16>
  return
}

// -----

// Embedding C1.
func.func @f(%t: tensor<?xi32>, %w: !gptoss.weight<64x192xbf16>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.embedding %t, %w : (tensor<?xi32>, !gptoss.weight<64x192xbf16>) -> tensor<?x64xf32>
  return
}

// -----

// RmsNorm C1.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<64xbf16>) {
  // expected-error @+1 {{expects 192 elements of the weight but got 64}}
  %0 = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<64xbf16>
  return
}

// -----

// RmsNorm C2.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<192xbf16>) {
  // expected-error @+1 {{expects eps to be finite and greater than 0 but got 0.000000e+00}}
  %0 = gptoss.rms_norm %x, %w {eps = 0.0 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  return
}

// -----

// Linear C1.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x64xbf16>) {
  // expected-error @+1 {{expects 192 columns of the weight but got 64}}
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !gptoss.weight<256x64xbf16>) -> tensor<?x256xf32>
  return
}

// -----

// Linear C1, result.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>) -> tensor<?x192xf32>
  return
}

// -----

// Linear C2.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16>, %b: !gptoss.weight<192xbf16>) {
  // expected-error @+1 {{expects 256 elements of the bias but got 192}}
  %0 = gptoss.linear %x, %w bias %b : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, !gptoss.weight<192xbf16>) -> tensor<?x256xf32>
  return
}

// -----

// Linear C3.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16>) {
  // expected-error @+1 {{expects a residual of type 'tensor<?x256xf32>' but got 'tensor<?x192xf32>'}}
  %0 = gptoss.linear %x, %w residual %x : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, tensor<?x192xf32>) -> tensor<?x256xf32>
  return
}

// -----

// Linear C4.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16, layout = transposed>) {
  // expected-error @+1 {{expects a weight of layout row_major or row_panel but got transposed}}
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16, layout = transposed>) -> tensor<?x256xf32>
  return
}

// -----

// Linear C4: MXFP4 as published is for experts.
func.func @f(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>) -> tensor<?x256xf32> {
  // expected-error @+1 {{expects a weight of layout row_major or row_panel but got published}}
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !gptoss.weight<256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}

// -----

// GatherRows C1.
func.func @f(%x: tensor<?x192xf32>, %t: tensor<4xi32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.gather_rows %x, %t : (tensor<?x192xf32>, tensor<4xi32>) -> tensor<?x192xf32>
  return
}

// -----

// SplitHeads C1.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @+1 {{expects 256 heads times head dimension but got 192}}
  %0 = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x6x32xf32>
  return
}

// -----

// SplitHeads C1, tokens.
func.func @f(%x: tensor<4x256xf32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.split_heads %x : tensor<4x256xf32> -> tensor<8x8x32xf32>
  return
}

// -----

// MergeHeads C1.
func.func @f(%x: tensor<?x8x32xf32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.merge_heads %x : tensor<?x8x32xf32> -> tensor<?x192xf32>
  return
}

// -----

// RopeTable C1.
func.func @f(%t: tensor<4xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0, %1 = gptoss.rope_table %t {rope = #gptoss.rope<theta = 1.5e5>} : tensor<4xi32> -> tensor<8x16xf32>
  return
}

// -----

// SplitHalf C1.
func.func @f(%x: tensor<?x8x33xf32>) {
  // expected-error @+2 {{expects an even head dimension but got 33}}
  // expected-error @+1 {{failed to infer returned types}}
  %0, %1 = gptoss.split_half %x : tensor<?x8x33xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  return
}

// -----

// SplitHalf C1, result.
func.func @f(%x: tensor<?x8x32xf32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0, %1 = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x32xf32>, tensor<?x8x16xf32>
  return
}

// -----

// Rotate C1.
func.func @f(%x: tensor<?x8x16xf32>, %c: tensor<?x8xf32>) {
  // expected-error @+1 {{expects 16 columns of the tables but got 8}}
  %0, %1 = gptoss.rotate %x, %x, %c, %c : tensor<?x8x16xf32>, tensor<?x8xf32>
  return
}

// -----

// Rotate C1, tokens.
func.func @f(%x: tensor<4x8x16xf32>, %c: tensor<8x16xf32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0, %1 = gptoss.rotate %x, %x, %c, %c : tensor<4x8x16xf32>, tensor<8x16xf32>
  return
}

// -----

// MergeHalf C1.
func.func @f(%x: tensor<?x8x16xf32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.merge_half %x, %x : tensor<?x8x16xf32> -> tensor<?x8x16xf32>
  return
}

// -----

// CacheAppend C1.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%c: !cache, %k: tensor<?x2x32xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a layer from 0 to 1 but got 2}}
  %0 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 2 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  return
}

// -----

// CacheAppend C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%c: !cache, %k: tensor<?x4x32xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects 2 key heads but got 4}}
  %0 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x4x32xf32>, tensor<?xi32>
  return
}

// -----

// CacheAppend C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%c: !cache, %k: tensor<?x2x64xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects 32 head dimension of keys but got 64}}
  %0 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x64xf32>, tensor<?xi32>
  return
}

// -----

// CacheAppend C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%c: !cache, %k: tensor<4x2x32xf32>, %p: tensor<8xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<4x2x32xf32>, tensor<8xi32>
  return
}

// -----

// AttentionScores C1.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a layer from 0 to 1 but got -1}}
  %0 = gptoss.attention_scores %q, %c, %p {layer = -1 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  return
}

// -----

// AttentionScores C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x64xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects 32 head dimension of queries but got 64}}
  %0 = gptoss.attention_scores %q, %c, %p {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x64xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  return
}

// -----

// AttentionScores C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x7x32xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a multiple of 2 heads but got 7}}
  %0 = gptoss.attention_scores %q, %c, %p {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x7x32xf32>, !cache, tensor<?xi32>) -> tensor<?x7x?xf32>
  return
}

// -----

// AttentionScores C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects scale to be finite and greater than 0 but got -1.000000e+00}}
  %0 = gptoss.attention_scores %q, %c, %p {layer = 0 : i64, scale = -1.0 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  return
}

// -----

// AttentionScores C4.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<4x8x32xf32>, %c: !cache, %p: tensor<8xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.attention_scores %q, %c, %p {layer = 0 : i64, scale = 0.125 : f64} : (tensor<4x8x32xf32>, !cache, tensor<8xi32>) -> tensor<4x8x?xf32>
  return
}

// -----

// Mask C1.
func.func @f(%s: tensor<?x8x?xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a window of at least 0 but got -1}}
  %0 = gptoss.mask %s, %p {window = -1 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  return
}

// -----

// Mask C2.
func.func @f(%s: tensor<4x8x?xf32>, %p: tensor<8xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.mask %s, %p {window = 0 : i64} : tensor<4x8x?xf32>, tensor<8xi32>
  return
}

// -----

// SoftmaxSink C1.
func.func @f(%s: tensor<?x8x?xf32>, %w: !gptoss.weight<4xbf16>) {
  // expected-error @+1 {{expects 8 sinks but got 4}}
  %0 = gptoss.softmax_sink %s, %w : tensor<?x8x?xf32>, !gptoss.weight<4xbf16>
  return
}

// -----

// AttentionValues C1.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x?xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a layer from 0 to 1 but got 2}}
  %0 = gptoss.attention_values %q, %c, %p {layer = 2 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  return
}

// -----

// AttentionValues C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x7x?xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a multiple of 2 heads but got 7}}
  %0 = gptoss.attention_values %q, %c, %p {layer = 0 : i64} : (tensor<?x7x?xf32>, !cache, tensor<?xi32>) -> tensor<?x7x32xf32>
  return
}

// -----

// AttentionValues C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<4x8x?xf32>, %c: !cache, %p: tensor<8xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.attention_values %q, %c, %p {layer = 0 : i64} : (tensor<4x8x?xf32>, !cache, tensor<8xi32>) -> tensor<4x8x32xf32>
  return
}

// -----

// TopK C1.
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @+1 {{expects k from 1 to 16 but got 17}}
  %0, %1 = gptoss.top_k %x {k = 17 : i64} : tensor<?x16xf32> -> tensor<?x17xf32>, tensor<?x17xi32>
  return
}

// -----

// TopK C1.
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @+1 {{expects k from 1 to 16 but got 0}}
  %0, %1 = gptoss.top_k %x {k = 0 : i64} : tensor<?x16xf32> -> tensor<?x0xf32>, tensor<?x0xi32>
  return
}

// -----

// ExpertLinear C1.
func.func @f(%x: tensor<?x64xf32>, %i: tensor<?x4xi32>, %w: !gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<16x256xbf16>) {
  // expected-error @+1 {{expects 64 columns of the weight but got 192}}
  %0 = gptoss.expert_linear %x, %i, %w, %b : (tensor<?x64xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  return
}

// -----

// ExpertLinear C2.
func.func @f(%x: tensor<?x192xf32>, %i: tensor<?x4xi32>, %w: !gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<8x256xbf16>) {
  // expected-error @+1 {{expects 16 experts of the bias but got 8}}
  %0 = gptoss.expert_linear %x, %i, %w, %b : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<8x256xbf16>) -> tensor<?x4x256xf32>
  return
}

// -----

// ExpertLinear C2.
func.func @f(%x: tensor<?x192xf32>, %i: tensor<?x4xi32>, %w: !gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 256 columns of the bias but got 192}}
  %0 = gptoss.expert_linear %x, %i, %w, %b : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x256xf32>
  return
}

// -----

// ExpertLinear C3.
func.func @f(%x: tensor<?x2x192xf32>, %i: tensor<?x4xi32>, %w: !gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<16x256xbf16>) {
  // expected-error @+1 {{expects 4 experts a token of the input but got 2}}
  %0 = gptoss.expert_linear %x, %i, %w, %b : (tensor<?x2x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  return
}

// -----

// ExpertLinear C4.
func.func @f(%x: tensor<4x192xf32>, %i: tensor<8x4xi32>, %w: !gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<16x256xbf16>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.expert_linear %x, %i, %w, %b : (tensor<4x192xf32>, tensor<8x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<8x4x256xf32>
  return
}

// -----

// Swiglu C1.
func.func @f(%x: tensor<?x4x255xf32>) {
  // expected-error @+2 {{expects an even last dimension but got 255}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.swiglu %x {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x255xf32> -> tensor<?x4x127xf32>
  return
}

// -----

// Swiglu C2.
func.func @f(%x: tensor<?x4x256xf32>) {
  // expected-error @+1 {{expects limit to be finite and greater than 0 but got 0.000000e+00}}
  %0 = gptoss.swiglu %x {alpha = 1.702 : f64, limit = 0.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  return
}

// -----

// Swiglu C2.
func.func @f(%x: tensor<?x4x256xf32>) {
  // expected-error @+1 {{expects alpha to be finite but got INF}}
  %0 = gptoss.swiglu %x {alpha = 0x7FF0000000000000 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  return
}

// -----

// WeightedSum C1.
func.func @f(%x: tensor<?x4x192xf32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{expects 4 weights a token but got 2}}
  %0 = gptoss.weighted_sum %x, %w : (tensor<?x4x192xf32>, tensor<?x2xf32>) -> tensor<?x192xf32>
  return
}

// -----

// WeightedSum C1, tokens.
func.func @f(%x: tensor<4x4x192xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.weighted_sum %x, %w : (tensor<4x4x192xf32>, tensor<8x4xf32>) -> tensor<4x192xf32>
  return
}

// -----

// Rope C1.
func.func @f(%x: tensor<?x8x32xf32>, %c: tensor<?x8xf32>) {
  // expected-error @+1 {{expects a head dimension of twice the tables' 8 columns but got 32}}
  %0 = gptoss.rope %x, %c, %c : tensor<?x8x32xf32>, tensor<?x8xf32>
  return
}

// -----

// Rope C1, tokens.
func.func @f(%x: tensor<4x8x32xf32>, %c: tensor<8x16xf32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.rope %x, %c, %c : tensor<4x8x32xf32>, tensor<8x16xf32>
  return
}

// -----

// Attention C1.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %s: !gptoss.weight<8xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a layer from 0 to 1 but got 2}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 2 : i64, scale = 0.125 : f64, window = 64 : i64} : tensor<?x8x32xf32>, !cache, !gptoss.weight<8xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x64xf32>, %c: !cache, %s: !gptoss.weight<8xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects 32 head dimension of queries but got 64}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.125 : f64, window = 64 : i64} : tensor<?x8x64xf32>, !cache, !gptoss.weight<8xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C2.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x7x32xf32>, %c: !cache, %s: !gptoss.weight<7xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a multiple of 2 heads but got 7}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.125 : f64, window = 64 : i64} : tensor<?x7x32xf32>, !cache, !gptoss.weight<7xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %s: !gptoss.weight<8xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects scale to be finite and greater than 0 but got 0.000000e+00}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.0 : f64, window = 64 : i64} : tensor<?x8x32xf32>, !cache, !gptoss.weight<8xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C3.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %s: !gptoss.weight<8xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects a window of at least 0 but got -1}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.125 : f64, window = -1 : i64} : tensor<?x8x32xf32>, !cache, !gptoss.weight<8xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C4.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<?x8x32xf32>, %c: !cache, %s: !gptoss.weight<4xbf16>, %p: tensor<?xi32>) {
  // expected-error @+1 {{expects 8 sinks but got 4}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.125 : f64, window = 64 : i64} : tensor<?x8x32xf32>, !cache, !gptoss.weight<4xbf16>, tensor<?xi32>
  return
}

// -----

// Attention C5.
!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
func.func @f(%q: tensor<4x8x32xf32>, %c: !cache, %s: !gptoss.weight<8xbf16>, %p: tensor<8xi32>) {
  // expected-error @+1 {{expects 4 tokens but got 8}}
  %0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = 0.125 : f64, window = 64 : i64} : tensor<4x8x32xf32>, !cache, !gptoss.weight<8xbf16>, tensor<8xi32>
  return
}

// -----

// Moe C1.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x64xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 192 columns of the router but got 64}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x64xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C1.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<8xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 16 elements of the router bias but got 8}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<8xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C2.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<8x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 16 experts of gate_up but got 8}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<8x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C2.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x128x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 256 rows of gate_up but got 128}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x128x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C2.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x64xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 192 columns of gate_up but got 64}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x64xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C2.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<8x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 16 experts of the gate_up bias but got 8}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<8x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C2.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x128xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 256 columns of the gate_up bias but got 128}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x128xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C3.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<8x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 16 experts of down but got 8}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<8x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C3.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x64x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects 192 rows of down but got 64}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x64x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C3.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<8x192xbf16>) {
  // expected-error @+1 {{expects 16 experts of the down bias but got 8}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<8x192xbf16>
  return
}

// -----

// Moe C3.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x64xbf16>) {
  // expected-error @+1 {{expects 192 columns of the down bias but got 64}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x64xbf16>
  return
}

// -----

// Moe C4.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects k from 1 to 16 but got 17}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 17 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C5.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects limit to be finite and greater than 0 but got -7.000000e+00}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = -7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C5.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>) {
  // expected-error @+1 {{expects alpha to be finite but got nan}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 0x7FF8000000000000 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// Moe C6.
func.func @f(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %res: tensor<?x64xf32>) {
  // expected-error @+1 {{expects a residual of type 'tensor<?x192xf32>' but got 'tensor<?x64xf32>'}}
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db residual %res : tensor<?x64xf32> {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>
  return
}

// -----

// SplitHeads C1: unknown sizes.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @+1 {{expects 256 heads times head dimension but got ?}}
  %0 = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x?x32xf32>
  return
}

// -----

// MergeHeads C1: unknown sizes.
func.func @f(%x: tensor<?x?x32xf32>) {
  // expected-error @+2 {{are incompatible with return type(s) of operation}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = gptoss.merge_heads %x : tensor<?x?x32xf32> -> tensor<?x192xf32>
  return
}
