//===- GptOssGraphOps.cpp - Operations of the graph level -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"
#include "ir/Verification.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::gptoss;
using namespace mlir::gptoss::detail;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

LogicalResult ParameterOp::verify() {
  size_t tensors = getWeightType().isMxFp4() ? 2 : 1;
  if (getSources().size() != tensors)
    return emitOpError() << "expects " << tensors
                         << (tensors == 1 ? " source" : " sources")
                         << " but got " << getSources().size();
  for (auto source : getSources().getAsRange<StringAttr>())
    if (source.empty())
      return emitOpError() << "expects sources to have a name but got \"\"";
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto parameter =
      symbols.lookupNearestSymbolFrom<ParameterOp>(*this, getParameterAttr());
  if (!parameter)
    return emitOpError() << "expects the symbol of a gptoss.parameter but got "
                         << getParameterAttr();
  if (parameter.getType() != getType())
    return emitOpError() << "expects the type of the parameter "
                         << parameter.getType() << " but got " << getType();
  return success();
}

void WeightOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getResult(), getParameter());
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location>,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto tokens = dyn_cast<RankedTensorType>(adaptor.getTokens().getType());
  auto table = dyn_cast<WeightType>(adaptor.getTable().getType());
  if (!tokens || !table || tokens.getRank() != 1 || table.getRank() != 2)
    return failure();
  results.push_back(
      activation(context, {tokens.getDimSize(0), table.getDimSize(1)}));
  return success();
}

LogicalResult RmsNormOp::verify() {
  if (failed(verifyDim(*this, "elements of the weight",
                       getInput().getType().getDimSize(1),
                       getWeight().getType().getDimSize(0))))
    return failure();
  return verifyPositive(*this, "eps", getEps());
}

LogicalResult LinearOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  auto weight = dyn_cast<WeightType>(adaptor.getWeight().getType());
  if (!input || !weight || input.getRank() != 2 || weight.getRank() != 2)
    return failure();
  results.push_back(
      activation(context, {input.getDimSize(0), weight.getDimSize(0)}));
  return success();
}

LogicalResult LinearOp::verify() {
  WeightType weight = getWeight().getType();
  if (failed(verifyDim(*this, "columns of the weight",
                       getInput().getType().getDimSize(1),
                       weight.getDimSize(1))))
    return failure();
  if (getBias() &&
      failed(verifyDim(*this, "elements of the bias", weight.getDimSize(0),
                       getBias().getType().getDimSize(0))))
    return failure();
  if (getResidual() && getResidual().getType() != getType())
    return emitOpError() << "expects a residual of type " << getType()
                         << " but got " << getResidual().getType();
  if (weight.getLayout() != WeightLayout::RowMajor &&
      weight.getLayout() != WeightLayout::RowPanel)
    return emitOpError()
           << "expects a weight of layout row_major or row_panel but got "
           << stringifyWeightLayout(weight.getLayout());
  return success();
}

LogicalResult GatherRowsOp::inferReturnTypes(MLIRContext *context,
                                             std::optional<Location>,
                                             Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  auto rows = dyn_cast<RankedTensorType>(adaptor.getRows().getType());
  if (!input || !rows || input.getRank() != 2 || rows.getRank() != 1)
    return failure();
  results.push_back(
      activation(context, {rows.getDimSize(0), input.getDimSize(1)}));
  return success();
}

//===----------------------------------------------------------------------===//
// Heads and rotary embedding
//===----------------------------------------------------------------------===//

StringRef SplitHeadsOp::getKernelOperation() { return ""; }

StringRef MergeHeadsOp::getKernelOperation() { return ""; }

void SplitHeadsOp::build(OpBuilder &builder, OperationState &state, Value input,
                         int64_t headDim) {
  auto type = cast<RankedTensorType>(input.getType());
  build(builder, state,
        activation(builder.getContext(),
                   {type.getDimSize(0), type.getDimSize(1) / headDim, headDim}),
        input);
}

LogicalResult SplitHeadsOp::verify() {
  RankedTensorType rows = getInput().getType(), heads = getType();
  if (failed(verifyDim(*this, "heads times head dimension", rows.getDimSize(1),
                       multiplyDims(heads.getDimSize(1), heads.getDimSize(2)))))
    return failure();
  return verifyTokens(*this, rows, heads);
}

OpFoldResult SplitHeadsOp::fold(FoldAdaptor) {
  auto merge = getInput().getDefiningOp<MergeHeadsOp>();
  return merge && merge.getInput().getType() == getType() ? merge.getInput()
                                                          : Value();
}

