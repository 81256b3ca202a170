//===- GptOssDialect.td - The gptoss dialect ---------------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The dialect and the base class of its operations.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSDIALECT_TD
#define GOSSAMER_IR_GPTOSSDIALECT_TD

include "mlir/IR/OpBase.td"

def GptOss_Dialect : Dialect {
  let name = "gptoss";
  let cppNamespace = "::mlir::gptoss";
  let summary = "Inference of GPT-OSS models at three levels";
  let description = [{
    The dialect describes one *step* of a GPT-OSS transformer: T tokens drawn
    from any number of sequences (a ragged batch) in, logits of R of them out,
    with keys and values kept in a paged cache. It has three levels, each
    printable, parseable and verifiable:

    | level | values | operations |
    | --- | --- | --- |
    | graph | tensors | primitive operations, one a formula of the model |
    | fused | tensors | `rope`, `attention`, `moe`, `linear` with `residual` |
    | plan | memrefs in one arena | `kernel`, `dispatch`, `concurrent` |

    Parameters are symbols (`gptoss.parameter`) that name the tensors of the
    checkpoint; no weight data is in the IR. All activations are float32.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
}

//===----------------------------------------------------------------------===//
// Groups of operations in the reference
//===----------------------------------------------------------------------===//

def GptOss_GraphGroup : OpDocGroup {
  let summary = "Graph level";
  let description = [{
    Parameters and primitive operations on tensors. In formulas t counts tokens,
    h query heads, g is the number of key/value heads, d the head dimension,
    e an expert.
  }];
}

def GptOss_FusedGroup : OpDocGroup {
  let summary = "Fused level";
  let description = [{
    What the fusion passes make of groups of primitive operations.
  }];
}

def GptOss_PlanGroup : OpDocGroup {
  let summary = "Plan level";
  let description = [{
    Kernels on buffers, their launches, and groups of launches.
  }];
}

/// Base of all operations of the dialect.
class GptOss_Op<string mnemonic, list<Trait> traits = []>
    : Op<GptOss_Dialect, mnemonic, traits>;

#endif // GOSSAMER_IR_GPTOSSDIALECT_TD
