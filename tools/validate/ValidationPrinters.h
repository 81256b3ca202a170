//===- ValidationPrinters.h - What a validation found, as text --*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_VALIDATIONPRINTERS_H
#define GOSSAMER_TOOLS_VALIDATE_VALIDATIONPRINTERS_H

#include "tools/validate/validation.pb.h"

#include <string>

namespace gossamer::tools {

/// "passed", "FAILED", "skipped" or "measured".
std::string outcomeText(proto::Verdict::Outcome outcome);

/// Tables for a terminal: the checks, the strategies, the rates.
std::string printValidationText(const proto::Validation &validation);

/// One self-contained page without scripts, with plots as inline SVG; opens
/// without a network, in light and dark.
std::string printValidationHtml(const proto::Validation &validation);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_VALIDATIONPRINTERS_H
