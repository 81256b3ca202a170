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

/// Base of all operations of the dialect.
class GptOss_Op<string mnemonic, list<Trait> traits = []>
    : Op<GptOss_Dialect, mnemonic, traits>;

#endif // GOSSAMER_IR_GPTOSSDIALECT_TD
