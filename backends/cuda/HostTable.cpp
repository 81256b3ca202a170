//===- HostTable.cpp - The launches of kernels as data --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes goss_cuda_code (runtime/abi/CudaAbi.h) and what it points to as
// constants of the host's module.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CodeGen.h"
#include "backends/cuda/CudaTarget.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gossamer::cuda {

// The structures below are written field by field.
static_assert(sizeof(goss_cuda_extent) == 16);
static_assert(sizeof(goss_cuda_stage) == 72);
static_assert(sizeof(goss_cuda_variant) == 32);
static_assert(sizeof(goss_cuda_kernel) == 24);
static_assert(sizeof(goss_cuda_code) == 72);

namespace {

class TableWriter {
public:
  explicit TableWriter(ModuleOp module)
      : b_(module.getContext()), loc_(module.getLoc()),
        ptr_(LLVM::LLVMPointerType::get(b_.getContext())),
        i32_(b_.getI32Type()), i64_(b_.getI64Type()) {
    b_.setInsertionPointToEnd(module.getBody());
    extent_ = structOf({i32_, i32_, i32_, i32_});
    grid_ = LLVM::LLVMArrayType::get(extent_, 3);
    stage_ = structOf({ptr_, grid_, i32_, i32_, i32_, i32_});
    variant_ = structOf({i32_, i32_, ptr_, extent_});
    kernel_ = structOf({i32_, i32_, i32_, i32_, ptr_});
    code_ = structOf(
        {i32_, i32_, ptr_, i32_, i32_, ptr_, ptr_, i64_, ptr_, i64_, ptr_});
  }

  void write(const LaunchTable &launches, const TargetOptions &options,
             StringRef ptx, StringRef cubin);

private:
  using Fill = llvm::function_ref<Value(size_t)>;

  Type structOf(ArrayRef<Type> fields) {
    return LLVM::LLVMStructType::getLiteral(b_.getContext(), fields);
  }
  std::string nextName() { return "goss_cuda." + std::to_string(globals_++); }
  Value number(Type type, uint64_t value) {
    return LLVM::ConstantOp::create(
        b_, loc_, type, b_.getIntegerAttr(type, static_cast<int64_t>(value)));
  }
  Value addressOf(LLVM::GlobalOp global) {
    return global ? Value(LLVM::AddressOfOp::create(b_, loc_, global))
                  : Value(LLVM::ZeroOp::create(b_, loc_, ptr_));
  }
  Value aggregate(Type type, ArrayRef<Value> fields) {
    Value value = LLVM::PoisonOp::create(b_, loc_, type);
    for (auto [i, field] : llvm::enumerate(fields))
      value = LLVM::InsertValueOp::create(b_, loc_, value, field, i);
    return value;
  }
  Value makeExtent(const Extent &extent) {
    return aggregate(
        extent_, {number(i32_, extent.quantity), number(i32_, extent.divisor),
                  number(i32_, extent.scale), number(i32_, extent.limit)});
  }

  LLVM::GlobalOp bytes(StringRef value);
  /// A constant whose value `fill` makes.
  LLVM::GlobalOp global(StringRef name, LLVM::Linkage linkage, Type type,
                        llvm::function_ref<Value()> fill);
  LLVM::GlobalOp array(Type element, size_t count, Fill fill);
  LLVM::GlobalOp stages(const Variant &variant);
  LLVM::GlobalOp variants(const KernelLaunches &kernel);
  LLVM::GlobalOp kernels(ArrayRef<KernelLaunches> launches);

  OpBuilder b_;
  Location loc_;
  Type ptr_, i32_, i64_, extent_, grid_, stage_, variant_, kernel_, code_;
  unsigned globals_ = 0;
};

} // namespace

LLVM::GlobalOp TableWriter::bytes(StringRef value) {
  auto type = LLVM::LLVMArrayType::get(b_.getI8Type(), value.size());
  return LLVM::GlobalOp::create(b_, loc_, type, /*isConstant=*/true,
                                LLVM::Linkage::Internal, nextName(),
                                b_.getStringAttr(value), /*alignment=*/64);
}

