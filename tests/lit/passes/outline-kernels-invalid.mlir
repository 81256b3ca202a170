// RUN: goss-opt %s --gptoss-outline-kernels --split-input-file --verify-diagnostics

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>
func.func @overwritten(%q: tensor<?x8x32xf32>, %k: tensor<?x2x32xf32>, %p: tensor<?xi32>, %c: !cache) -> (tensor<?x8x?xf32>, !cache) {
  %c1 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  // expected-error @+1 {{expects a state of the cache with the newest keys of layer 0 but got an earlier one}}
  %s = gptoss.attention_scores %q, %c, %p {layer = 0 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  return %s, %c1 : tensor<?x8x?xf32>, !cache
}

// -----

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>
func.func @fork(%k: tensor<?x2x32xf32>, %p: tensor<?xi32>, %c: !cache) -> !cache {
  %c1 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  // expected-error @+1 {{expects the newest state of the cache but got an earlier one}}
  %c2 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  return %c2 : !cache
}

// -----

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>
func.func @earlier_result(%k: tensor<?x2x32xf32>, %p: tensor<?xi32>, %c: !cache) -> !cache {
  %c1 = gptoss.cache_append %c, %k, %k, %p, %p {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  // expected-error @+1 {{expects the newest state of the cache but got an earlier one}}
  return %c : !cache
}

// -----

// expected-error @+1 {{expects each result to be computed by an operation of its own but got an argument, a view or one value twice}}
func.func @argument(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
  return %x : tensor<?x192xf32>
}

// -----

// expected-error @+1 {{expects each result to be computed by an operation of its own but got an argument, a view or one value twice}}
func.func @twice(%x: tensor<?x192xf32>) -> (tensor<?x192xf32>, tensor<?x192xf32>) {
  %0 = gptoss.softmax %x : tensor<?x192xf32>
  return %0, %0 : tensor<?x192xf32>, tensor<?x192xf32>
}

// -----

func.func @rows(%x: tensor<?x192xf32>, %rows: tensor<?xi32>) -> tensor<?x192xf32> {
  %0 = gptoss.gather_rows %x, %rows : (tensor<?x192xf32>, tensor<?xi32>) -> tensor<?x192xf32>
  // expected-error @+1 {{expects operands with the same rows but got tokens and outputs}}
  %1 = gptoss.add %0, %x : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}

// -----

// expected-error @+1 {{expects tokens and cached keys as the only unknown sizes but got 'tensor<?x?xf32>'}}
func.func @unknown(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = gptoss.softmax %x : tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

func.func @foreign(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
  // expected-error @+1 {{expects an operation of the graph or fused level to outline but got another}}
  %0 = arith.addf %x, %x : tensor<?x192xf32>
  %1 = gptoss.softmax %0 : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}
