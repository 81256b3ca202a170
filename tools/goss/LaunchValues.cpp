//===- LaunchValues.cpp - What launches leave in memory -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/LaunchValues.h"

#include <algorithm>
#include <set>

namespace gossamer::tools {

std::vector<uint64_t> LaunchValue::shapeIn(const goss_dims &dims) const {
  std::vector<uint64_t> filled = shape;
  if (rows == Rows::Fixed)
    return filled;
  int64_t units = rows == Rows::OfTokens ? dims.tokens : dims.outputs;
  uint64_t count =
      static_cast<uint64_t>(std::max<int64_t>(units, 0)) * rowsPerUnit;
  filled[0] = std::min(filled[0], count);
  return filled;
}

/// Goes through the launches in order and follows which buffers have a row for
/// each output, not for each token: what is made of the rows that `outputs`
/// chose.
class LaunchValues::Builder {
public:
  explicit Builder(const proto::Manifest &manifest) : manifest_(manifest) {}

  std::vector<LaunchValue> addLaunch(uint32_t index, uint32_t &written);

private:
  bool readsOutputRows(const proto::Launch &launch) const;
  bool addShape(const proto::Binding &binding, LaunchValue &value) const;
  void setRows(bool ofOutputs, LaunchValue &value) const;

  const proto::Manifest &manifest_;
  std::set<uint64_t> outputBuffers_; ///< arena offsets.
};

bool LaunchValues::Builder::readsOutputRows(const proto::Launch &launch) const {
  return std::ranges::any_of(launch.bindings(), [&](const auto &binding) {
    return binding.role() == proto::Binding::OUTPUTS ||
           binding.role() == proto::Binding::LOGITS ||
           (binding.role() == proto::Binding::ARENA && !binding.written() &&
            outputBuffers_.contains(binding.arena_offset()));
  });
}

/// False for bindings whose values are not shown.
bool LaunchValues::Builder::addShape(const proto::Binding &binding,
                                     LaunchValue &value) const {
  if (binding.role() == proto::Binding::LOGITS) {
    value.shape = {manifest_.max_tokens_per_step(),
                   manifest_.config().vocab_size()};
    return true;
  }
  if (binding.role() != proto::Binding::ARENA || binding.shape_size() == 0)
    return false;
  if (binding.dtype() != "F32" && binding.dtype() != "I32")
    return false;
  value.type = binding.dtype() == "F32" ? NpyType::F32 : NpyType::I32;
  value.shape.assign(binding.shape().begin(), binding.shape().end());
  return true;
}

void LaunchValues::Builder::setRows(bool ofOutputs, LaunchValue &value) const {
  uint64_t most = manifest_.max_tokens_per_step();
  uint64_t experts = manifest_.config().experts_per_token();
  if (value.shape[0] == most)
    value.rowsPerUnit = 1;
  else if (experts > 0 && value.shape[0] % experts == 0 &&
           value.shape[0] / experts == most)
    value.rowsPerUnit = experts;
  else
    return;
  value.rows =
      ofOutputs ? LaunchValue::Rows::OfOutputs : LaunchValue::Rows::OfTokens;
}

std::vector<LaunchValue> LaunchValues::Builder::addLaunch(uint32_t index,
                                                          uint32_t &written) {
  const proto::Launch &launch = manifest_.launches(static_cast<int>(index));
  bool ofOutputs = readsOutputRows(launch);
  // Lists of experts, their offsets and their number come before the slots,
  // the only list with rows of tokens.
  const std::string &operation =
      manifest_.kernels(static_cast<int>(launch.kernel())).operation();
  bool isRoute = operation == "route" || operation == "norm_route";
  int lists = 0;
  std::vector<LaunchValue> values;
  for (int i = 0; i < launch.bindings_size(); ++i) {
    const proto::Binding &binding = launch.bindings(i);
    if (!binding.written())
      continue;
    LaunchValue value;
    value.launch = index;
    value.binding = static_cast<uint32_t>(i);
    value.number = written++;
    if (addShape(binding, value)) {
      bool isList = isRoute && value.shape.size() == 1 && ++lists <= 3;
      if (!isList)
        setRows(ofOutputs, value);
      values.push_back(std::move(value));
    }
    if (binding.role() != proto::Binding::ARENA)
      continue;
    if (ofOutputs)
      outputBuffers_.insert(binding.arena_offset());
    else
      outputBuffers_.erase(binding.arena_offset());
  }
  return values;
}

LaunchValues::LaunchValues(const proto::Manifest &manifest) {
  auto count = static_cast<uint32_t>(manifest.launches_size());
  written_.resize(count);
  Builder builder(manifest);
  for (uint32_t i = 0; i < count; ++i)
    values_.push_back(builder.addLaunch(i, written_[i]));
}

std::string describeArray(NpyType type, std::span<const uint64_t> shape) {
  std::string text = type == NpyType::F32 ? "float32 [" : "int32 [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

} // namespace gossamer::tools