LogicalResult MergeHeadsOp::inferReturnTypes(MLIRContext *context,
                                             std::optional<Location>,
                                             Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() != 3)
    return failure();
  results.push_back(activation(
      context, {input.getDimSize(0),
                multiplyDims(input.getDimSize(1), input.getDimSize(2))}));
  return success();
}

OpFoldResult MergeHeadsOp::fold(FoldAdaptor) {
  auto split = getInput().getDefiningOp<SplitHeadsOp>();
  return split && split.getInput().getType() == getType() ? split.getInput()
                                                          : Value();
}

void RopeTableOp::build(OpBuilder &builder, OperationState &state,
                        Value positions, RopeAttr rope, int64_t headDim) {
  auto type = cast<RankedTensorType>(positions.getType());
  Type half =
      activation(builder.getContext(), {type.getDimSize(0), headDim / 2});
  build(builder, state, half, half, positions, rope);
}

LogicalResult RopeTableOp::verify() {
  return verifyTokens(*this, getPositions().getType(), getCos().getType());
}

void RopeTableOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getCos(), "cos");
  setName(getSin(), "sin");
}

LogicalResult SplitHalfOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> location,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() != 3)
    return failure();
  if (input.getDimSize(2) % 2 != 0)
    return emitOptionalError(location,
                             "'gptoss.split_half' op expects an even head "
                             "dimension but got ",
                             input.getDimSize(2));
  results.assign(2,
                 activation(context, {input.getDimSize(0), input.getDimSize(1),
                                      halveDim(input.getDimSize(2))}));
  return success();
}

LogicalResult SplitHalfOp::fold(FoldAdaptor,
                                SmallVectorImpl<OpFoldResult> &results) {
  auto merge = getInput().getDefiningOp<MergeHalfOp>();
  if (!merge)
    return failure();
  results.assign({merge.getLow(), merge.getHigh()});
  return success();
}

LogicalResult RotateOp::verify() {
  RankedTensorType half = getLow().getType(), table = getCos().getType();
  if (failed(verifyDim(*this, "columns of the tables", half.getDimSize(2),
                       table.getDimSize(1))))
    return failure();
  return verifyTokens(*this, half, table);
}

LogicalResult MergeHalfOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location>,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto half = dyn_cast<RankedTensorType>(adaptor.getLow().getType());
  if (!half || half.getRank() != 3)
    return failure();
  results.push_back(activation(context, {half.getDimSize(0), half.getDimSize(1),
                                         multiplyDims(half.getDimSize(2), 2)}));
  return success();
}

OpFoldResult MergeHalfOp::fold(FoldAdaptor) {
  auto split = getLow().getDefiningOp<SplitHalfOp>();
  if (split && getLow() == split.getLow() && getHigh() == split.getHigh())
    return split.getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult CacheAppendOp::verify() {
  CacheType cache = getCache().getType();
  RankedTensorType key = getKey().getType();
  if (failed(verifyLayer(*this, cache, getLayer())) ||
      failed(verifyDim(*this, "key heads", cache.getKvHeads(),
                       key.getDimSize(1))) ||
      failed(verifyDim(*this, "head dimension of keys", cache.getHeadDim(),
                       key.getDimSize(2))))
    return failure();
  return verifyTokens(*this, key, getPositions().getType());
}

LogicalResult
AttentionScoresOp::inferReturnTypes(MLIRContext *context,
                                    std::optional<Location>, Adaptor adaptor,
                                    SmallVectorImpl<Type> &results) {
  auto query = dyn_cast<RankedTensorType>(adaptor.getQuery().getType());
  if (!query || query.getRank() != 3)
    return failure();
  results.push_back(
      activation(context, {query.getDimSize(0), query.getDimSize(1),
                           ShapedType::kDynamic}));
  return success();
}

LogicalResult AttentionScoresOp::verify() {
  RankedTensorType query = getQuery().getType();
  if (failed(verifyQueries(*this, query)))
    return failure();
  return verifyTokens(*this, query, getSequences().getType());
}

LogicalResult MaskOp::verify() {
  if (failed(verifyWindow(*this, getWindow())))
    return failure();
  return verifyTokens(*this, getScores().getType(), getPositions().getType());
}

OpFoldResult MaskOp::fold(FoldAdaptor) {
  auto inner = getScores().getDefiningOp<MaskOp>();
  if (inner && inner.getPositions() == getPositions() &&
      inner.getWindow() == getWindow())
    return inner.getResult();
  return {};
}

LogicalResult SoftmaxSinkOp::verify() {
  return verifyDim(*this, "sinks", getScores().getType().getDimSize(1),
                   getSinks().getType().getDimSize(0));
}

LogicalResult
AttentionValuesOp::inferReturnTypes(MLIRContext *context,
                                    std::optional<Location>, Adaptor adaptor,
                                    SmallVectorImpl<Type> &results) {
  auto probabilities =
      dyn_cast<RankedTensorType>(adaptor.getProbabilities().getType());
  auto cache = dyn_cast<CacheType>(adaptor.getCache().getType());
  if (!probabilities || !cache || probabilities.getRank() != 3)
    return failure();
  results.push_back(
      activation(context, {probabilities.getDimSize(0),
                           probabilities.getDimSize(1), cache.getHeadDim()}));
  return success();
}

LogicalResult AttentionValuesOp::verify() {
  CacheType cache = getCache().getType();
  RankedTensorType probabilities = getProbabilities().getType();
  if (failed(verifyLayer(*this, cache, getLayer())) ||
      failed(verifyQueryHeads(*this, cache, probabilities)))
    return failure();
  return verifyTokens(*this, probabilities, getSequences().getType());
}

//===----------------------------------------------------------------------===//
// Mixture of experts
//===----------------------------------------------------------------------===//

LogicalResult TopKOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location> location,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() != 2)
    return failure();
  auto k = static_cast<int64_t>(adaptor.getK());
  if (k < 1)
    return emitOptionalError(
        location, "'gptoss.top_k' op expects k of at least 1 but got ", k);
  RankedTensorType values = activation(context, {input.getDimSize(0), k});
  results.push_back(values);
  results.push_back(values.clone(IntegerType::get(context, 32)));
  return success();
}

