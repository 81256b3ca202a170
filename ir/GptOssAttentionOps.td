//===- GptOssAttentionOps.td - Heads, positions, attention -*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Primitive operations of the graph level between the projections of an
// attention layer: heads, rotary positions, the cache, scores and values.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSATTENTIONOPS_TD
#define GOSSAMER_IR_GPTOSSATTENTIONOPS_TD

include "ir/GptOssGraphOps.td"

let opDocGroup = GptOss_GraphGroup in {

//===----------------------------------------------------------------------===//
// Heads and rotary embedding
//===----------------------------------------------------------------------===//

def GptOss_SplitHeadsOp : GptOss_MultiKernelOp<"split_heads"> {
  let summary = "Views rows as heads";
  let description = [{
    y[t, h, i] = x[t, h d + i]. A view: nothing is computed.

    Constraints:

    - C1: heads times head dimension is the row length, and tokens agree.

    Example:

    ```mlir
    %y = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x8x32xf32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input);
  let results = (outs GptOss_Heads:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "int64_t":$headDim)>];
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def GptOss_MergeHeadsOp : GptOss_MultiKernelOp<"merge_heads", [InferTypeOpAdaptor]> {
  let summary = "Views heads as rows";
  let description = [{
    y[t, h d + i] = x[t, h, i]. A view: nothing is computed.

    Constraints:

    - C1: the row length is heads times head dimension, and tokens agree.

    Example:

    ```mlir
    %y = gptoss.merge_heads %x : tensor<?x8x32xf32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$input);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def GptOss_RopeTableOp : GptOss_ComputeOp<"rope_table", [
    AllTypesMatch<["cos", "sin"]>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Computes cosines and sines of the rotary embedding";
  let description = [{
    cos[t, i] = c cos(positions[t] inv_i), sin[t, i] = c sin(positions[t] inv_i)
    for i = 0 … d/2-1, with inv_i and concentration c of the `rope` attribute.
    Angle and reduction are in f64, the result is rounded to f32.

    Constraints:

    - C1: tokens of positions and results agree.

    Example:

    ```mlir
    %cos, %sin = gptoss.rope_table %positions {rope = #gptoss.rope<theta = 1.5e5>} : tensor<?xi32> -> tensor<?x16xf32>
    ```
  }];
  let arguments = (ins GptOss_Ids:$positions, GptOss_RopeAttr:$rope);
  let results = (outs GptOss_Rows:$cos, GptOss_Rows:$sin);
  let builders = [OpBuilder<(ins "::mlir::Value":$positions,
      "::mlir::gptoss::RopeAttr":$rope, "int64_t":$headDim)>];
  let assemblyFormat = "$positions attr-dict `:` type($positions) `->` type($cos)";
  let hasVerifier = 1;
}

def GptOss_SplitHalfOp : GptOss_ComputeOp<"split_half", [InferTypeOpAdaptor]> {
  let summary = "Splits each head into its two halves";
  let description = [{
    a[t, h, i] = x[t, h, i], b[t, h, i] = x[t, h, d/2 + i]. Exact.

    Constraints:

    - C1: the head dimension is even, and each half has half of it.

    Example:

    ```mlir
    %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$input);
  let results = (outs GptOss_Heads:$low, GptOss_Heads:$high);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type(results)";
  let hasFolder = 1;
}

def GptOss_RotateOp : GptOss_ComputeOp<"rotate", [
    AllTypesMatch<["low", "high", "newLow", "newHigh"]>,
    AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Rotates the halves of heads by the angle of their position";
  let description = [{
    a'[t, h, i] = a[t, h, i] cos[t, i] - b[t, h, i] sin[t, i] and
    b'[t, h, i] = b[t, h, i] cos[t, i] + a[t, h, i] sin[t, i], in f32.

    Constraints:

    - C1: tables and halves agree in tokens and in the last dimension.

    Example:

    ```mlir
    %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$low, GptOss_Heads:$high,
                       GptOss_Rows:$cos, GptOss_Rows:$sin);
  let results = (outs GptOss_Heads:$newLow, GptOss_Heads:$newHigh);
  let assemblyFormat = [{
    $low `,` $high `,` $cos `,` $sin attr-dict `:` type($low) `,` type($cos)
  }];
  let hasVerifier = 1;
}

def GptOss_MergeHalfOp : GptOss_ComputeOp<"merge_half", [
    AllTypesMatch<["low", "high"]>, InferTypeOpAdaptor]> {
  let summary = "Joins the two halves of each head";
  let description = [{
    x[t, h, i] = a[t, h, i] and x[t, h, d/2 + i] = b[t, h, i]. Exact.

    Constraints:

    - C1: the result has twice the last dimension of a half.

    Example:

    ```mlir
    %x = gptoss.merge_half %a, %b : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$low, GptOss_Heads:$high);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = "$low `,` $high attr-dict `:` type($low) `->` type($result)";
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def GptOss_CacheAppendOp : GptOss_ComputeOp<"cache_append", [
    AllTypesMatch<["key", "value"]>, AllTypesMatch<["cache", "result"]>,
    AllTypesMatch<["positions", "sequences"]>]> {
  let summary = "Stores keys and values of this step in the cache";
  let description = [{
    Key and value of token t are stored at position positions[t] of sequence
    sequences[t] in layer `layer`. The result is the cache afterwards.

    Constraints:

    - C1: `layer` is a layer of the cache.
    - C2: keys are tokens x kv_heads x head_dim of the cache.
    - C3: tokens of keys and positions agree.

    Example:

    ```mlir
    %c1 = gptoss.cache_append %c0, %k, %v, %positions, %sequences {layer = 0 : i64} : !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?x2x32xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins GptOss_CacheType:$cache, GptOss_Heads:$key,
                       GptOss_Heads:$value, GptOss_Ids:$positions,
                       GptOss_Ids:$sequences, I64Attr:$layer);
  let results = (outs GptOss_CacheType:$result);
  let assemblyFormat = [{
    $cache `,` $key `,` $value `,` $positions `,` $sequences attr-dict `:`
    type($cache) `,` type($key) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def GptOss_AttentionScoresOp : GptOss_ComputeOp<"attention_scores", [
    InferTypeOpAdaptor]> {
  let summary = "Multiplies queries with the cached keys";
  let description = [{
    s[t, h, k] = scale sum_i q[t, h, i] K[sequences[t], k, floor(h g / heads), i]
    for key positions k of the token's sequence; accumulated in f32. Entries
    after the token's position or in evicted pages are 0.

    Constraints:

    - C1: `layer` is a layer of the cache.
    - C2: the head dimension is the cache's, and heads are a multiple of its
      kv_heads.
    - C3: `scale` is finite and greater than 0.
    - C4: tokens of queries and sequences agree.

    Example:

    ```mlir
    %s = gptoss.attention_scores %q, %c, %sequences {layer = 0 : i64, scale = 0.176 : f64} : (tensor<?x8x32xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?xi32>) -> tensor<?x8x?xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$query, GptOss_CacheType:$cache,
                       GptOss_Ids:$sequences, I64Attr:$layer, F64Attr:$scale);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = [{
    $query `,` $cache `,` $sequences attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def GptOss_MaskOp : GptOss_ComputeOp<"mask", [AllTypesMatch<["scores", "result"]>]> {
  let summary = "Hides keys that a token must not see";
  let description = [{
    y[t, h, k] = -inf where k > positions[t], or where `window` > 0 and
    positions[t] - k >= window; else s[t, h, k].

    Constraints:

    - C1: `window` is not negative.
    - C2: tokens of scores and positions agree.

    Example:

    ```mlir
    %m = gptoss.mask %s, %positions {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$scores, GptOss_Ids:$positions, I64Attr:$window);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = "$scores `,` $positions attr-dict `:` type($scores) `,` type($positions)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def GptOss_SoftmaxSinkOp : GptOss_ComputeOp<"softmax_sink", [
    AllTypesMatch<["scores", "result"]>]> {
  let summary = "Softmax whose denominator includes a learned sink";
  let description = [{
    With m = max(max_k s[t, h, k], sink[h]):
    p[t, h, k] = exp(s[t, h, k] - m) / (sum_j exp(s[t, h, j] - m) + exp(sink[h] - m)),
    in f32. A row of -inf gives zeros.

    Constraints:

    - C1: there is one sink a head.

    Example:

    ```mlir
    %p = gptoss.softmax_sink %s, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
    ```
  }];
  let arguments = (ins GptOss_Heads:$scores, GptOss_VectorWeight:$sinks);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = "$scores `,` $sinks attr-dict `:` type($scores) `,` type($sinks)";
  let hasVerifier = 1;
}

def GptOss_AttentionValuesOp : GptOss_ComputeOp<"attention_values", [
    InferTypeOpAdaptor]> {
  let summary = "Sums cached values weighted by probabilities";
  let description = [{
    o[t, h, i] = sum_k p[t, h, k] V[sequences[t], k, floor(h g / heads), i],
    accumulated in f32 over ascending k. Keys with p = 0 are not read: their
    pages may be evicted.

    Constraints:

    - C1: `layer` is a layer of the cache.
    - C2: heads are a multiple of the cache's kv_heads.
    - C3: tokens of probabilities and sequences agree.

    Example:

    ```mlir
    %o = gptoss.attention_values %p, %c, %sequences {layer = 0 : i64} : (tensor<?x8x?xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?xi32>) -> tensor<?x8x32xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$probabilities, GptOss_CacheType:$cache,
                       GptOss_Ids:$sequences, I64Attr:$layer);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = [{
    $probabilities `,` $cache `,` $sequences attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

#endif // GOSSAMER_IR_GPTOSSATTENTIONOPS_TD
