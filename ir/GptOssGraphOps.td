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
    Names the checkpoint tensors that a parameter is made of: MXFP4 blocks and
    scales, or one tensor. They are what `WeightType::getStorageTypes()` lists,
    but for the layout `row_panel`, whose tensors are made from them.

    Constraints:

    - C1: two source names for an f4E2M1FN weight, one for any other.
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
    then bias, then residual; with an i8 weight the plan multiplies quantized
    inputs. The frontend makes it without `residual`;
    `fuse-residual` adds that.

    Constraints:

    - C1: the weight has as many columns as a row has elements.
    - C2: the bias has as many elements as the weight has rows.
    - C3: the residual has the result's type.
    - C4: the weight's layout is `row_major` or `row_panel`.

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