LogicalResult TopKOp::verify() {
  return verifyChoice(*this, getK(), getInput().getType().getDimSize(1));
}

void TopKOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getValues(), "values");
  setName(getIndices(), "indices");
}

LogicalResult ExpertLinearOp::inferReturnTypes(MLIRContext *context,
                                               std::optional<Location>,
                                               Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  auto indices = dyn_cast<RankedTensorType>(adaptor.getIndices().getType());
  auto weight = dyn_cast<WeightType>(adaptor.getWeight().getType());
  if (!indices || !weight || indices.getRank() != 2 || weight.getRank() != 3)
    return failure();
  results.push_back(
      activation(context, {indices.getDimSize(0), indices.getDimSize(1),
                           weight.getDimSize(1)}));
  return success();
}

LogicalResult ExpertLinearOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  RankedTensorType indices = getIndices().getType();
  WeightType weight = getWeight().getType(), bias = getBias().getType();
  if (failed(verifyDim(*this, "columns of the weight",
                       input.getDimSize(input.getRank() - 1),
                       weight.getDimSize(2))) ||
      failed(verifyDim(*this, "experts of the bias", weight.getDimSize(0),
                       bias.getDimSize(0))) ||
      failed(verifyDim(*this, "columns of the bias", weight.getDimSize(1),
                       bias.getDimSize(1))))
    return failure();
  if (input.getRank() == 3 &&
      failed(verifyDim(*this, "experts a token of the input",
                       indices.getDimSize(1), input.getDimSize(1))))
    return failure();
  return verifyTokens(*this, input, indices);
}

LogicalResult SwigluOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() != 3)
    return failure();
  if (input.getDimSize(2) % 2 != 0)
    return emitOptionalError(
        location, "'gptoss.swiglu' op expects an even last dimension but got ",
        input.getDimSize(2));
  results.push_back(
      activation(context, {input.getDimSize(0), input.getDimSize(1),
                           halveDim(input.getDimSize(2))}));
  return success();
}

LogicalResult SwigluOp::verify() {
  return verifyGate(*this, getAlpha(), getLimit());
}

LogicalResult WeightedSumOp::inferReturnTypes(MLIRContext *context,
                                              std::optional<Location>,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &results) {
  auto input = dyn_cast<RankedTensorType>(adaptor.getInput().getType());
  if (!input || input.getRank() != 3)
    return failure();
  results.push_back(
      activation(context, {input.getDimSize(0), input.getDimSize(2)}));
  return success();
}

LogicalResult WeightedSumOp::verify() {
  RankedTensorType input = getInput().getType(),
                   weights = getWeights().getType();
  if (failed(verifyDim(*this, "weights a token", input.getDimSize(1),
                       weights.getDimSize(1))))
    return failure();
  return verifyTokens(*this, input, weights);
}
