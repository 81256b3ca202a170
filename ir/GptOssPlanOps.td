//===- GptOssPlanOps.td - Operations of the plan level -----*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Kernels, their launches, and groups of launches that are independent.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSPLANOPS_TD
#define GOSSAMER_IR_GPTOSSPLANOPS_TD

include "mlir/Interfaces/ControlFlowInterfaces.td"
include "ir/GptOssGraphOps.td"

def GptOss_Binding : AnyTypeOf<[AnyStaticShapeMemRef, GptOss_WeightType,
    GptOss_CacheType], "statically shaped memref, weight or cache">;

let opDocGroup = GptOss_PlanGroup in {

def GptOss_KernelOp : GptOss_Op<"kernel", [Symbol]> {
  let summary = "Declares a kernel: an operation on buffers of given types";
  let description = [{
    One computation that dispatches launch, outlined once for equal operation,
    binding types and attributes. `kernel_operation` is a name of the table of kernel
    operations (ir/KernelOperation.h), which fixes the bindings and their order.
    Work items are independent: any division of 0 … items-1 gives the same bits.

    `work` gives the number of items from (tokens, outputs) of a step: the least
    of the map's results. `kind` names the implementation that a backend chose;
    it is absent before that. `attributes` are the operation's constants.

    Constraints:

    - C1: `kernel_operation` is a known kernel operation.
    - C2: number, access and order of the bindings are the operation's.
    - C3: parameters are weights, other bindings memrefs or caches.
    - C4: `work` takes two dimensions, no symbols, and has a result.
    - C5: `attributes` has all of the operation's attributes.
    - C6: a kernel that binds a cache has the attribute `group`, a group of the
      cache.

    Example:

    ```mlir
    gptoss.kernel @rms_norm.0 "rms_norm"(r memref<512x192xf32>, p !gptoss.weight<192xbf16>, w memref<512x192xf32>) work affine_map<(t, r) -> (t)> attributes {eps = 1.0e-5 : f64}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kernel_operation,
                       TypeArrayAttr:$binding_types,
                       GptOss_AccessArrayAttr:$access,
                       AffineMapAttr:$work, OptionalAttr<StrAttr>:$kind,
                       DictionaryAttr:$config);
  let assemblyFormat = [{
    $sym_name $kernel_operation custom<Bindings>($binding_types, $access)
    `work` $work (`kind` $kind^)? `attributes` $config attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumBindings() { return getBindingTypes().size(); }
    ::mlir::Type getBindingType(unsigned i) {
      return ::llvm::cast<::mlir::TypeAttr>(getBindingTypes()[i]).getValue();
    }
    Access getBindingAccess(unsigned i) {
      return ::llvm::cast<AccessAttr>(getAccess()[i]).getValue();
    }
    /// An attribute of the operation, null when it has none of that name.
    template <typename AttrT = ::mlir::Attribute>
    AttrT getConfigAttr(::llvm::StringRef name) {
      return ::llvm::dyn_cast_or_null<AttrT>(getConfig().get(name));
    }
    /// Work items of a step with these many tokens and output rows.
    int64_t getItems(int64_t tokens, int64_t outputs);
  }];
}

def GptOss_DispatchOp : GptOss_Op<"dispatch", [
    MemoryEffects<[MemRead, MemWrite]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Launches a kernel over a range of work items";
  let description = [{
    Runs work items 0 … items-1 of the kernel on the bindings. The location
    names the launch. A cache is bound together with the layer of it that the
    launch works on, so that the layers of a group share their kernels.

    Constraints:

    - C1: the symbol names a `gptoss.kernel`.
    - C2: the bindings have the kernel's types.
    - C3: `layer` is given exactly when a cache is bound, and is a layer of it.
    - C4: that layer is of the kernel's `group`.

    Examples:

    ```mlir
    gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<512x192xf32>, !gptoss.weight<192xbf16>, memref<512x192xf32>
    gptoss.dispatch @cache_append.0 items(%t) layer(1) (%k, %v, %p, %s, %cache) : memref<512x2x32xf32>, memref<512x2x32xf32>, memref<512xi32>, memref<512xi32>, !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$items,
                       Variadic<GptOss_Binding>:$bindings,
                       OptionalAttr<I64Attr>:$layer);
  let assemblyFormat = [{
    $kernel `items` `(` $items `)` (`layer` `(` $layer^ `)`)?
    `(` $bindings `)` attr-dict `:` type($bindings)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The kernel, null when the symbol does not resolve.
    KernelOp lookupKernel();
    /// Type of the cache that is bound, null when none is.
    CacheType getCacheType();
  }];
}

def GptOss_ConcurrentOp : GptOss_Op<"concurrent", [
    RecursiveMemoryEffects, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "Groups launches that do not depend on each other";
  let description = [{
    The dispatches inside may run at the same time, in any order and interleaved;
    all are done when the operation is.

    Constraints:

    - C1: the body holds dispatches only, at least one.
    - C2: no dispatch writes what another one reads or writes: buffers by the
      bytes that they view, the cache by layer.

    Example:

    ```mlir
    gptoss.concurrent {
      gptoss.dispatch @rms_norm.0 items(%t) (%x, %w, %y) : memref<512x192xf32>, !gptoss.weight<192xbf16>, memref<512x192xf32>
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = "$bodyRegion attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    auto getDispatches() { return getBody()->getOps<DispatchOp>(); }
  }];
}

} // opDocGroup

#endif // GOSSAMER_IR_GPTOSSPLANOPS_TD
