// The examples of the reference (docs/reference/Dialect.md), each in a function
// that defines what it uses. check-reference.py compares the two.

// RUN: goss-opt %s | goss-opt -o /dev/null

gptoss.parameter @final_norm : !gptoss.weight<192xbf16> from ["model.norm.weight"]

gptoss.kernel @cache_append.0 "cache_append" (r memref<512x2x32xf32>, r memref<512x2x32xf32>, r memref<512xi32>, r memref<512xi32>, rw !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>) work affine_map<(t, r) -> (t)> attributes {group = 1 : i64}
gptoss.kernel @rms_norm.0 "rms_norm"(r memref<512x192xf32>, p !gptoss.weight<192xbf16>, w memref<512x192xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-5 : f64}

func.func private @types(
  !gptoss.weight<256x192xbf16>,
  !gptoss.weight<16x256x192xbf16, layout = transposed>,
  !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>,
  !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel>,
  !gptoss.weight<256x192xi8, scale = bf16, block = 192, layout = row_panel>,
  !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16,
                max_context = 2048, windows = [64, 0], layers = [0, 1, 0, 1]>)
  attributes {rope = #gptoss.rope<theta = 150000.0, scaling = yarn, factor = 32.0,
                                  original_context = 4096, truncate = false>}

func.func @weight() {
  %w = gptoss.weight @final_norm : !gptoss.weight<192xbf16>
  return
}

func.func @embedding(%tokens: tensor<?xi32>, %table: !gptoss.weight<3072x192xbf16>) {
  %x = gptoss.embedding %tokens, %table : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
  return
}

func.func @rms_norm(%x: tensor<?x192xf32>, %w: !gptoss.weight<192xbf16>) {
  %y = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  return
}

func.func @linear(%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16>, %b: !gptoss.weight<256xbf16>) {
  %y = gptoss.linear %x, %w bias %b : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32>
  return
}

func.func @add(%a: tensor<?x192xf32>, %b: tensor<?x192xf32>) {
  %c = gptoss.add %a, %b : tensor<?x192xf32>
  return
}

func.func @gather_rows(%x: tensor<?x192xf32>, %rows: tensor<?xi32>) {
  %y = gptoss.gather_rows %x, %rows : (tensor<?x192xf32>, tensor<?xi32>) -> tensor<?x192xf32>
  return
}

func.func @split_heads(%x: tensor<?x256xf32>) {
  %y = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x8x32xf32>
  return
}

func.func @merge_heads(%x: tensor<?x8x32xf32>) {
  %y = gptoss.merge_heads %x : tensor<?x8x32xf32> -> tensor<?x256xf32>
  return
}

func.func @rope_table(%positions: tensor<?xi32>) {
  %cos, %sin = gptoss.rope_table %positions {rope = #gptoss.rope<theta = 1.5e5>} : tensor<?xi32> -> tensor<?x16xf32>
  return
}

func.func @split_half(%x: tensor<?x8x32xf32>) {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  return
}

func.func @rotate(%a: tensor<?x8x16xf32>, %b: tensor<?x8x16xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) {
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  return
}

func.func @merge_half(%a: tensor<?x8x16xf32>, %b: tensor<?x8x16xf32>) {
  %x = gptoss.merge_half %a, %b : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return
}

func.func @cache_append(%c0: !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  %c1 = gptoss.cache_append %c0, %k, %v, %positions, %sequences {layer = 0 : i64} : !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?x2x32xf32>, tensor<?xi32>
  return
}

func.func @attention_scores(%q: tensor<?x8x32xf32>, %c: !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, %sequences: tensor<?xi32>) {
  %s = gptoss.attention_scores %q, %c, %sequences {layer = 0 : i64, scale = 0.176 : f64} : (tensor<?x8x32xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?xi32>) -> tensor<?x8x?xf32>
  return
}

func.func @mask(%s: tensor<?x8x?xf32>, %positions: tensor<?xi32>) {
  %m = gptoss.mask %s, %positions {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  return
}

func.func @softmax_sink(%s: tensor<?x8x?xf32>, %sinks: !gptoss.weight<8xbf16>) {
  %p = gptoss.softmax_sink %s, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  return
}

func.func @attention_values(%p: tensor<?x8x?xf32>, %c: !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, %sequences: tensor<?xi32>) {
  %o = gptoss.attention_values %p, %c, %sequences {layer = 0 : i64} : (tensor<?x8x?xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?xi32>) -> tensor<?x8x32xf32>
  return
}

func.func @top_k(%x: tensor<?x16xf32>) {
  %values, %indices = gptoss.top_k %x {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  return
}

func.func @softmax(%x: tensor<?x4xf32>) {
  %y = gptoss.softmax %x : tensor<?x4xf32>
  return
}

func.func @expert_linear(%x: tensor<?x192xf32>, %indices: tensor<?x4xi32>, %w: !gptoss.weight<16x256x192xbf16, layout = transposed>, %b: !gptoss.weight<16x256xbf16>) {
  %y = gptoss.expert_linear %x, %indices, %w, %b : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16, layout = transposed>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  return
}

func.func @swiglu(%h: tensor<?x4x256xf32>) {
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  return
}

func.func @weighted_sum(%y: tensor<?x4x192xf32>, %weights: tensor<?x4xf32>) {
  %x = gptoss.weighted_sum %y, %weights : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return
}

func.func @rope(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) {
  %y = gptoss.rope %x, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
  return
}

func.func @attention(%q: tensor<?x8x32xf32>, %c: !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, %sinks: !gptoss.weight<8xbf16>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  %o = gptoss.attention %q, %c, %sinks, %positions, %sequences {layer = 0 : i64, scale = 0.176 : f64, window = 64 : i64} : tensor<?x8x32xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, !gptoss.weight<8xbf16>, tensor<?xi32>
  return
}

func.func @moe(%x: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gptoss.weight<16x256x192xbf16, layout = transposed>, %gb: !gptoss.weight<16x256xbf16>, %d: !gptoss.weight<16x192x128xbf16, layout = transposed>, %db: !gptoss.weight<16x192xbf16>) {
  %y = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16, layout = transposed>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>
  return
}

func.func @dispatch(%t: index, %x: memref<512x192xf32>, %w: !gptoss.weight<192xbf16>, %y: memref<512x192xf32>) {
  gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<512x192xf32>, !gptoss.weight<192xbf16>, memref<512x192xf32>
  return
}

func.func @dispatch_of_a_layer(%t: index, %k: memref<512x2x32xf32>, %v: memref<512x2x32xf32>, %p: memref<512xi32>, %s: memref<512xi32>, %cache: !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>) {
  gptoss.dispatch @cache_append.0 items(%t) layer(1) (%k, %v, %p, %s, %cache) : memref<512x2x32xf32>, memref<512x2x32xf32>, memref<512xi32>, memref<512xi32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
  return
}

func.func @concurrent(%t: index, %x: memref<512x192xf32>, %w: !gptoss.weight<192xbf16>, %y: memref<512x192xf32>) {
  gptoss.concurrent {
    gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<512x192xf32>, !gptoss.weight<192xbf16>, memref<512x192xf32>
  }
  return
}
