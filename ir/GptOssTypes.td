//===- GptOssTypes.td - Types and type constraints ---------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSTYPES_TD
#define GOSSAMER_IR_GPTOSSTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "ir/GptOssAttributes.td"

class GptOss_Type<string name, string typeMnemonic>
    : TypeDef<GptOss_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def GptOss_WeightType : GptOss_Type<"Weight", "weight"> {
  let summary = "A parameter: logical shape, storage element and layout";
  let description = [{
    Names what the bits of a parameter are and how they lie. The shape is the
    logical one: [n], [out, in] or [experts, out, in].

    | layout | tensors it consists of |
    | --- | --- |
    | `row_major` (elided) | one, of the logical shape |
    | `transposed` | one, [experts, in, out] (or [in, out]) |
    | `published` | MXFP4: bytes [.., out, in/block, block/2] with the even element in the low nibble, and E8M0 scales [.., out, in/block] |
    | `row_panel` | values [.., panels, in/32, words, 16, 4] and scales [.., panels, in/block, 16], where a panel is 16 rows (`out` rounded up; rows beyond it are zeros) |

    A block of elements has one scale. Values lie by 32 inputs of a row, in words
    of four bytes of each of the 16 rows of a panel. 32 inputs of MXFP4 are four
    words, in the order of the published bytes. Those of int8 are eight: the
    weights plus 128, first the even inputs, then the odd ones; the value of a
    weight w is w times its block's scale. An int8 block may be the whole row,
    which is an output channel.

    Constraints:

    - C1: the rank is 1, 2 or 3 and every dimension is positive.
    - C2: the element is bf16, f16, f32, f4E2M1FN or i8.
    - C3: an f4E2M1FN weight has scale f8E8M0FNU, block 32 and layout `published`
      or `row_panel`; an i8 weight scale bf16, block 32 or its last dimension,
      and layout `row_panel`; all others have no scale, no block and neither of
      these layouts.
    - C4: the last dimension of a weight with blocks is a multiple of 32, and
      its rank is 2 or 3.
    - C5: a `transposed` weight has rank 2 or 3.

    Examples:

    ```mlir
    !gptoss.weight<256x192xbf16>
    !gptoss.weight<16x256x192xbf16, layout = transposed>
    !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>
    !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel>
    !gptoss.weight<256x192xi8, scale = bf16, block = 192, layout = row_panel>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t", "logical shape">:$shape,
    "::mlir::Type":$elementType,
    "::mlir::Type":$scaleType,
    "int64_t":$blockSize,
    "::mlir::gptoss::WeightLayout":$layout);
  let builders = [
    TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape,
                     "::mlir::Type":$elementType,
                     CArg<"::mlir::gptoss::WeightLayout",
                          "::mlir::gptoss::WeightLayout::RowMajor">:$layout), [{
      return $_get($_ctxt, shape, elementType, ::mlir::Type(), 0, layout);
    }]>,
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The MXFP4 weight of this logical shape in the published layout.
    static WeightType getMxFp4(::mlir::MLIRContext *context,
                               ::llvm::ArrayRef<int64_t> shape);
    /// The 8-bit weight of this logical shape, in row panels, with a scale for
    /// each `block` elements of a row: kBlock or all of them.
    static WeightType getInt8(::mlir::MLIRContext *context,
                              ::llvm::ArrayRef<int64_t> shape, int64_t block);
    /// Rows of a panel; inputs that lie together, and share a scale but for
    /// int8 weights with one a row.
    static constexpr int64_t kPanelRows = 16, kBlock = 32;

    int64_t getRank() const { return getShape().size(); }
    int64_t getDimSize(unsigned i) const { return getShape()[i]; }
    int64_t getNumElements() const;
    /// Whether a scale is shared by each block of elements.
    bool isScaled() const { return static_cast<bool>(getScaleType()); }
    /// Whether elements are 4-bit floats with a scale a block.
    bool isMxFp4() const {
      return ::llvm::isa<::mlir::Float4E2M1FNType>(getElementType());
    }
    /// Whether elements are bytes with a scale a block, or a row.
    bool isInt8() const { return getElementType().isInteger(8); }
    /// Memref types of the tensors that it consists of, in binding order:
    /// one, or values and scales.
    ::llvm::SmallVector<::mlir::MemRefType> getStorageTypes() const;
    /// Bytes of all its tensors.
    int64_t getStorageBytes() const;
  }];
}

def GptOss_CacheType : GptOss_Type<"Cache", "cache"> {
  let summary = "Handle of the paged cache of keys and values";
  let description = [{
    Layers with the same retention rule (a window, or 0 for all keys) form a
    group that has its own pages and page table. A page holds, for `page_tokens`
    consecutive positions of one sequence and each layer of the group in
    ascending order: keys as [kv_heads][head_dim][page_tokens], then values as
    [kv_heads][page_tokens][head_dim rounded up to 16]. Position p of sequence s
    is in page page_table[s * max_pages + p / page_tokens] of its group.

    A value of this type is the state of the cache after the operations that
    lead to it; `gptoss.cache_append` makes the next one.

    Constraints:

    - C1: the element is f32 or bf16.
    - C2: `kv_heads`, `head_dim`, `page_tokens` and `max_context` are positive.
    - C3: there is at least one group; windows are not negative and differ.
    - C4: `layers` names the group of each layer; every group has a layer.

    Example:

    ```mlir
    !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16,
                  max_context = 2048, windows = [64, 0], layers = [0, 1, 0, 1]>
    ```
  }];
  let parameters = (ins
    "::mlir::Type":$elementType,
    "int64_t":$kvHeads,
    "int64_t":$headDim,
    "int64_t":$pageTokens,
    "int64_t":$maxContext,
    ArrayRefParameter<"int64_t", "window of each group, 0 for all keys">:$windows,
    ArrayRefParameter<"int64_t", "group of each layer">:$layerGroups);
  let assemblyFormat = [{
    `<` $elementType `,` `kv_heads` `=` $kvHeads `,` `head_dim` `=` $headDim `,`
    `page_tokens` `=` $pageTokens `,` `max_context` `=` $maxContext `,`
    `windows` `=` `[` $windows `]` `,` `layers` `=` `[` $layerGroups `]` `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getNumLayers() const { return getLayerGroups().size(); }
    int64_t getNumGroups() const { return getWindows().size(); }
    /// Group of a layer, and the layer's index within it.
    int64_t getGroup(int64_t layer) const { return getLayerGroups()[layer]; }
    int64_t getSlot(int64_t layer) const;
    /// Layers of a group.
    int64_t getNumSlots(int64_t group) const;
    /// Retention window of a layer, 0 for all keys.
    int64_t getWindow(int64_t layer) const { return getWindows()[getGroup(layer)]; }
    /// Bytes of an element.
    int64_t getElementBytes() const {
      return getElementType().getIntOrFloatBitWidth() / 8;
    }
    /// Head dimension of values in memory: rounded up to 16.
    int64_t getHeadDimPadded() const { return (getHeadDim() + 15) / 16 * 16; }
    /// Bytes of one layer's keys and values in a page.
    int64_t getLayerBytes() const;
    /// Bytes of a page of a group.
    int64_t getPageBytes(int64_t group) const;
    /// Entries of a sequence's row in a page table.
    int64_t getMaxPages() const;
  }];
}

