//===- GptOssDialect.cpp - Registration of the dialect ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::gptoss;

#include "ir/GptOssDialect.cpp.inc"
#include "ir/GptOssEnums.cpp.inc"
#include "ir/GptOssInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/GptOssAttributes.cpp.inc"

void GptOssDialect::initialize() {
  registerTypes();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/GptOssAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/GptOssOps.cpp.inc"
      >();
}

void gptoss::printReal(AsmPrinter &printer, Real real) {
  std::string text;
  for (int digits = 6; digits <= 17; ++digits) {
    text.clear();
    llvm::raw_string_ostream(text) << llvm::format("%.*g", digits, real.value);
    double back = 0;
    if (!StringRef(text).getAsDouble(back) && Real(back) == real)
      break;
  }
  // A float literal has a point before its exponent.
  if (text.find_first_not_of("-0123456789") == std::string::npos)
    text += ".0";
  else if (size_t e = text.find('e');
           e != std::string::npos && text.find('.') == std::string::npos)
    text.insert(e, ".0");
  printer.getStream() << text;
}

FailureOr<Real> FieldParser<Real>::parse(AsmParser &parser) {
  double value = 0;
  if (parser.parseFloat(value))
    return failure();
  return Real(value);
}
