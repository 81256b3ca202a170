//===- GptOssTypes.cpp - Types of the dialect -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::gptoss;

#define GET_TYPEDEF_CLASSES
#include "ir/GptOssTypes.cpp.inc"

void GptOssDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/GptOssTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// WeightType
//===----------------------------------------------------------------------===//

/// Parses `keyword =`.
static ParseResult parseKey(AsmParser &parser, StringRef &key) {
  return failure(parser.parseKeyword(&key) || parser.parseEqual());
}

Type WeightType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType, scaleType;
  int64_t blockSize = 0;
  auto layout = WeightLayout::RowMajor;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType))
    return Type();
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key, value;
    SMLoc keyLoc = parser.getCurrentLocation();
    if (parseKey(parser, key))
      return Type();
    if (key == "scale") {
      if (parser.parseType(scaleType))
        return Type();
    } else if (key == "block") {
      if (parser.parseInteger(blockSize))
        return Type();
    } else if (key == "layout") {
      if (parser.parseKeyword(&value))
        return Type();
      std::optional<WeightLayout> parsed = symbolizeWeightLayout(value);
      if (!parsed) {
        parser.emitError(keyLoc)
            << "expects a layout (row_major, transposed, published, row_panel) "
               "but got '"
            << value << "'";
        return Type();
      }
      layout = *parsed;
    } else {
      parser.emitError(keyLoc)
          << "expects scale, block or layout but got '" << key << "'";
      return Type();
    }
  }
  if (parser.parseGreater())
    return Type();
  return parser.getChecked<WeightType>(loc, parser.getContext(), shape,
                                       elementType, scaleType, blockSize,
                                       layout);
}

void WeightType::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printDimensionList(getShape());
  printer << 'x' << getElementType();
  if (getScaleType())
    printer << ", scale = " << getScaleType() << ", block = " << getBlockSize();
  if (getLayout() != WeightLayout::RowMajor)
    printer << ", layout = " << stringifyWeightLayout(getLayout());
  printer << '>';
}

/// What blocks of an element need.
static LogicalResult verifyBlocks(function_ref<InFlightDiagnostic()> emitError,
                                  ArrayRef<int64_t> shape, Type elementType,
                                  Type scaleType, int64_t blockSize,
                                  WeightLayout layout) {
  bool fourBit = isa<Float4E2M1FNType>(elementType);
  int64_t row = shape.back();
  bool isBlock = blockSize == WeightType::kBlock;
  bool fits = fourBit
                  ? isBlock && isa_and_present<Float8E8M0FNUType>(scaleType) &&
                        (layout == WeightLayout::Published ||
                         layout == WeightLayout::RowPanel)
                  : (isBlock || blockSize == row) &&
                        isa_and_present<BFloat16Type>(scaleType) &&
                        layout == WeightLayout::RowPanel;
  if (!fits) {
    InFlightDiagnostic diag = emitError();
    diag << "expects scale = " << (fourBit ? "f8E8M0FNU" : "bf16")
         << ", block = " << WeightType::kBlock;
    if (!fourBit && row != WeightType::kBlock)
      diag << " or " << row;
    diag << ", layout = " << (fourBit ? "published or row_panel" : "row_panel")
         << " with " << elementType << " elements but got ";
    if (scaleType)
      diag << "scale = " << scaleType << ", block = " << blockSize;
    else
      diag << "no scale";
    return diag << ", layout = " << stringifyWeightLayout(layout);
  }
  if (shape.size() < 2)
    return emitError() << "expects a weight with blocks of rank 2 or 3 but got "
                          "rank "
                       << shape.size();
  if (row % WeightType::kBlock != 0)
    return emitError() << "expects a last dimension that is a multiple of "
                       << WeightType::kBlock << " but got " << row;
  return success();
}

LogicalResult WeightType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType,
                                 Type scaleType, int64_t blockSize,
                                 WeightLayout layout) {
  if (shape.empty() || shape.size() > 3)
    return emitError() << "expects a weight of rank 1, 2 or 3 but got rank "
                       << shape.size();
  for (int64_t dim : shape)
    if (dim <= 0)
      return emitError() << "expects positive dimensions but got " << dim;
  if (isa<Float4E2M1FNType>(elementType) || elementType.isInteger(8))
    return verifyBlocks(emitError, shape, elementType, scaleType, blockSize,
                        layout);
  if (!isa<BFloat16Type, Float16Type, Float32Type>(elementType))
    return emitError()
           << "expects an element of bf16, f16, f32, f4E2M1FN or i8 but got "
           << elementType;
  if (scaleType || blockSize != 0 || layout == WeightLayout::Published ||
      layout == WeightLayout::RowPanel)
    return emitError() << "expects no scale, block, published or row_panel "
                          "layout with "
                       << elementType << " elements but got one";
  if (layout == WeightLayout::Transposed && shape.size() < 2)
    return emitError() << "expects a transposed weight of rank 2 or 3 but got "
                          "rank "
                       << shape.size();
  return success();
}

