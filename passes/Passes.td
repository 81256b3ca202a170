//===- Passes.td - Target-independent passes ---------------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_PASSES_TD
#define GOSSAMER_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Fusions: graph level to fused level
//===----------------------------------------------------------------------===//

class FusionPass<string name> : Pass<"gptoss-" # name, "::mlir::func::FuncOp"> {
  let dependentDialects = ["::mlir::gptoss::GptOssDialect"];
  let statistics = [
    Statistic<"numFused", "fused", "groups of operations fused">,
    Statistic<"numMissed", "missed", "groups of operations left as they are">];
}

def FuseRope : FusionPass<"fuse-rope"> {
  let summary = "Fuse the rotary embedding of heads";
  let description = [{
    Replaces `split_half`, `rotate` and `merge_half` by `gptoss.rope`:

    ```mlir
    %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
    %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
    %y = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
    // becomes
    %y = gptoss.rope %x, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
    ```

    Not fused when the halves are not those of one head in order, or when an
    intermediate has other uses. Numerics: the same operations, the same bits.
  }];
}

def FuseAttention : FusionPass<"fuse-attention"> {
  let summary = "Fuse attention over the cache";
  let description = [{
    Replaces `attention_scores`, `mask`, `softmax_sink` and `attention_values`
    by `gptoss.attention`, so that no scores of all keys are stored:

    ```mlir
    %s = gptoss.attention_scores %q, %c, %sequences {layer = 0, scale = 0.125} : ...
    %m = gptoss.mask %s, %positions {window = 64} : ...
    %p = gptoss.softmax_sink %m, %sinks : ...
    %o = gptoss.attention_values %p, %c, %sequences {layer = 0} : ...
    // becomes
    %o = gptoss.attention %q, %c, %sinks, %positions, %sequences {layer = 0, scale = 0.125, window = 64} : ...
    ```

    Not fused when keys and values are not of the same layer, cache state and
    sequences, or when an intermediate has other uses. Numerics: the softmax runs
    with a maximum that grows block by block instead of the row's.
  }];
}

def FuseExpertRouting : FusionPass<"fuse-expert-routing"> {
  let summary = "Fuse a mixture of experts, to group tokens by expert";
  let description = [{
    Replaces the router `linear`, `top_k`, `softmax`, two `expert_linear` with
    `swiglu` between, and `weighted_sum` by `gptoss.moe`:

    ```mlir
    %g = gptoss.linear %x, %r bias %rb : ...
    %v, %i = gptoss.top_k %g {k = 4} : ...
    %w = gptoss.softmax %v : ...
    %h = gptoss.expert_linear %x, %i, %gate_up, %gb : ...
    %a = gptoss.swiglu %h {alpha = 1.702, limit = 7.0} : ...
    %y = gptoss.expert_linear %a, %i, %down, %db : ...
    %o = gptoss.weighted_sum %y, %w : ...
    // becomes
    %o = gptoss.moe %x router %r, %rb gate_up %gate_up, %gb down %down, %db {k = 4, alpha = 1.702, limit = 7.0} : ...
    ```

    Not fused when router and experts see different inputs, the two products use
    different choices, the router has no bias, or an intermediate has other uses.
    Numerics: a token's experts are summed in ascending order of expert instead
    of descending order of weight.
  }];
}

def FuseResidual : FusionPass<"fuse-residual"> {
  let summary = "Fuse residual additions into the products before them";
  let description = [{
    ```mlir
    %y = gptoss.linear %x, %w bias %b : ...
    %z = gptoss.add %r, %y : ...
    // becomes
    %z = gptoss.linear %x, %w bias %b residual %r : ...
    ```

    The same for `gptoss.moe`. The result keeps the location of the addition.
    Not fused when neither operand is such a product, or when the product has
    other uses or a residual already. Numerics: the same operations.
  }];
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def PackWeights : Pass<"gptoss-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Choose how the matrices lie in memory";
  let description = [{
    Changes the type of parameters, and so what the artifact stores of them.
    `mxfp4` puts the experts' MXFP4 matrices into row panels: the same numbers
    in the order in which kernels read them. `dense` makes 8-bit row panels of
    the matrices of `gptoss.linear`, which rounds them: `int8` with a scale for
    each block of 32 inputs of a row, `int8-channel` with one for the row. A
    parameter is changed when all its uses are such products and its rows are
    whole blocks; a remark of the category `pack-weights` says why one is not.

    ```mlir
    gptoss.parameter @q : !gptoss.weight<256x192xbf16> from ["q.weight"]
    // becomes with dense=int8
    gptoss.parameter @q : !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel> from ["q.weight"]
    // and with dense=int8-channel
    gptoss.parameter @q : !gptoss.weight<256x192xi8, scale = bf16, block = 192, layout = row_panel> from ["q.weight"]
    ```
  }];
  let options = [
    Option<"mxfp4", "mxfp4", "bool", "false",
      "row panels of the experts' MXFP4 matrices">,
    Option<"dense", "dense", "::gossamer::DenseForm",
      "::gossamer::DenseForm::Kept",
      "how the matrices of gptoss.linear are stored",
      "::gossamer::denseFormValues()">];
  let dependentDialects = ["::mlir::gptoss::GptOssDialect"];
  let statistics = [
    Statistic<"numPacked", "packed", "parameters changed">];
}

