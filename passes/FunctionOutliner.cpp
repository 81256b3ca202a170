//===- FunctionOutliner.cpp - One function from tensors to buffers --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/FunctionOutliner.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::gptoss;
using namespace gossamer;

FunctionOutliner::FunctionOutliner(func::FuncOp function, KernelTable &kernels,
                                   int64_t maxTokens, int64_t activationParts)
    : function_(function), kernels_(kernels), maxTokens_(maxTokens),
      activationParts_(activationParts), builder_(function.getContext()) {}

LogicalResult FunctionOutliner::run() {
  if (!function_.getBody().hasOneBlock())
    return function_.emitOpError() << "expects one block but got "
                                   << function_.getBody().getBlocks().size();
  SmallVector<Operation *> operations;
  for (Operation &op : function_.front())
    operations.push_back(&op);
  firstOperation_ = operations.front();
  if (failed(convertSignature()) || failed(bindResults()))
    return failure();
  for (Operation *op : operations) {
    builder_.setInsertionPoint(op);
    if (failed(convertOperation(op)))
      return failure();
  }
  finish();
  return success();
}

//===----------------------------------------------------------------------===//
// Signature
//===----------------------------------------------------------------------===//

LogicalResult FunctionOutliner::convertSignature() {
  Block &entry = function_.front();
  Location loc = function_.getLoc();
  SmallVector<BlockArgument> arguments(entry.getArguments());
  for (BlockArgument argument : arguments)
    if (auto cache = dyn_cast<CacheType>(argument.getType())) {
      if (maxKeys_ != 0)
        return function_.emitOpError() << "expects one cache but got two";
      maxKeys_ = cache.getMaxContext();
      cacheType_ = cache;
      cache_.begin(argument);
    }
  for (BlockArgument argument : arguments) {
    Type type = argument.getType();
    if (isa<RankedTensorType>(type))
      type = getBufferType(loc, type);
    if (!type)
      return failure();
    buffers_.map(argument, entry.addArgument(type, argument.getLoc()));
    bool chosen = llvm::any_of(argument.getUsers(), [&](Operation *user) {
      auto gather = dyn_cast<GatherRowsOp>(user);
      return gather && gather.getRows() == argument;
    });
    rows_[argument] = chosen ? Rows::Outputs : Rows::Tokens;
  }
  return success();
}

LogicalResult FunctionOutliner::bindResults() {
  Block &entry = function_.front();
  for (Value result : entry.getTerminator()->getOperands()) {
    // The cache is updated in place.
    if (isa<CacheType>(result.getType()))
      continue;
    Operation *producer = result.getDefiningOp();
    if (!producer || isa<SplitHeadsOp, MergeHeadsOp>(producer) ||
        buffers_.contains(result))
      return function_.emitOpError()
             << "expects each result to be computed by an operation of its own "
                "but got an argument, a view or one value twice";
    MemRefType type = getBufferType(producer->getLoc(), result.getType());
    if (!type)
      return failure();
    buffers_.map(result, entry.addArgument(type, result.getLoc()));
  }
  tokens_ = entry.addArgument(builder_.getIndexType(), function_.getLoc());
  outputs_ = entry.addArgument(builder_.getIndexType(), function_.getLoc());
  return success();
}