WeightType WeightType::getMxFp4(MLIRContext *context, ArrayRef<int64_t> shape) {
  return get(context, shape, Float4E2M1FNType::get(context),
             Float8E8M0FNUType::get(context), kBlock, WeightLayout::Published);
}

WeightType WeightType::getInt8(MLIRContext *context, ArrayRef<int64_t> shape,
                               int64_t block) {
  return get(context, shape, IntegerType::get(context, 8),
             BFloat16Type::get(context), block, WeightLayout::RowPanel);
}

int64_t WeightType::getNumElements() const {
  return ShapedType::getNumElements(getShape());
}

SmallVector<MemRefType> WeightType::getStorageTypes() const {
  SmallVector<int64_t> shape(getShape());
  auto byte = IntegerType::get(getContext(), 8);
  if (getLayout() == WeightLayout::RowPanel) {
    // A word is four bytes of each row.
    int64_t words = isMxFp4() ? kBlock / 8 : kBlock / 4;
    shape[shape.size() - 2] =
        llvm::divideCeil(shape[shape.size() - 2], kPanelRows);
    SmallVector<int64_t> scales(shape);
    scales.back() /= getBlockSize();
    scales.push_back(kPanelRows);
    shape.back() /= kBlock;
    shape.append({words, kPanelRows, 4});
    return {MemRefType::get(shape, byte),
            MemRefType::get(scales, isMxFp4() ? Type(byte) : getScaleType())};
  }
  if (isMxFp4()) {
    shape.back() /= getBlockSize();
    auto scales = MemRefType::get(shape, byte);
    shape.push_back(getBlockSize() / 2);
    return {MemRefType::get(shape, byte), scales};
  }
  if (getLayout() == WeightLayout::Transposed)
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return {MemRefType::get(shape, getElementType())};
}

int64_t WeightType::getStorageBytes() const {
  int64_t bytes = 0;
  for (MemRefType type : getStorageTypes())
    bytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return bytes;
}

//===----------------------------------------------------------------------===//
// CacheType
//===----------------------------------------------------------------------===//

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                Type elementType, int64_t kvHeads,
                                int64_t headDim, int64_t pageTokens,
                                int64_t maxContext, ArrayRef<int64_t> windows,
                                ArrayRef<int64_t> layerGroups) {
  if (!elementType.isF32() && !elementType.isBF16())
    return emitError() << "expects an element of f32 or bf16 but got "
                       << elementType;
  const std::pair<StringRef, int64_t> sizes[] = {{"kv_heads", kvHeads},
                                                 {"head_dim", headDim},
                                                 {"page_tokens", pageTokens},
                                                 {"max_context", maxContext}};
  for (auto [name, value] : sizes)
    if (value <= 0)
      return emitError() << "expects a positive " << name << " but got "
                         << value;
  if (windows.empty())
    return emitError() << "expects at least one group of layers but got none";
  for (auto [i, window] : llvm::enumerate(windows)) {
    if (window < 0)
      return emitError() << "expects windows of at least 0 but got " << window;
    if (llvm::is_contained(windows.take_front(i), window))
      return emitError() << "expects groups of different windows but got "
                         << window << " twice";
  }
  auto groups = static_cast<int64_t>(windows.size());
  for (int64_t group : layerGroups)
    if (group < 0 || group >= groups)
      return emitError() << "expects layers in groups 0 to " << groups - 1
                         << " but got " << group;
  for (int64_t group = 0; group < groups; ++group)
    if (!llvm::is_contained(layerGroups, group))
      return emitError() << "expects every group to have a layer but got none "
                            "in group "
                         << group;
  return success();
}

int64_t CacheType::getSlot(int64_t layer) const {
  return llvm::count(getLayerGroups().take_front(layer), getGroup(layer));
}

int64_t CacheType::getNumSlots(int64_t group) const {
  return llvm::count(getLayerGroups(), group);
}

int64_t CacheType::getLayerBytes() const {
  return getElementBytes() * getKvHeads() * getPageTokens() *
         (getHeadDim() + getHeadDimPadded());
}

int64_t CacheType::getPageBytes(int64_t group) const {
  return getNumSlots(group) * getLayerBytes();
}

int64_t CacheType::getMaxPages() const {
  return llvm::divideCeil(getMaxContext(), getPageTokens());
}
