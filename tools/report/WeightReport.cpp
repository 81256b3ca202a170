//===- WeightReport.cpp - Statistics of stored weights --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A number of 16 bits or fewer is counted by its bits first, a block's numbers
// by scale and code: counts are exact and cheap, and what is said of them is
// computed once a tensor.
//
//===----------------------------------------------------------------------===//

#include "tools/report/WeightReport.h"

#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <tbb/parallel_for.h>

namespace gossamer::tools {

namespace {

/// Rows of a panel, each with words of four bytes in turn.
constexpr size_t panelRows = 16;
constexpr size_t panelWordBytes = 4;
constexpr size_t panelBlockBytes = 32; ///< integers of a row that lie together.

/// The bytes of a StoredTensor in memory.
struct Contents {
  std::span<const std::byte> bytes, scales;
};

/// Sums what is said of a tensor's numbers.
class Accumulator {
public:
  void add(double value, uint64_t count = 1) {
    if (count == 0)
      return;
    if (std::isnan(value)) {
      nans_ += count;
      return;
    }
    if (std::isinf(value)) {
      infinities_ += count;
      return;
    }
    auto times = static_cast<double>(count);
    min_ = finite_ ? std::min(min_, value) : value;
    max_ = finite_ ? std::max(max_, value) : value;
    finite_ += count;
    zeros_ += value == 0 ? count : 0;
    sum_ += times * value;
    squares_ += times * value * value;
  }