void FunctionOutliner::finish() {
  Block &entry = function_.front();
  Operation *terminator = entry.getTerminator();
  builder_.setInsertionPoint(terminator);
  func::ReturnOp::create(builder_, terminator->getLoc());
  terminator->erase();
  // Users stand after what they use.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(entry)))
    if (isa<ComputeOpInterface>(op))
      op.erase();
  entry.eraseArguments(0, function_.getNumArguments());
  function_.setFunctionType(
      builder_.getFunctionType(entry.getArgumentTypes(), {}));
  function_.setAllArgAttrs(
      SmallVector<DictionaryAttr>(entry.getNumArguments(), DictionaryAttr()));
  function_.setAllResultAttrs(ArrayRef<DictionaryAttr>());
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

MemRefType FunctionOutliner::getBufferType(Location loc, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  for (auto [i, dim] : llvm::enumerate(shape)) {
    if (!ShapedType::isDynamic(dim))
      continue;
    dim = i == 0 ? maxTokens_ : i + 1 == shape.size() ? maxKeys_ : 0;
    if (dim == 0) {
      emitError(loc) << "expects tokens and cached keys as the only unknown "
                        "sizes but got "
                     << tensor;
      return {};
    }
  }
  return MemRefType::get(shape, tensor.getElementType());
}

Value FunctionOutliner::allocate(Location loc, ArrayRef<int64_t> shape,
                                 Type element) {
  return memref::AllocOp::create(builder_, loc,
                                 MemRefType::get(shape, element));
}

Value FunctionOutliner::getResultBuffer(Operation *op, Value result) {
  if (Value argument = buffers_.lookupOrNull(result))
    return argument;
  MemRefType type = getBufferType(op->getLoc(), result.getType());
  if (!type)
    return {};
  Value buffer = memref::AllocOp::create(builder_, op->getLoc(), type);
  buffers_.map(result, buffer);
  return buffer;
}

LogicalResult FunctionOutliner::convertView(Operation *op) {
  Value source = buffers_.lookup(op->getOperand(0));
  Value result = op->getResult(0);
  MemRefType type = getBufferType(op->getLoc(), result.getType());
  if (!type)
    return failure();
  const ReassociationIndices groups[] = {{0}, {1, 2}};
  Value view = isa<SplitHeadsOp>(op)
                   ? memref::ExpandShapeOp::create(builder_, op->getLoc(), type,
                                                   source, groups)
                         .getResult()
                   : memref::CollapseShapeOp::create(builder_, op->getLoc(),
                                                     type, source, groups)
                         .getResult();
  buffers_.map(result, view);
  rows_[result] = rows_.lookup(op->getOperand(0));
  return success();
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

FailureOr<FunctionOutliner::Rows> FunctionOutliner::inferRows(Operation *op) {
  if (isa<GatherRowsOp>(op))
    return Rows::Outputs;
  std::optional<Rows> rows;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    Rows own = rows_.lookup(operand);
    if (rows && *rows != own)
      return op->emitOpError() << "expects operands with the same rows but got "
                                  "tokens and outputs";
    rows = own;
  }
  return rows.value_or(Rows::Tokens);
}

AffineMap FunctionOutliner::getWork(Operation *op, Rows rows) {
  AffineExpr count = builder_.getAffineDimExpr(rows == Rows::Tokens ? 0 : 1);
  if (auto linear = dyn_cast<LinearOp>(op)) {
    int64_t items = llvm::divideCeil(linear.getWeight().getType().getDimSize(0),
                                     rowsPerItem);
    count = builder_.getAffineConstantExpr(items);
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    count = count * attention.getCache().getType().getKvHeads();
  }
  return AffineMap::get(2, 0, count);
}

Value FunctionOutliner::getItems(AffineMap work) {
  Value &items = items_[work];
  if (items)
    return items;
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPoint(firstOperation_);
  Location loc = function_.getLoc();
  std::optional<SmallVector<Value, 8>> counts = affine::expandAffineMap(
      builder_, loc, work, ValueRange{tokens_, outputs_});
  items = counts->front();
  for (Value count : llvm::drop_begin(*counts))
    items = arith::MinSIOp::create(builder_, loc, items, count);
  return items;
}

void FunctionOutliner::dispatch(Location loc, StringRef operation,
                                ValueRange bindings, DictionaryAttr config,
                                AffineMap work, IntegerAttr layer) {
  KernelOp kernel = kernels_.getOrCreate(loc, *lookupKernelOperation(operation),
                                         bindings.getTypes(), config, work);
  DispatchOp::create(builder_, loc, FlatSymbolRefAttr::get(kernel),
                     getItems(work), bindings, layer);
  ++numDispatches_;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult FunctionOutliner::convertOperation(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](WeightOp weight) {
        buffers_.map(weight.getResult(), weight.getResult());
        return success();
      })
      .Case<SplitHeadsOp, MergeHeadsOp>(
          [&](auto view) { return convertView(view); })
      .Case([&](MoeOp moe) { return convertMoe(moe); })
      .Case([&](ComputeOpInterface compute) { return convertCompute(compute); })
      .Case([&](func::ReturnOp returned) -> LogicalResult {
        for (Value value : returned.getOperands())
          if (isa<CacheType>(value.getType()) && !cache_.isNewest(value))
            return returned.emitOpError()
                   << "expects the newest state of the cache but got an "
                      "earlier one";
        return success();
      })
      .Default([](Operation *other) {
        return other->emitOpError() << "expects an operation of the graph or "
                                       "fused level to outline but got another";
      });
}

