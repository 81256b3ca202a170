//===- ValidationText.cpp - A validation for a terminal -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"
#include "tools/validate/ValidationPrinters.h"

#include <array>
#include <cstdio>

namespace gossamer::tools {

std::string outcomeText(proto::Verdict::Outcome outcome) {
  switch (outcome) {
  case proto::Verdict::PASSED:
    return "passed";
  case proto::Verdict::FAILED:
    return "FAILED";
  case proto::Verdict::SKIPPED:
    return "skipped";
  default:
    return "measured";
  }
}

static std::string formatShort(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

static std::string printChecks(const proto::Validation &validation) {
  TextTable table({{"check"}, {"result"}, {"time", true}, {"seen"}});
  for (const proto::Verdict &verdict : validation.checks()) {
    std::string seen = printable(verdict.summary());
    if (verdict.outcome() == proto::Verdict::FAILED && !verdict.limit().empty())
      seen += " (expects " + verdict.limit() + ")";
    table.addRow({verdict.name(), outcomeText(verdict.outcome()),
                  verdict.outcome() == proto::Verdict::SKIPPED
                      ? ""
                      : formatSeconds(verdict.seconds()),
                  seen});
  }
  return table.print();
}

static std::string printStrategies(const proto::Validation &validation) {
  TextTable table({{"strategy"},
                   {"tokens", true},
                   {"chi-square", true},
                   {"degrees", true},
                   {"p", true},
                   {"repeats"}});
  for (const proto::StrategyCheck &check : validation.strategies()) {
    bool isDrawn = check.draws() > 0;
    table.addRow({check.name(), isDrawn ? formatCount(check.candidates()) : "",
                  isDrawn ? formatFixed(check.statistic(), 1) : "",
                  isDrawn ? formatCount(check.degrees()) : "",
                  isDrawn ? formatShort(check.p_value()) : "",
                  check.tokens().empty() ? ""
                  : check.repeats()      ? "yes"
                                         : "NO"});
  }
  return table.isEmpty() ? "" : "\n" + table.print();
}

static std::string printRates(const proto::Validation &validation) {
  TextTable table({{"length", true},
                   {"prompt tokens/s", true},
                   {"decoded tokens/s", true},
                   {"first token", true}});
  for (const proto::RateMeasurement &rate : validation.rates())
    table.addRow({formatCount(rate.length()),
                  formatFixed(rate.prompt_rate(), 1),
                  formatFixed(rate.decode_rate(), 1),
                  formatSeconds(rate.first_token_seconds())});
  return table.isEmpty() ? "" : "\n" + table.print();
}

std::string printValidationText(const proto::Validation &validation) {
  return printChecks(validation) + printStrategies(validation) +
         printRates(validation);
}

} // namespace gossamer::tools
