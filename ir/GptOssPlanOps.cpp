//===- GptOssPlanOps.cpp - Operations of the plan level ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/BufferAccess.h"
#include "ir/GptOss.h"
#include "ir/KernelOperation.h"
#include "ir/Verification.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::gptoss;

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

/// Parses `(r memref<..>, p !gptoss.weight<..>, ..)`.
static ParseResult parseBindings(OpAsmParser &parser, ArrayAttr &types,
                                 ArrayAttr &access) {
  Builder &builder = parser.getBuilder();
  SmallVector<Attribute> typeAttrs, accessAttrs;
  auto parseOne = [&]() -> ParseResult {
    StringRef keyword;
    Type type;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<Access> parsed = symbolizeAccess(keyword);
    if (!parsed)
      return parser.emitError(loc)
             << "expects an access (r, w, rw, p) but got '" << keyword << "'";
    if (parser.parseType(type))
      return failure();
    typeAttrs.push_back(TypeAttr::get(type));
    accessAttrs.push_back(AccessAttr::get(builder.getContext(), *parsed));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
    return failure();
  types = builder.getArrayAttr(typeAttrs);
  access = builder.getArrayAttr(accessAttrs);
  return success();
}

static void printBindings(OpAsmPrinter &printer, KernelOp op, ArrayAttr,
                          ArrayAttr) {
  printer << '(';
  llvm::interleaveComma(llvm::seq<unsigned>(op.getNumBindings()), printer,
                        [&](unsigned i) {
                          printer << stringifyAccess(op.getBindingAccess(i))
                                  << ' ' << op.getBindingType(i);
                        });
  printer << ')';
}

/// The kernel's `group` is a group of the cache that it binds.
static LogicalResult verifyGroup(KernelOp op, CacheType cache) {
  auto group = op.getConfigAttr<IntegerAttr>("group");
  if (group && group.getInt() >= 0 && group.getInt() < cache.getNumGroups())
    return success();
  return op.emitOpError() << "expects attribute group from 0 to "
                          << cache.getNumGroups() - 1 << " but got "
                          << op.getConfig();
}

LogicalResult KernelOp::verify() {
  const KernelOperation *operation =
      lookupKernelOperation(getKernelOperation());
  if (!operation)
    return emitOpError() << "expects a kernel operation but got \""
                         << getKernelOperation() << '"';
  if (getAccess().size() != getBindingTypes().size())
    return emitOpError() << "expects an access for each of "
                         << getBindingTypes().size() << " bindings but got "
                         << getAccess().size();
  for (StringRef name : operation->attributes)
    if (!getConfig().contains(name))
      return emitOpError() << "expects attribute " << name << " of \""
                           << operation->name << "\" but got " << getConfig();
  SmallVector<const BindingSpec *> specs = getBindings(*operation, getConfig());
  if (specs.size() != getNumBindings())
    return emitOpError() << "expects " << specs.size() << " bindings of \""
                         << operation->name << "\" but got "
                         << getNumBindings();
  for (auto [i, spec] : llvm::enumerate(specs)) {
    if (getBindingAccess(i) != spec->access)
      return emitOpError() << "expects access " << stringifyAccess(spec->access)
                           << " of binding " << i << " (" << spec->role
                           << ") but got "
                           << stringifyAccess(getBindingAccess(i));
    bool parameter = spec->access == Access::Parameter;
    Type type = getBindingType(i);
    bool fits =
        parameter ? isa<WeightType>(type) : isa<MemRefType, CacheType>(type);
    if (!fits)
      return emitOpError() << "expects "
                           << (parameter ? "a weight" : "a memref or a cache")
                           << " as binding " << i << " (" << spec->role
                           << ") but got " << type;
    if (auto cache = dyn_cast<CacheType>(type);
        cache && failed(verifyGroup(*this, cache)))
      return failure();
  }
  AffineMap work = getWork();
  if (work.getNumDims() != 2 || work.getNumSymbols() != 0 ||
      work.getNumResults() == 0)
    return emitOpError()
           << "expects work to map (tokens, outputs) to items but got "
           << getWorkAttr();
  return success();
}

int64_t KernelOp::getItems(int64_t tokens, int64_t outputs) {
  Builder builder(getContext());
  SmallVector<Attribute> results;
  Attribute sizes[] = {builder.getIndexAttr(tokens),
                       builder.getIndexAttr(outputs)};
  if (failed(getWork().constantFold(sizes, results)))
    return 0;
  int64_t least = cast<IntegerAttr>(results.front()).getInt();
  for (Attribute result : results)
    least = std::min(least, cast<IntegerAttr>(result).getInt());
  return least;
}

//===----------------------------------------------------------------------===//
// DispatchOp
//===----------------------------------------------------------------------===//

KernelOp DispatchOp::lookupKernel() {
  return SymbolTable::lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
}

CacheType DispatchOp::getCacheType() {
  for (Type type : getBindings().getTypes())
    if (auto cache = dyn_cast<CacheType>(type))
      return cache;
  return {};
}

LogicalResult DispatchOp::verify() {
  CacheType cache = getCacheType();
  std::optional<uint64_t> layer = getLayer();
  if (!cache) {
    if (layer)
      return emitOpError() << "expects a layer only with a cache but got layer "
                           << *layer << " without one";
    return success();
  }
  if (!layer)
    return emitOpError()
           << "expects the layer of the cache that is bound but got none";
  return detail::verifyLayer(*this, cache, static_cast<int64_t>(*layer));
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "expects the symbol of a gptoss.kernel but got "
                         << getKernelAttr();
  if (kernel.getNumBindings() != getBindings().size())
    return emitOpError() << "expects " << kernel.getNumBindings()
                         << " bindings but got " << getBindings().size();
  for (auto [i, type] : llvm::enumerate(getBindings().getTypes()))
    if (type != kernel.getBindingType(i))
      return emitOpError() << "expects binding " << i << " of type "
                           << kernel.getBindingType(i) << " but got " << type;
  CacheType cache = getCacheType();
  auto group = kernel.getConfigAttr<IntegerAttr>("group");
  // What a kernel without a group binds is the kernel's own error.
  if (!cache || !group || cache.getGroup(*getLayer()) == group.getInt())
    return success();
  return emitOpError() << "expects a layer of group " << group.getInt()
                       << " but got layer " << *getLayer() << " of group "
                       << cache.getGroup(*getLayer());
}

//===----------------------------------------------------------------------===//
// ConcurrentOp
//===----------------------------------------------------------------------===//

LogicalResult ConcurrentOp::verify() {
  SmallVector<DispatchOp> dispatches;
  for (Operation &op : *getBody()) {
    auto dispatch = dyn_cast<DispatchOp>(op);
    if (!dispatch)
      return emitOpError() << "expects dispatches only but got '"
                           << op.getName() << "'";
    dispatches.push_back(dispatch);
  }
  if (dispatches.empty())
    return emitOpError() << "expects at least one dispatch but got none";
  SmallVector<DispatchAccess> accesses;
  for (DispatchOp dispatch : dispatches) {
    // An unknown or broken kernel is an error of its own.
    KernelOp kernel = dispatch.lookupKernel();
    size_t bindings = dispatch.getBindings().size();
    if (!kernel || kernel.getNumBindings() != bindings ||
        kernel.getAccess().size() != bindings)
      return success();
    DispatchAccess access(dispatch, kernel);
    for (const DispatchAccess &other : accesses)
      if (access.conflictsWith(other))
        return emitOpError()
               << "expects independent dispatches but got a conflict of "
               << dispatch.getKernelAttr() << " with an earlier one";
    accesses.push_back(std::move(access));
  }
  return success();
}

#define GET_OP_CLASSES
#include "ir/GptOssOps.cpp.inc"
