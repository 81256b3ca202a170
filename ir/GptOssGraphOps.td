//===- GptOssGraphOps.td - Operations of the graph level ---*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Parameters and the primitive operations on tensors: what the model's
// formulas say, nothing fused. In the formulas t counts tokens, h query heads,
// g key/value heads, d the head dimension, e experts.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSGRAPHOPS_TD
#define GOSSAMER_IR_GPTOSSGRAPHOPS_TD

include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "ir/GptOssInterfaces.td"
include "ir/GptOssTypes.td"

/// A computation on tensors without side effects. InferTypeOpAdaptor among its
/// traits: the result type follows from operands and attributes.
class GptOss_ComputeOp<string mnemonic, list<Trait> traits = []>
    : GptOss_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<GptOss_ComputeOpInterface>], traits)>;

/// A computation that is a view, needing no kernel, or that takes several.
class GptOss_MultiKernelOp<string mnemonic, list<Trait> traits = []>
    : GptOss_Op<mnemonic, !listconcat([Pure,
        DeclareOpInterfaceMethods<GptOss_ComputeOpInterface, ["getKernelOperation"]>],
        traits)>;

let opDocGroup = GptOss_GraphGroup in {

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

def GptOss_ParameterOp : GptOss_Op<"parameter", [Symbol]> {
  let summary = "Declares a parameter of the model";
  let description = [{
    Names the checkpoint tensors that a parameter consists of, in the order of
    `WeightType::getStorageTypes()`: one tensor, or blocks and scales.

    Constraints:

    - C1: as many source names as the type has tensors.
    - C2: no source name is empty.

    Example:

    ```mlir
    gptoss.parameter @final_norm : !gptoss.weight<192xbf16> from ["model.norm.weight"]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<GptOss_WeightType>:$type,
                       StrArrayAttr:$sources);
  let assemblyFormat = "$sym_name `:` $type `from` $sources attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    WeightType getWeightType() {
      return ::llvm::cast<WeightType>(getType());
    }
  }];
}

def GptOss_WeightOp : GptOss_Op<"weight", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Uses a parameter";
  let description = [{
    The value of a parameter, at every level.

    Constraints:

    - C1: the symbol names a `gptoss.parameter`.
    - C2: the result has the parameter's type.

    Example:

    ```mlir
    %w = gptoss.weight @final_norm : !gptoss.weight<192xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs GptOss_WeightType:$result);
  let assemblyFormat = "$parameter attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

def GptOss_EmbeddingOp : GptOss_ComputeOp<"embedding", [InferTypeOpAdaptor]> {
  let summary = "Looks up the rows of the tokens in a table";
  let description = [{
    x[t, :] = table[tokens[t], :], widened to f32. Exact.

    Constraints:

    - C1: the result is tokens x columns of the table.

    Example:

    ```mlir
    %x = gptoss.embedding %tokens, %table : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins GptOss_Ids:$tokens, GptOss_MatrixWeight:$table);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` functional-type(operands, results)";
}

def GptOss_RmsNormOp : GptOss_ComputeOp<"rms_norm", [
    AllTypesMatch<["input", "result"]>]> {
  let summary = "Normalises rows by their root mean square";
  let description = [{
    y[t, i] = x[t, i] / sqrt(mean_j(x[t, j]^2) + eps) * w[i], all in f32.

    Constraints:

    - C1: the weight has as many elements as a row.
    - C2: `eps` is finite and greater than 0.

    Example:

    ```mlir
    %y = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input, GptOss_VectorWeight:$weight, F64Attr:$eps);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def GptOss_LinearOp : GptOss_ComputeOp<"linear", [AttrSizedOperandSegments,
    InferTypeOpAdaptor]> {
  let summary = "Multiplies rows by the transpose of a weight matrix";
  let description = [{
    y[t, n] = sum_k x[t, k] W[n, k] + bias[n] + residual[t, n], where a missing
    operand adds nothing. Accumulated in f32 in an order that depends on k only,
    then bias, then residual. The frontend makes it without `residual`;
    `fuse-residual` adds that.

    Constraints:

    - C1: the weight has as many columns as a row has elements.
    - C2: the bias has as many elements as the weight has rows.
    - C3: the residual has the result's type.
    - C4: the weight's layout is `row_major`.

    Example:

    ```mlir
    %y = gptoss.linear %x, %w bias %b : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input, GptOss_MatrixWeight:$weight,
                       Optional<GptOss_VectorWeight>:$bias,
                       Optional<GptOss_Rows>:$residual);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`residual` $residual^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def GptOss_AddOp : GptOss_ComputeOp<"add", [SameOperandsAndResultType]> {
  let summary = "Adds two activations";
  let description = [{
    c[t, i] = a[t, i] + b[t, i], in f32.

    Example:

    ```mlir
    %c = gptoss.add %a, %b : tensor<?x192xf32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$lhs, GptOss_Rows:$rhs);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def GptOss_GatherRowsOp : GptOss_ComputeOp<"gather_rows", [InferTypeOpAdaptor]> {
  let summary = "Picks the rows whose logits are wanted";
  let description = [{
    y[r, :] = x[rows[r], :]. Exact.

    Constraints:

    - C1: the result is rows x columns of the input.

    Example:

    ```mlir
    %y = gptoss.gather_rows %x, %rows : (tensor<?x192xf32>, tensor<?xi32>) -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input, GptOss_Ids:$rows);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` functional-type(operands, results)";
}

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

//===----------------------------------------------------------------------===//
// Mixture of experts
//===----------------------------------------------------------------------===//

def GptOss_TopKOp : GptOss_ComputeOp<"top_k", [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Finds the largest elements of rows";
  let description = [{
    values[t, :] are the `k` largest elements of x[t, :] in descending order and
    indices[t, :] their places; of equal elements the lower index comes first.

    Constraints:

    - C1: `k` is at least 1 and at most the row length.

    Example:

    ```mlir
    %values, %indices = gptoss.top_k %x {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input, I64Attr:$k);
  let results = (outs GptOss_Rows:$values, GptOss_Choice:$indices);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type(results)";
  let hasVerifier = 1;
}

def GptOss_SoftmaxOp : GptOss_ComputeOp<"softmax", [SameOperandsAndResultType]> {
  let summary = "Softmax of rows";
  let description = [{
    y[t, i] = exp(x[t, i] - m) / sum_j exp(x[t, j] - m) with m = max_j x[t, j],
    in f32.

    Example:

    ```mlir
    %y = gptoss.softmax %x : tensor<?x4xf32>
    ```
  }];
  let arguments = (ins GptOss_Rows:$input);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def GptOss_ExpertLinearOp : GptOss_ComputeOp<"expert_linear", [InferTypeOpAdaptor]> {
  let summary = "Multiplies by the weight matrices of the chosen experts";
  let description = [{
    With e = indices[t, j] and x[t] (rank 2, shared by the experts of a token)
    or x[t, j] (rank 3): y[t, j, n] = sum_k W[e, n, k] x[.., k] + bias[e, n],
    accumulated in f32 in an order that depends on k only.

    Constraints:

    - C1: the last dimension of the input is the weight's.
    - C2: the bias is experts x outputs of the weight.
    - C3: an input of rank 3 has as many experts a token as the indices.
    - C4: tokens of input and indices agree.

    Example:

    ```mlir
    %y = gptoss.expert_linear %x, %indices, %w, %b : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16, layout = transposed>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
    ```
  }];
  let arguments = (ins GptOss_Activation:$input, GptOss_Choice:$indices,
                       GptOss_ExpertWeight:$weight, GptOss_MatrixWeight:$bias);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = [{
    $input `,` $indices `,` $weight `,` $bias attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def GptOss_SwigluOp : GptOss_ComputeOp<"swiglu", [InferTypeOpAdaptor]> {
  let summary = "Clamped gated activation of interleaved gates and values";
  let description = [{
    gate = min(h[t, j, 2i], limit), up = clamp(h[t, j, 2i + 1], -limit, limit),
    a[t, j, i] = (up + 1) gate sigmoid(alpha gate), in f32.

    Constraints:

    - C1: the last dimension is even.
    - C2: `limit` is finite and greater than 0, `alpha` is finite.

    Example:

    ```mlir
    %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$input, F64Attr:$alpha, F64Attr:$limit);
  let results = (outs GptOss_Heads:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def GptOss_WeightedSumOp : GptOss_ComputeOp<"weighted_sum", [InferTypeOpAdaptor]> {
  let summary = "Sums the experts of a token by their weights";
  let description = [{
    x[t, i] = sum_j weights[t, j] y[t, j, i], in f32 over ascending j.

    Constraints:

    - C1: there is one weight for each expert of a token, and tokens agree.

    Example:

    ```mlir
    %x = gptoss.weighted_sum %y, %weights : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins GptOss_Heads:$input, GptOss_Rows:$weights);
  let results = (outs GptOss_Rows:$result);
  let assemblyFormat = "$input `,` $weights attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

} // opDocGroup

#endif // GOSSAMER_IR_GPTOSSGRAPHOPS_TD