DictionaryAttr FunctionOutliner::getConfig(Operation *op,
                                           const KernelOperation &kernel,
                                           Rows rows) {
  NamedAttrList config;
  for (StringRef name : kernel.attributes)
    if (Attribute value = op->getAttr(name))
      config.set(name, value);
  // The layers of a group share a kernel; a launch says which one it is for.
  if (auto layer = op->getAttrOfType<IntegerAttr>("layer"))
    config.set("group",
               builder_.getI64IntegerAttr(cacheType_.getGroup(layer.getInt())));
  if (auto linear = dyn_cast<LinearOp>(op)) {
    config.set("has_bias", builder_.getBoolAttr(bool(linear.getBias())));
    config.set("has_residual",
               builder_.getBoolAttr(bool(linear.getResidual())));
    config.set("rows", builder_.getStringAttr(
                           rows == Rows::Tokens ? "tokens" : "outputs"));
    if (isQuantized(linear.getWeight().getType()))
      config.set("quantized", builder_.getBoolAttr(true));
  }
  return config.getDictionary(builder_.getContext());
}

/// Location of a launch beside the one that `loc` names:
/// "layers.0.mlp.residual" gives "layers.0.mlp.router".
static Location getSiblingLoc(Location loc, StringRef name) {
  auto own = loc->findInstanceOf<NameLoc>();
  if (!own)
    return loc;
  StringRef parent = own.getName().getValue().rsplit('.').first;
  auto sibling = StringAttr::get(loc.getContext(), parent + "." + name);
  return NameLoc::get(sibling, own.getChildLoc());
}

Value FunctionOutliner::getProductInput(Location loc, Value buffer,
                                        AffineMap rows, WeightType weight) {
  if (!isQuantized(weight)) {
    if (!weight.isInt8())
      return buffer;
    emitError(loc) << "expects activation-parts of 1 or 2 with an i8 weight "
                      "but got 0";
    return {};
  }
  Value &quantized = quantized_[{buffer, weight.getElementType()}];
  if (quantized)
    return quantized;
  // A part of a block has two words beside its bytes; a row has one.
  ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
  int64_t blocks = shape[1] / WeightType::kBlock;
  int64_t rowBytes = blocks * activationParts_ * (WeightType::kBlock + 8) + 4;
  quantized = allocate(loc, {shape[0], rowBytes}, builder_.getI8Type());
  // Weights are stored as unsigned bytes: 12 + 2 w for a 4-bit one, 128 + w.
  auto number = [&](StringRef name, double value) {
    return builder_.getNamedAttr(name, builder_.getF64FloatAttr(value));
  };
  dispatch(
      loc, "quantize", {buffer, quantized},
      builder_.getDictionaryAttr({number("unit", weight.isInt8() ? 1.0 : 0.5),
                                  number("zero", weight.isInt8() ? 128 : 12)}),
      rows);
  return quantized;
}

LogicalResult FunctionOutliner::convertCompute(ComputeOpInterface op) {
  FailureOr<Rows> rows = inferRows(op);
  if (failed(rows))
    return failure();
  if (auto append = dyn_cast<CacheAppendOp>(*op)) {
    if (failed(cache_.append(append)))
      return failure();
    Value cache = buffers_.lookup(append.getCache());
    buffers_.map(append.getResult(), cache);
  }
  SmallVector<Value> bindings;
  Value updated;
  for (Value operand : op->getOperands()) {
    Value buffer = buffers_.lookup(operand);
    if (auto linear = dyn_cast<LinearOp>(*op); linear && bindings.empty()) {
      AffineExpr count =
          builder_.getAffineDimExpr(*rows == Rows::Tokens ? 0 : 1);
      buffer = getProductInput(getSiblingLoc(op->getLoc(), "quantize"), buffer,
                               AffineMap::get(2, 0, count),
                               linear.getWeight().getType());
      if (!buffer)
        return failure();
    }
    if (isa<CacheType>(operand.getType())) {
      if (isa<CacheAppendOp>(*op)) {
        // Bindings that are written come last.
        updated = buffer;
        continue;
      }
      auto layer = op->getAttrOfType<IntegerAttr>("layer");
      if (failed(cache_.read(op, operand, layer.getInt())))
        return failure();
    }
    bindings.push_back(buffer);
  }
  if (updated)
    bindings.push_back(updated);
  for (Value result : op->getResults()) {
    if (isa<CacheType>(result.getType()))
      continue;
    Value buffer = getResultBuffer(op, result);
    if (!buffer)
      return failure();
    bindings.push_back(buffer);
    rows_[result] = *rows;
  }
  StringRef name = op.getKernelOperation();
  dispatch(op->getLoc(), name, bindings,
           getConfig(op, *lookupKernelOperation(name), *rows),
           getWork(op, *rows), op->getAttrOfType<IntegerAttr>("layer"));
  return success();
}

