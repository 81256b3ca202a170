//===- StoredWeights.cpp - Where an artifact's weights lie ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/StoredWeights.h"

#include "ir/BufferAccess.h"
#include "runtime/artifact/Format.h"
#include "runtime/support/ProgressBar.h"

#include <algorithm>
#include <tbb/task_group.h>

using namespace mlir;

namespace gossamer {

/// Bytes that are written, hashed and made at once.
static constexpr uint64_t kPieceBytes = uint64_t(16) << 20;

/// The checkpoint's description of a tensor, or null.
static const TensorSpec *findSpec(const Checkpoint &checkpoint,
                                  const PlanTensor &tensor) {
  const Parameter *parameter = checkpoint.parameters().find(tensor.parameter);
  if (!parameter)
    return nullptr;
  for (const TensorSpec &spec : parameter->tensors)
    if (spec.name == tensor.source)
      return &spec;
  return nullptr;
}

Expected<PackedTensor>
StoredWeights::describePacked(const PlanTensor &tensor) const {
  const Parameter *parameter = checkpoint_.parameters().find(tensor.parameter);
  PackedTensor packed;
  packed.part = tensor.part == 0 ? PackedTensor::Part::Values
                                 : PackedTensor::Part::Scales;
  size_t rank = parameter->shape.size();
  packed.matrices = rank == 3 ? parameter->shape[0] : 1;
  packed.outputs = parameter->shape[rank - 2];
  packed.inputs = parameter->shape[rank - 1];
  packed.element = parameter->element;
  packed.block = tensor.block;
  const TensorLocation *source = checkpoint_.find(tensor.source);
  packed.source = source->bytes;
  auto bytes = static_cast<uint64_t>(gptoss::getByteSize(tensor.type));
  if (packed.byteSize() != bytes)
    return internalError("plan: expects " + std::to_string(packed.byteSize()) +
                         " bytes of tensor '" + tensor.source + "' but got " +
                         std::to_string(bytes));
  return packed;
}

Status StoredWeights::placeTensor(const PlanTensor &tensor, bool embed,
                                  proto::Tensor &entry) {
  const TensorLocation *location = checkpoint_.find(tensor.source);
  const TensorSpec *spec = findSpec(checkpoint_, tensor);
  if ((!location && checkpoint_.hasWeights()) || !spec)
    return internalError("plan: tensor '" + tensor.source +
                         "' is not in the checkpoint");
  entry.set_name(tensor.source);
  entry.set_parameter(tensor.parameter);
  if (tensor.isPacked) {
    // Values are bytes; scales are bytes or bf16.
    entry.set_layout("row_panel");
    entry.set_dtype(tensor.type.getElementTypeBitWidth() == 16 ? "BF16" : "U8");
    for (int64_t extent : tensor.type.getShape())
      entry.add_shape(static_cast<uint64_t>(extent));
  } else {
    entry.set_dtype(std::string(dtypeName(spec->dtype)));
    for (uint64_t extent : spec->shape)
      entry.add_shape(extent);
  }
  if (!location) { // A config alone.
    entry.set_size(static_cast<uint64_t>(gptoss::getByteSize(tensor.type)));
    return Status::ok();
  }
  if (!embed) {
    if (tensor.isPacked)
      return internalError("plan: packed weights of a checkpoint that is "
                           "only referred to");
    entry.set_size(location->size);
    entry.set_file(location->file);
    entry.set_offset(location->offset);
    return Status::ok();
  }
  return embedTensor(tensor, *location, entry);
}

Status StoredWeights::embedTensor(const PlanTensor &tensor,
                                  const TensorLocation &location,
                                  proto::Tensor &entry) {
  int key = tensor.isPacked ? static_cast<int>(tensor.part) : -1;
  auto [found, isNew] =
      byKey_.try_emplace({tensor.source, key}, entries_.size());
  if (isNew) {
    Entry stored;
    stored.offset = size_;
    if (tensor.isPacked) {
      GOSS_ASSIGN_OR_RETURN(stored.packed, describePacked(tensor));
      stored.size = stored.packed->byteSize();
    } else {
      stored.bytes = location.bytes;
      stored.size = stored.bytes.size();
    }
    uint64_t end = size_ + stored.size;
    size_ = (end + embeddedTensorAlignment - 1) / embeddedTensorAlignment *
            embeddedTensorAlignment;
    entries_.push_back(stored);
  }
  entry.set_size(entries_[found->second].size);
  entry.set_offset(entries_[found->second].offset);
  return Status::ok();
}

Status StoredWeights::place(const PlanSummary &plan, bool embed,
                            proto::Manifest &manifest) {
  for (const PlanTensor &tensor : plan.tensors)
    GOSS_RETURN_IF_ERROR(placeTensor(tensor, embed, *manifest.add_tensors()));
  return Status::ok();
}

namespace {

/// A part of the section: bytes of a mapping, or of a buffer.
struct Piece {
  std::span<const std::byte> bytes;
  std::vector<std::byte> buffer;
};

} // namespace

Status StoredWeights::append(const CancelCallback &cancelled, bool showProgress,
                             ArtifactWriter &writer) const {
  if (size_ == 0)
    return Status::ok();
  static constexpr std::byte zeros[embeddedTensorAlignment] = {};
  ProgressBar progress("embedding weights", size_, ProgressBar::Unit::Bytes,
                       showProgress);
  size_t entry = 0;
  uint64_t position = 0; // within the entry.
  // Makes the next piece; an empty one at the end.
  auto make = [&](Piece &piece) {
    piece.bytes = {};
    if (entry == entries_.size())
      return;
    const Entry &now = entries_[entry];
    uint64_t next =
        entry + 1 < entries_.size() ? entries_[entry + 1].offset : size_;
    if (position >= now.size) {
      piece.bytes = std::span(zeros).first(next - now.offset - position);
      position += piece.bytes.size();
    } else if (!now.packed) {
      piece.bytes = now.bytes.view(
          position, std::min<uint64_t>(now.size - position, kPieceBytes),
          piece.buffer);
      position += piece.bytes.size();
    } else {
      piece.buffer.resize(now.packed->wholePanels(kPieceBytes));
      size_t count = now.packed->pack(position, piece.buffer);
      piece.bytes = std::span(piece.buffer).first(count);
      position += count;
    }
    if (now.offset + position == next) {
      ++entry;
      position = 0;
    }
  };
  Piece current, following;
  make(current);
  while (!current.bytes.empty()) {
    if (cancelled && cancelled())
      return {StatusCode::Interrupted, "interrupted"};
    tbb::task_group group;
    group.run([&] { make(following); });
    Status status = writer.appendWeights(current.bytes);
    group.wait();
    GOSS_RETURN_IF_ERROR(status);
    progress.add(current.bytes.size());
    std::swap(current, following);
  }
  return Status::ok();
}

} // namespace gossamer