LLVM::GlobalOp TableWriter::global(StringRef name, LLVM::Linkage linkage,
                                   Type type,
                                   llvm::function_ref<Value()> fill) {
  auto global = LLVM::GlobalOp::create(b_, loc_, type, /*isConstant=*/true,
                                       linkage, name, Attribute());
  OpBuilder::InsertionGuard guard(b_);
  b_.createBlock(&global.getInitializerRegion());
  LLVM::ReturnOp::create(b_, loc_, fill());
  return global;
}

LLVM::GlobalOp TableWriter::array(Type element, size_t count, Fill fill) {
  Type type = LLVM::LLVMArrayType::get(element, count);
  return global(nextName(), LLVM::Linkage::Internal, type, [&] {
    SmallVector<Value> values;
    for (size_t i = 0; i < count; ++i)
      values.push_back(fill(i));
    return aggregate(type, values);
  });
}

static std::string terminated(StringRef text) {
  return text.str() + std::string(1, '\0');
}

LLVM::GlobalOp TableWriter::stages(const Variant &variant) {
  SmallVector<LLVM::GlobalOp> names;
  for (const Stage &stage : variant.stages)
    names.push_back(bytes(terminated(stage.symbol)));
  return array(stage_, variant.stages.size(), [&](size_t i) {
    const Stage &stage = variant.stages[i];
    SmallVector<Value> grid;
    for (const Extent &extent : stage.grid)
      grid.push_back(makeExtent(extent));
    return aggregate(
        stage_, {addressOf(names[i]), aggregate(grid_, grid),
                 number(i32_, stage.block), number(i32_, stage.sharedBytes),
                 number(i32_, stage.dynamicSharedBytes), number(i32_, 0)});
  });
}

LLVM::GlobalOp TableWriter::variants(const KernelLaunches &kernel) {
  SmallVector<LLVM::GlobalOp> stagesOf;
  for (const Variant &variant : kernel.variants)
    stagesOf.push_back(stages(variant));
  return array(variant_, kernel.variants.size(), [&](size_t i) {
    const Variant &variant = kernel.variants[i];
    return aggregate(variant_,
                     {number(i32_, variant.maxRows),
                      number(i32_, variant.stages.size()),
                      addressOf(stagesOf[i]), makeExtent(variant.scratch)});
  });
}

LLVM::GlobalOp TableWriter::kernels(ArrayRef<KernelLaunches> launches) {
  SmallVector<LLVM::GlobalOp> variantsOf;
  for (const KernelLaunches &kernel : launches)
    variantsOf.push_back(variants(kernel));
  return array(kernel_, launches.size(), [&](size_t i) {
    const KernelLaunches &kernel = launches[i];
    return aggregate(kernel_, {number(i32_, kernel.numBindings),
                               number(i32_, kernel.rows),
                               number(i32_, kernel.variants.size()),
                               number(i32_, 0), addressOf(variantsOf[i])});
  });
}

void TableWriter::write(const LaunchTable &launches,
                        const TargetOptions &options, StringRef ptx,
                        StringRef cubin) {
  LLVM::GlobalOp table = kernels(launches.kernels);
  LLVM::GlobalOp choice =
      launches.choice.empty() ? LLVM::GlobalOp() : kernels(launches.choice);
  const Chip &chip = chipOf(options);
  LLVM::GlobalOp chipName = bytes(terminated(chip.name));
  LLVM::GlobalOp ptxText = bytes(terminated(ptx));
  LLVM::GlobalOp cubinBytes = cubin.empty() ? LLVM::GlobalOp() : bytes(cubin);
  global("goss_cuda", LLVM::Linkage::External, code_, [&] {
    return aggregate(code_, {number(i32_, GOSS_CUDA_ABI_VERSION),
                             number(i32_, sizeof(goss_cuda_code)),
                             addressOf(chipName), number(i32_, chip.ptxVersion),
                             number(i32_, launches.kernels.size()),
                             addressOf(table), addressOf(ptxText),
                             number(i64_, ptx.size()), addressOf(cubinBytes),
                             number(i64_, cubin.size()), addressOf(choice)});
  });
}

void addLaunchTable(ModuleOp host, const LaunchTable &launches,
                    const TargetOptions &options, StringRef ptx,
                    StringRef cubin) {
  TableWriter(host).write(launches, options, ptx, cubin);
}

} // namespace gossamer::cuda