//===----------------------------------------------------------------------===//
// Planning: graph or fused level to plan level
//===----------------------------------------------------------------------===//

def OutlineKernels : Pass<"gptoss-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn operations on tensors into launches of kernels on buffers";
  let description = [{
    Each function over tensors becomes one over buffers: `?` tokens and output
    rows become `max-tokens`, `?` keys the cache's context; every tensor gets a
    `memref.alloc` (views of heads share it), results become arguments. Each
    operation becomes a `gptoss.dispatch` of a `gptoss.kernel`; kernels of equal
    operation, binding types and attributes are outlined once.

    ```mlir
    func.func @step(%tokens: tensor<?xi32>, …, %cache: !gptoss.cache<…>) -> (tensor<?x3072xf32>, !gptoss.cache<…>)
    // becomes
    gptoss.kernel @rms_norm.0 "rms_norm"(r memref<512x192xf32>, p !gptoss.weight<192xbf16>, w memref<512x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {eps = 1.0e-5}
    func.func @step(%tokens: memref<512xi32>, …, %cache: !gptoss.cache<…>, %logits: memref<512x3072xf32>, %T: index, %R: index)
    ```

    The cache is updated in place, so its states must form a chain: an error
    where one is used after its layer was appended to again. Any mix of fused and
    unfused operations is fine; `gptoss.moe` becomes four kernels.

    With `activation-parts` of 1 or 2, products with scaled weights (i8, and the
    MXFP4 experts of `gptoss.moe`) read their input as blocks of 32 int8 numbers
    in one or two parts, which a kernel `quantize` makes once for all products
    of an input. i8 weights need it.
  }];
  let options = [Option<"maxTokens", "max-tokens", "int64_t", "512",
      "tokens of the largest step">,
    Option<"activationParts", "activation-parts", "int64_t", "0",
      "int8 parts of the inputs of products with scaled weights; 0: float32">];
  let dependentDialects = ["::mlir::gptoss::GptOssDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numKernels", "kernels", "kernels outlined">,
    Statistic<"numDispatches", "dispatches", "dispatches made">];
}

def MergeLaunches : Pass<"gptoss-merge-launches", "::mlir::ModuleOp"> {
  let summary = "Make one launch of those that a device would rather do at once";
  let description = [{
    For devices on which a launch costs as much as a small kernel. Two groups of
    launches become one each, which does the same on the same buffers:

    - `rms_norm`, the three `linear` of query, key and value, two `rope` and
      `cache_append` become `project`;
    - `rms_norm`, the router's `linear` and `route` become `norm_route`, which
      also writes the norm, for the experts.

    ```mlir
    gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : ...
    gptoss.dispatch @linear.4 items(%c2) (%y, %router, %bias, %logits) : ...
    gptoss.dispatch @route.0 items(%c1) (%logits, %weights, %experts, %offsets, %active, %slots) : ...
    // becomes
    gptoss.dispatch @norm_route.0 items(%c2) (%x, %w, %router, %bias, %y, %weights, %experts, %offsets, %active, %slots) : ...
    ```

    Not merged when one of the launches has another form, or when something else
    reads what lies between them; a remark says why. The launch keeps the
    location of the last one. Numerics: that of the kernel chosen for it.
  }];
  let dependentDialects = ["::mlir::gptoss::GptOssDialect",
    "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numMerged", "merged", "launches made of several">];
}

def GroupDispatches : Pass<"gptoss-group-dispatches", "::mlir::func::FuncOp"> {
  let summary = "Group independent dispatches";
  let description = [{
    Puts every dispatch into a `gptoss.concurrent`: the first one after all
    groups that write what it reads or writes, or read what it writes. What
    prepares dispatches (views, weights, sizes) moves before all of them.
  }];
  let dependentDialects = ["::mlir::gptoss::GptOssDialect"];
  let statistics = [
    Statistic<"numGroups", "groups", "groups made">];
}

def PlanMemory : Pass<"gptoss-plan-memory", "::mlir::func::FuncOp"> {
  let summary = "Place all buffers in one arena";
  let description = [{
    Replaces each `memref.alloc` by a `memref.view` of a new last argument but
    the sizes, the arena. A buffer lives from the first group of dispatches that
    touches it to the last; buffers that live at the same time do not overlap.
    Larger buffers are placed first, each at the lowest offset that is free
    during its life; offsets are multiples of 64. The result depends on the
    program alone. A remark of category `plan-memory` states the sizes.
  }];
  let dependentDialects = ["::mlir::gptoss::GptOssDialect",
    "::mlir::memref::MemRefDialect", "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"arenaBytes", "arena-bytes", "bytes of the arena">,
    Statistic<"bufferBytes", "buffer-bytes", "bytes of all buffers">];
}

#endif // GOSSAMER_PASSES_PASSES_TD
