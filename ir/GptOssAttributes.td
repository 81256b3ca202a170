//===- GptOssAttributes.td - Attributes and enums ----------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSATTRIBUTES_TD
#define GOSSAMER_IR_GPTOSSATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "ir/GptOssDialect.td"

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

class GptOss_Enum<string name, string desc, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, desc, cases> {
  let cppNamespace = "::mlir::gptoss";
  let genSpecializedAttr = 0;
}

def GptOss_WeightLayout : GptOss_Enum<"WeightLayout",
    "how a parameter lies in memory", [
      I32EnumAttrCase<"RowMajor", 0, "row_major">,
      I32EnumAttrCase<"Transposed", 1, "transposed">,
      I32EnumAttrCase<"Published", 2, "published">,
      I32EnumAttrCase<"RowPanel", 3, "row_panel">]>;

def GptOss_RopeScaling : GptOss_Enum<"RopeScaling",
    "how rotary frequencies are stretched", [
      I32EnumAttrCase<"None", 0, "none">,
      I32EnumAttrCase<"Yarn", 1, "yarn">]>;

def GptOss_Access : GptOss_Enum<"Access", "what a kernel does with a binding", [
      I32EnumAttrCase<"Read", 0, "r">,
      I32EnumAttrCase<"Write", 1, "w">,
      I32EnumAttrCase<"ReadWrite", 2, "rw">,
      I32EnumAttrCase<"Parameter", 3, "p">]>;

def GptOss_AccessAttr : EnumAttr<GptOss_Dialect, GptOss_Access, "access"> {
  let summary = "what a kernel does with a binding";
  let description = [{
    One of `r` (reads a buffer), `w` (writes all of it that later readers use),
    `rw` (updates it in place), `p` (reads a parameter).
  }];
}

def GptOss_AccessArrayAttr
    : TypedArrayAttrBase<GptOss_AccessAttr, "access of each binding">;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// A double that is hashed and compared by its bits and printed exactly.
class GptOss_Real<string desc, string value = "">
    : AttrOrTypeParameter<"::mlir::gptoss::Real", desc, "double"> {
  let defaultValue = value;
  let printer = "::mlir::gptoss::printReal($_printer, $_self)";
}

def GptOss_RopeAttr : AttrDef<GptOss_Dialect, "Rope"> {
  let mnemonic = "rope";
  let summary = "Rotary position embedding with optional YaRN scaling";
  let description = [{
    With head dimension d, base frequencies f_i = theta^(2i/d), i = 0 … d/2-1:

    - `none`: inv_i = 1/f_i and concentration 1.
    - `yarn`: r_i = clamp((i - low)/(high - low), 0, 1) and
      inv_i = r_i/(factor f_i) + (1 - r_i)/f_i, where
      low = (d/2) ln(original_context/(2π beta_fast))/ln theta and
      high = (d/2) ln(original_context/(2π beta_slow))/ln theta. With `truncate`
      low is rounded down, high up, and both are clamped to [0, d-1]. Equal low
      and high are kept apart by 0.001. Concentration (a factor of both cosine
      and sine) is `attention_factor`, or 0.1 ln(factor) + 1 where that is 0.

    Constraints:

    - C1: `theta` is finite and greater than 1.
    - C2: with `yarn`, `factor` is finite and at least 1.
    - C3: with `yarn`, `beta_fast` and `beta_slow` are finite and greater than
      0, and `beta_fast` is at least `beta_slow`.
    - C4: with `yarn`, `original_context` is greater than 0.
    - C5: `attention_factor` is finite and at least 0.

    Example:

    ```mlir
    #gptoss.rope<theta = 150000.0, scaling = yarn, factor = 32.0,
                 original_context = 4096, truncate = false>
    ```
  }];
  let parameters = (ins
    GptOss_Real<"base of the frequencies">:$theta,
    DefaultValuedParameter<"::mlir::gptoss::RopeScaling",
      "::mlir::gptoss::RopeScaling::None", "how frequencies are stretched">:$scaling,
    GptOss_Real<"context extension", "1.0">:$factor,
    GptOss_Real<"rotations above which nothing is stretched", "32.0">:$beta_fast,
    GptOss_Real<"rotations below which all is stretched", "1.0">:$beta_slow,
    DefaultValuedParameter<"int64_t", "0", "context of the pretraining">:$original_context,
    DefaultValuedParameter<"bool", "true", "round low and high to integers">:$truncate,
    GptOss_Real<"concentration, 0 to derive it", "0.0">:$attention_factor);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Inverse frequencies in float64, headDim/2 of them; angle of pair i at
    /// position p is p * inv_i.
    ::llvm::SmallVector<double> computeInverseFrequencies(int64_t headDim) const;

    /// Factor of both cosine and sine.
    double getConcentration() const;
  }];
}

#endif // GOSSAMER_IR_GPTOSSATTRIBUTES_TD
