//===- Diff.cpp - goss diff -----------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/Commands.h"
#include "tools/goss/ModelReport.h"
#include "tools/report/CodeReport.h"
#include "tools/report/ReportDiff.h"
#include "tools/support/Terminal.h"

#include <memory>

namespace gossamer::tools {
namespace {

struct DiffArguments {
  std::string a, b;
  std::string weightsA, weightsB;
  std::string format = "text";
  bool values = false;
};

Expected<proto::Report> makeReport(const InspectedModel &model,
                                   const std::string &weights, bool values) {
  ReportOptions options;
  options.machine = defaultMachine();
  if (model.isArtifact())
    options.steps = defaultSteps(model.artifact().manifest());
  GOSS_ASSIGN_OR_RETURN(proto::Report report, model.report(options));
  if (model.isArtifact())
    GOSS_RETURN_IF_ERROR(addCode(model.artifact().section(SectionKind::Code),
                                 model.path(), report));
  if (values)
    GOSS_RETURN_IF_ERROR(model.addWeights(weights, false, report));
  return report;
}

Status diff(const DiffArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(InspectedModel a, InspectedModel::open(arguments.a));
  GOSS_ASSIGN_OR_RETURN(InspectedModel b, InspectedModel::open(arguments.b));
  if (a.isArtifact() != b.isArtifact())
    return usageError("expects two artifacts or two checkpoints but got " +
                      a.describeKind() + " and " + b.describeKind());
  GOSS_ASSIGN_OR_RETURN(proto::Report reportA,
                        makeReport(a, arguments.weightsA, arguments.values));
  GOSS_ASSIGN_OR_RETURN(proto::Report reportB,
                        makeReport(b, arguments.weightsB, arguments.values));
  std::vector<Difference> differences = compareReports(reportA, reportB);
  bool isJson = arguments.format == "json";
  if (isJson)
    GOSS_RETURN_IF_ERROR(standardOutput().write(printDiffJson(differences)));
  if (differences.empty())
    return isJson ? Status::ok()
                  : standardOutput().write(a.path() + " and " + b.path() +
                                           " are equal\n");
  if (!isJson)
    GOSS_RETURN_IF_ERROR(standardOutput().write(printDiffText(differences)));
  return different(a.path() + " and " + b.path() + " differ in " +
                   formatCount(differences.size()) +
                   (differences.size() == 1 ? " place" : " places"));
}

} // namespace

void addDiffCommand(CommandLine &line) {
  auto arguments = std::make_shared<DiffArguments>();
  line.addCommand("diff", "Compares two artifacts or two checkpoints.")
      .positional("A", arguments->a,
                  "an artifact, a checkpoint directory or a config.json", true)
      .positional("B", arguments->b, "another of the same kind", true)
      .group("Comparison")
      .flag("--values", arguments->values,
            "also compare the weights' values, by the SHA-256 of each tensor "
            "(reads all of them)")
      .text("--weights-a", "DIR", arguments->weightsA,
            "with --values: checkpoint directory of A, where it refers to its "
            "weights (default: beside A)")
      .text("--weights-b", "DIR", arguments->weightsB, "the same of B")
      .group("Output")
      .choice("--format", arguments->format, {"text", "json"},
              "for people or for programs (default text)")
      .details("Compares configuration, target and flags, the operations of "
               "every level by name, kernels by their machine code, predicted "
               "costs, memory and weights. Exits with 0 when all are equal and "
               "with 1 when not.")
      .example("goss diff exact.goss fast.goss",
               "what another math mode changes")
      .example("goss diff old-checkpoint new-checkpoint --values",
               "the tensors that were trained further")
      .action([arguments] { return diff(*arguments); });
}

} // namespace gossamer::tools