LogicalResult FunctionOutliner::convertMoe(MoeOp op) {
  FailureOr<Rows> rows = inferRows(op);
  if (failed(rows))
    return failure();
  if (*rows != Rows::Tokens)
    return op.emitOpError() << "expects rows of tokens but got outputs";
  int64_t experts = op.getRouter().getType().getDimSize(0);
  int64_t k = op.getK();
  int64_t width = op.getDown().getType().getDimSize(2);
  int64_t columns = op.getDown().getType().getDimSize(1);
  auto bound = [&](Value operand) { return buffers_.lookup(operand); };
  Value input = bound(op.getInput());
  int64_t tokens = cast<MemRefType>(input.getType()).getDimSize(0);
  Type f32 = builder_.getF32Type(), i32 = builder_.getI32Type();
  AffineExpr count = builder_.getAffineDimExpr(0);
  auto constantWork = [&](int64_t items) {
    return AffineMap::get(2, 0, builder_.getAffineConstantExpr(items));
  };
  auto named = [&](StringRef name, Attribute value) {
    return builder_.getNamedAttr(name, value);
  };
  NamedAttribute kAttr = named("k", op.getKAttr());

  Location routerLoc = getSiblingLoc(op.getLoc(), "router");
  Value logits = allocate(routerLoc, {tokens, experts}, f32);
  dispatch(routerLoc, "linear",
           {input, bound(op.getRouter()), bound(op.getRouterBias()), logits},
           builder_.getDictionaryAttr(
               {named("has_bias", builder_.getBoolAttr(true)),
                named("has_residual", builder_.getBoolAttr(false)),
                named("rows", builder_.getStringAttr("tokens"))}),
           constantWork(llvm::divideCeil(experts, rowsPerItem)));

  Location routeLoc = getSiblingLoc(op.getLoc(), "route");
  Value weights = allocate(routeLoc, {tokens, k}, f32);
  Value chosen = allocate(routeLoc, {experts}, i32);
  Value offsets = allocate(routeLoc, {experts + 1}, i32);
  Value active = allocate(routeLoc, {1}, i32);
  Value slots = allocate(routeLoc, {tokens * k}, i32);
  dispatch(routeLoc, "route", {logits, weights, chosen, offsets, active, slots},
           builder_.getDictionaryAttr({kAttr}), constantWork(1));

  // One item is a panel of rows of an active expert.
  Location gateUpLoc = getSiblingLoc(op.getLoc(), "expert_gate_up");
  Value hidden = allocate(gateUpLoc, {tokens * k, width}, f32);
  int64_t panels = llvm::divideCeil(2 * width, rowsPerItem);
  AffineExpr most[] = {builder_.getAffineConstantExpr(experts * panels),
                       count * (k * panels)};
  Value gateUpInput =
      getProductInput(getSiblingLoc(op.getLoc(), "quantize"), input,
                      AffineMap::get(2, 0, count), op.getGateUp().getType());
  if (!gateUpInput)
    return failure();
  NamedAttrList gateUpConfig(
      ArrayRef<NamedAttribute>{named("alpha", op.getAlphaAttr()), kAttr,
                               named("limit", op.getLimitAttr())});
  if (isQuantized(op.getGateUp().getType()))
    gateUpConfig.set("quantized", builder_.getBoolAttr(true));
  dispatch(gateUpLoc, "expert_gate_up",
           {gateUpInput, chosen, offsets, active, slots, bound(op.getGateUp()),
            bound(op.getGateUpBias()), hidden},
           gateUpConfig.getDictionary(builder_.getContext()),
           AffineMap::get(2, 0, most, builder_.getContext()));

  Value downInput =
      getProductInput(getSiblingLoc(op.getLoc(), "quantize_hidden"), hidden,
                      AffineMap::get(2, 0, count * k), op.getDown().getType());
  if (!downInput)
    return failure();
  SmallVector<Value> bindings = {downInput,
                                 chosen,
                                 offsets,
                                 active,
                                 slots,
                                 weights,
                                 bound(op.getDown()),
                                 bound(op.getDownBias())};
  if (op.getResidual())
    bindings.push_back(bound(op.getResidual()));
  Value output = getResultBuffer(op, op.getResult());
  if (!output)
    return failure();
  bindings.push_back(output);
  NamedAttrList downConfig(ArrayRef<NamedAttribute>{
      named("has_residual", builder_.getBoolAttr(bool(op.getResidual()))),
      kAttr});
  if (isQuantized(op.getDown().getType()))
    downConfig.set("quantized", builder_.getBoolAttr(true));
  dispatch(op.getLoc(), "expert_down", bindings,
           downConfig.getDictionary(builder_.getContext()),
           constantWork(llvm::divideCeil(columns, rowsPerItem)));
  rows_[op.getResult()] = *rows;
  return success();
}
