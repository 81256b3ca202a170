//===- GptOssFusedOps.td - Operations of the fused level ---*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What the fusion passes make of groups of primitive operations. A
// `gptoss.linear` with a residual belongs to this level, too.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSFUSEDOPS_TD
#define GOSSAMER_IR_GPTOSSFUSEDOPS_TD

include "ir/GptOssGraphOps.td"

let opDocGroup = GptOss_FusedGroup in {

def GptOss_RopeOp : GptOss_ComputeOp<"rope", [
    AllTypesMatch<["input", "result"]>, AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Rotates heads by the angle of their position";
  let description = [{
    `split_half`, `rotate` and `merge_half` in one: with a and b the halves of a
    head, a' = a cos - b sin and b' = b cos + a sin, in f32.

    Constraints:

    - C1: the tables have half the head dimension, and tokens agree.

    Example:

    ```mlir
    %y = gptoss.rope %x, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$input, GptOss_Rows:$cos, GptOss_Rows:$sin);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = "$input `,` $cos `,` $sin attr-dict `:` type($input) `,` type($cos)";
  let hasVerifier = 1;
}

def GptOss_AttentionOp : GptOss_ComputeOp<"attention", [
    AllTypesMatch<["query", "result"]>, AllTypesMatch<["positions", "sequences"]>]> {
  let summary = "Attention over the cache with grouped heads, window and sinks";
  let description = [{
    `attention_scores`, `mask`, `softmax_sink` and `attention_values` in one.
    Visible keys of token t are k <= positions[t] with, where `window` > 0,
    positions[t] - k < window. Scores, softmax and sums are in f32; keys are
    taken in blocks of a page, in ascending order, with a running maximum that
    begins at the sink.

    Constraints:

    - C1: `layer` is a layer of the cache.
    - C2: the head dimension is the cache's, and heads are a multiple of its
      kv_heads.
    - C3: `scale` is finite and greater than 0, `window` is not negative.
    - C4: there is one sink a head.
    - C5: tokens of queries and positions agree.

    Example:

    ```mlir
    %o = gptoss.attention %q, %c, %sinks, %positions, %sequences {layer = 0 : i64, scale = 0.176 : f64, window = 64 : i64} : tensor<?x8x32xf32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, !gptoss.weight<8xbf16>, tensor<?xi32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$query, GptOss_CacheType:$cache,
                       GptOss_VectorWeight:$sinks, GptOss_Ids:$positions,
                       GptOss_Ids:$sequences, I64Attr:$layer, F64Attr:$scale,
                       I64Attr:$window);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = [{
    $query `,` $cache `,` $sinks `,` $positions `,` $sequences attr-dict `:`
    type($query) `,` type($cache) `,` type($sinks) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def GptOss_MoeOp : GptOss_MultiKernelOp<"moe", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Mixture of experts: route, two expert products, combine";
  let description = [{
    `linear` (router), `top_k`, `softmax`, `expert_linear` (gate and up),
    `swiglu`, `expert_linear` (down) and `weighted_sum` in one, plus `residual`
    where it is given:
    out[t] = residual[t] + sum_e weight_e (W_down[e] swiglu(W_gate_up[e] x[t] + b) + b').
    The sum runs over the token's experts in ascending order of expert, in f32.

    Constraints:

    - C1: router is experts x columns of the input, its bias has one element an
      expert.
    - C2: gate_up is experts x 2 width x columns, its bias experts x 2 width.
    - C3: down is experts x columns x width, its bias experts x columns.
    - C4: `k` is at least 1 and at most the number of experts.
    - C5: `limit` is finite and greater than 0, `alpha` is finite.
    - C6: the residual has the input's type.

    Example:

    ```mlir
    %y = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gptoss.weight<16x256x192xbf16, layout = transposed>, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input,
                       GptOss_MatrixWeight:$router, GptOss_VectorWeight:$routerBias,
                       GptOss_ExpertWeight:$gateUp, GptOss_MatrixWeight:$gateUpBias,
                       GptOss_ExpertWeight:$down, GptOss_MatrixWeight:$downBias,
                       Optional<GptOss_Rows>:$residual,
                       I64Attr:$k, F64Attr:$alpha, F64Attr:$limit);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = [{
    $input `router` $router `,` $routerBias `gate_up` $gateUp `,` $gateUpBias
    `down` $down `,` $downBias (`residual` $residual^ `:` type($residual))?
    attr-dict `:` type($input) `,` type($router) `,` type($routerBias) `,`
    type($gateUp) `,` type($gateUpBias) `,` type($down) `,` type($downBias)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

#endif // GOSSAMER_IR_GPTOSSFUSEDOPS_TD