//===----------------------------------------------------------------------===//
// Constraints on operands
//===----------------------------------------------------------------------===//

/// Activations: [tokens, n] and [tokens, heads or experts, n].
def GptOss_Rows : 2DTensorOf<[F32]>;
def GptOss_Heads : 3DTensorOf<[F32]>;
def GptOss_Activation : AnyTypeOf<[GptOss_Rows, GptOss_Heads],
    "2D or 3D tensor of 32-bit float values", "::mlir::RankedTensorType">;
/// Token ids, positions, sequences or row numbers.
def GptOss_Ids : 1DTensorOf<[I32]>;
/// Chosen experts: [tokens, k].
def GptOss_Choice : 2DTensorOf<[I32]>;

class GptOss_WeightOfRank<int rank> : ConfinedType<GptOss_WeightType,
    [CPred<"::llvm::cast<::mlir::gptoss::WeightType>($_self).getRank() == " # rank>],
    "weight of rank " # rank, "::mlir::gptoss::WeightType">;
def GptOss_VectorWeight : GptOss_WeightOfRank<1>;
def GptOss_MatrixWeight : GptOss_WeightOfRank<2>;
def GptOss_ExpertWeight : GptOss_WeightOfRank<3>;

#endif // GOSSAMER_IR_GPTOSSTYPES_TD
