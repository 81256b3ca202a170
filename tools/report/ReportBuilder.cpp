//===- ReportBuilder.cpp - The report of a model --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportBuilder.h"

#include "runtime/support/Sha256.h"
#include "tools/report/LayerName.h"
#include "tools/report/ReportPieces.h"

#include <map>

namespace gossamer::tools {

namespace {

/// "min(256, 64 tokens)".
std::string describeWork(const proto::Kernel &kernel) {
  std::string text;
  for (const proto::WorkBound &bound : kernel.work()) {
    std::string sum;
    auto add = [&](uint64_t factor, const char *unit) {
      if (factor == 0)
        return;
      sum += sum.empty() ? "" : " + ";
      if (*unit == '\0' || factor > 1)
        sum += std::to_string(factor) + (*unit ? " " : "");
      sum += unit;
    };
    add(bound.constant(), "");
    add(bound.per_token(), "tokens");
    add(bound.per_output(), "outputs");
    text += (text.empty() ? "" : ", ") + (sum.empty() ? "0" : sum);
  }
  return kernel.work_size() > 1 ? "min(" + text + ")" : text;
}

void fillLaunches(const proto::Manifest &manifest, proto::Report &report) {
  for (const proto::Launch &launch : manifest.launches()) {
    proto::LaunchReport &entry = *report.add_launches();
    entry.set_name(launch.name());
    entry.set_kernel(launch.kernel());
    entry.set_layer(layerOfName(launch.name()));
    *entry.mutable_bindings() = launch.bindings();
    entry.set_work(
        describeWork(manifest.kernels(static_cast<int>(launch.kernel()))));
  }
}

void fillKernels(const proto::Manifest &manifest,
                 const proto::CompileRecord &record, proto::Report &report) {
  std::map<uint32_t, uint64_t> launches;
  for (const proto::Launch &launch : manifest.launches())
    ++launches[launch.kernel()];
  for (int i = 0; i < manifest.kernels_size(); ++i) {
    const proto::Kernel &kernel = manifest.kernels(i);
    proto::KernelReport &entry = *report.add_kernels();
    entry.set_symbol(kernel.symbol());
    entry.set_operation(kernel.operation());
    entry.set_kind(kernel.kind());
    if (record.kernel_reasons_size() > 0)
      entry.set_reason(record.kernel_reasons(i));
    entry.set_bytes_per_item(kernel.bytes_per_item());
    entry.set_flops_per_item(kernel.flops_per_item());
    entry.set_launches(launches[static_cast<uint32_t>(i)]);
  }
}

void fillWeights(const proto::Manifest &manifest, proto::Report &report) {
  for (const proto::Tensor &tensor : manifest.tensors()) {
    proto::Weight &entry = *report.add_weights();
    entry.set_name(tensor.name());
    entry.set_parameter(tensor.parameter());
    entry.set_dtype(tensor.dtype());
    *entry.mutable_shape() = tensor.shape();
    entry.set_layout(tensor.layout().empty() ? "published" : tensor.layout());
    // A configuration alone has no files.
    auto file = static_cast<int>(tensor.file());
    if (!manifest.weights_embedded() && file < manifest.weight_files_size())
      entry.set_file(manifest.weight_files(file).name());
    entry.set_offset(tensor.offset());
    entry.set_size(tensor.size());
  }
}

void fillSections(const Artifact &artifact, proto::Summary &summary) {
  uint64_t end = 0;
  for (const SectionEntry &section : artifact.sections()) {
    proto::Section &entry = *summary.add_sections();
    entry.set_name(std::string(sectionName(section.kind)));
    entry.set_offset(section.offset);
    entry.set_size(section.size);
    entry.set_sha256(
        toHex(std::string_view(reinterpret_cast<const char *>(section.sha256),
                               sizeof(section.sha256))));
    end = section.offset + section.size; // The file ends with the last one.
  }
  summary.set_artifact_bytes(end);
}

} // namespace

Expected<proto::Report> buildReport(const proto::Manifest &manifest,
                                    const proto::CompileRecord &record,
                                    const ReportOptions &options) {
  const ReportParts &parts = options.parts;
  GOSS_RETURN_IF_ERROR(checkRecord(manifest, record));
  proto::Report report;
  if (parts.summary)
    GOSS_RETURN_IF_ERROR(fillSummary(manifest, *report.mutable_summary()));
  if (parts.graph) {
    fillGraph(manifest, record, report);
    fillLaunches(manifest, report);
  }
  if (parts.costs)
    for (const proto::StepShape &step : options.steps) {
      GOSS_ASSIGN_OR_RETURN(*report.add_costs(),
                            makeCost(manifest, step, options.machine));
    }
  if (parts.memory && manifest.launches_size() > 0)
    fillMemory(manifest, *report.mutable_memory());
  if (parts.weights)
    fillWeights(manifest, report);
  if (parts.fusions)
    *report.mutable_fusions() = record.fusions();
  if (parts.kernels)
    fillKernels(manifest, record, report);
  return report;
}

Expected<proto::Report> buildReport(const Artifact &artifact,
                                    const std::string &source,
                                    const ReportOptions &options) {
  GOSS_ASSIGN_OR_RETURN(proto::CompileRecord record, artifact.record());
  Expected<proto::Report> report =
      buildReport(artifact.manifest(), record, options);
  GOSS_RETURN_IF_ERROR(report.status().withContext(source));
  if (!options.parts.summary)
    return report;
  proto::Summary &summary = *report->mutable_summary();
  summary.set_source(source);
  summary.set_kind("artifact");
  fillSections(artifact, summary);
  return report;
}

} // namespace gossamer::tools