  proto::WeightStatistics take() const {
    proto::WeightStatistics stats;
    auto count = static_cast<double>(finite_);
    stats.set_min(min_);
    stats.set_max(max_);
    stats.set_mean(finite_ ? sum_ / count : 0);
    stats.set_rms(finite_ ? std::sqrt(squares_ / count) : 0);
    stats.set_zeros(zeros_);
    stats.set_nans(nans_);
    stats.set_infinities(infinities_);
    return stats;
  }

private:
  uint64_t finite_ = 0, zeros_ = 0, nans_ = 0, infinities_ = 0;
  double min_ = 0, max_ = 0, sum_ = 0, squares_ = 0;
};

template <typename T> T load(std::span<const std::byte> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <typename Convert>
proto::WeightStatistics ofHalves(std::span<const std::byte> bytes,
                                 Convert convert) {
  std::vector<uint64_t> counts(65536, 0);
  for (size_t i = 0; i < bytes.size() / 2; ++i)
    ++counts[load<uint16_t>(bytes, i)];
  Accumulator numbers;
  for (size_t bits = 0; bits < counts.size(); ++bits)
    numbers.add(convert(static_cast<uint16_t>(bits)), counts[bits]);
  return numbers.take();
}

proto::WeightStatistics ofFloats(std::span<const std::byte> bytes) {
  Accumulator numbers;
  for (size_t i = 0; i < bytes.size() / 4; ++i)
    numbers.add(load<float>(bytes, i));
  return numbers.take();
}

proto::WeightStatistics ofScales(std::span<const std::byte> bytes) {
  std::array<uint64_t, 256> counts{};
  for (std::byte scale : bytes)
    ++counts[static_cast<uint8_t>(scale)];
  Accumulator numbers;
  for (size_t scale = 0; scale < counts.size(); ++scale)
    numbers.add(e8m0ToF64(static_cast<uint8_t>(scale)), counts[scale]);
  proto::WeightStatistics stats = numbers.take();
  // 255 is NaN and has no exponent.
  for (int scale = 0; scale < 255; ++scale)
    if (uint64_t count = counts[static_cast<size_t>(scale)]) {
      proto::ScaleCount &entry = *stats.add_scales();
      entry.set_exponent(scale - 127);
      entry.set_count(count);
    }
  return stats;
}

/// How often each byte of two codes occurs under each scale.
class CodeCounts {
public:
  explicit CodeCounts(bool hasScales) : hasScales_(hasScales) {}

  void add(uint8_t scale, std::span<const std::byte> codes) {
    std::array<uint64_t, 16> &ofScale = counts_[scale];
    for (std::byte pair : codes) {
      ++ofScale[static_cast<uint8_t>(pair) & 15];
      ++ofScale[static_cast<uint8_t>(pair) >> 4];
    }
  }

  proto::WeightStatistics take() const {
    Accumulator numbers;
    for (size_t scale = 0; scale < counts_.size(); ++scale)
      for (size_t code = 0; code < counts_[scale].size(); ++code) {
        double factor =
            hasScales_ ? e8m0ToF64(static_cast<uint8_t>(scale)) : 1.0;
        numbers.add(e2m1Values[code] * factor, counts_[scale][code]);
      }
    return numbers.take();
  }

private:
  bool hasScales_;
  std::vector<std::array<uint64_t, 16>> counts_{256};
};

proto::WeightStatistics ofCodes(const Contents &tensor) {
  constexpr size_t blockBytes = mxfp4BlockBytes;
  bool hasScales = tensor.scales.size() == tensor.bytes.size() / blockBytes;
  CodeCounts counts(hasScales);
  for (size_t i = 0; i < tensor.bytes.size() / blockBytes; ++i)
    counts.add(hasScales ? load<uint8_t>(tensor.scales, i) : 0,
               tensor.bytes.subspan(i * blockBytes, blockBytes));
  return counts.take();
}

/// Words of 16 rows in turn; a row's block is four of them, with a scale at
/// the row's place among 16.
proto::WeightStatistics ofPanelCodes(const Contents &tensor) {
  constexpr size_t groupBytes = panelRows * mxfp4BlockBytes;
  size_t groups = tensor.bytes.size() / groupBytes;
  bool hasScales = tensor.scales.size() == groups * panelRows;
  CodeCounts counts(hasScales);
  for (size_t word = 0; word < tensor.bytes.size() / panelWordBytes; ++word) {
    size_t block =
        word * panelWordBytes / groupBytes * panelRows + word % panelRows;
    counts.add(hasScales && block < tensor.scales.size()
                   ? load<uint8_t>(tensor.scales, block)
                   : 0,
               tensor.bytes.subspan(word * panelWordBytes, panelWordBytes));
  }
  return counts.take();
}

proto::WeightStatistics ofPanelBytes(const Contents &tensor) {
  constexpr size_t groupBytes = panelRows * panelBlockBytes;
  size_t groups = tensor.bytes.size() / groupBytes;
  // 16 steps are those of one group, or of all groups of a panel.
  size_t stepGroups = tensor.scales.size() / (panelRows * 2);
  bool hasSteps = stepGroups > 0 && groups % stepGroups == 0;
  size_t perStep = hasSteps ? groups / stepGroups : 1;
  Accumulator numbers;
  for (size_t block = 0; block < groups * panelRows; ++block) {
    size_t group = block / panelRows, row = block % panelRows;
    size_t place = group / perStep * panelRows + row;
    double step =
        hasSteps ? bf16ToF32(load<uint16_t>(tensor.scales, place)) : 1;
    for (size_t i = 0; i < panelBlockBytes; ++i) {
      size_t word = i / panelWordBytes, within = i % panelWordBytes;
      size_t at = group * groupBytes +
                  (word * panelRows + row) * panelWordBytes + within;
      numbers.add((static_cast<int>(tensor.bytes[at]) - 128) * step);
    }
  }
  return numbers.take();
}

WeightForm formOf(DType dtype, bool isFirst) {
  switch (dtype) {
  case DType::BF16:
    return WeightForm::BF16;
  case DType::F16:
    return WeightForm::F16;
  case DType::F32:
    return WeightForm::F32;
  case DType::U8:
    return isFirst ? WeightForm::Mxfp4Codes : WeightForm::Mxfp4Scales;
  default:
    return WeightForm::Unknown;
  }
}

constexpr uint64_t pieceBytes = 4 << 20;

/// Hashes in pieces, so that progress shows and a cancel is soon heard.
bool hashTensor(const StoredTensor &tensor, const ProgressFunction &progress,
                proto::Weight &weight) {
  Sha256 hash;
  std::vector<std::byte> scratch;
  for (uint64_t begin = 0; begin < tensor.bytes.size(); begin += pieceBytes) {
    uint64_t size = std::min<uint64_t>(pieceBytes, tensor.bytes.size() - begin);
    hash.update(tensor.bytes.view(begin, size, scratch));
    if (progress && !progress(size))
      return false;
  }
  weight.set_sha256(toHex(hash.finish()));
  return true;
}

} // namespace

std::vector<StoredTensor> storedTensors(const Checkpoint &checkpoint) {
  std::vector<StoredTensor> tensors;
  if (!checkpoint.hasWeights())
    return tensors;
  size_t next = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters()) {
    size_t first = tensors.size();
    for (const TensorSpec &spec : parameter.tensors)
      tensors.push_back(
          {formOf(spec.dtype, &spec == &parameter.tensors.front()),
           checkpoint.locations()[next++].bytes,
           {}});
    if (tensors[first].form == WeightForm::Mxfp4Codes &&
        tensors.size() == first + 2)
      tensors[first].scales = tensors[first + 1].bytes;
  }
  return tensors;
}

std::vector<StoredTensor>
storedTensors(const proto::Manifest &manifest,
              std::span<const std::byte> embedded,
              std::span<const std::span<const std::byte>> files) {
  std::vector<StoredTensor> tensors;
  for (int i = 0; i < manifest.tensors_size(); ++i) {
    const proto::Tensor &entry = manifest.tensors(i);
    // Values and scales of a parameter follow each other.
    bool isSecond = i > 0 &&
                    manifest.tensors(i - 1).parameter() == entry.parameter() &&
                    manifest.tensors(i - 1).layout() == entry.layout() &&
                    manifest.tensors(i - 1).dtype() == "U8";
    std::span<const std::byte> file =
        manifest.weights_embedded() ? embedded : files[entry.file()];
    StoredTensor tensor;
    tensor.bytes = TensorBytes(file.subspan(entry.offset(), entry.size()));
    tensor.form =
        formOf(dtypeFromName(entry.dtype()).value_or(DType::Bool), !isSecond);
    if (entry.layout() == "row_panel" && tensor.form == WeightForm::Mxfp4Codes)
      tensor.form = WeightForm::PanelMxfp4Codes;
    if (isSecond) {
      tensors.back().scales = tensor.bytes;
      // Steps of 16 bits are those of a matrix rounded to 8 bits.
      if (tensor.form == WeightForm::BF16 &&
          tensors.back().form == WeightForm::PanelMxfp4Codes)
        tensors.back().form = WeightForm::PanelBytes;
    }
    tensors.push_back(tensor);
  }
  return tensors;
}

proto::WeightStatistics computeStatistics(const StoredTensor &tensor) {
  // Of a form that is made and not mapped, one tensor at a time is in memory.
  std::vector<std::byte> bytes, scales;
  Contents contents = {tensor.bytes.view(0, tensor.bytes.size(), bytes),
                       tensor.scales.view(0, tensor.scales.size(), scales)};
  switch (tensor.form) {
  case WeightForm::BF16:
    return ofHalves(contents.bytes, bf16ToF32);
  case WeightForm::F16:
    return ofHalves(contents.bytes, f16ToF32);
  case WeightForm::F32:
    return ofFloats(contents.bytes);
  case WeightForm::Mxfp4Codes:
    return ofCodes(contents);
  case WeightForm::Mxfp4Scales:
    return ofScales(contents.bytes);
  case WeightForm::PanelMxfp4Codes:
    return ofPanelCodes(contents);
  case WeightForm::PanelBytes:
    return ofPanelBytes(contents);
  case WeightForm::Unknown:
    break;
  }
  return {};
}

Status addWeightContents(std::span<const StoredTensor> tensors,
                         bool withStatistics, proto::Report &report,
                         const ProgressFunction &progress) {
  if (static_cast<size_t>(report.weights_size()) != tensors.size())
    return internalError("report: expects " + std::to_string(tensors.size()) +
                         " weights but got " +
                         std::to_string(report.weights_size()));
  std::atomic<bool> cancelled{false};
  tbb::parallel_for(size_t(0), tensors.size(), [&](size_t i) {
    if (cancelled.load(std::memory_order_relaxed))
      return;
    proto::Weight &weight = *report.mutable_weights(static_cast<int>(i));
    if (!hashTensor(tensors[i], progress, weight)) {
      cancelled = true;
      return;
    }
    if (withStatistics && tensors[i].form != WeightForm::Unknown)
      *weight.mutable_stats() = computeStatistics(tensors[i]);
  });
  return cancelled ? Status(StatusCode::Interrupted, "interrupted")
                   : Status::ok();
}

} // namespace gossamer::tools
