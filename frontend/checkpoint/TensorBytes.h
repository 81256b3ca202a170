//===- TensorBytes.h - A tensor's bytes, mapped or made ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A tensor that a checkpoint holds in another layout than the one asked for is
// never made whole: its bytes are produced piece by piece from those of other
// tensors. TensorBytes is what all readers of weights take, so that they need
// not know which of the two they have.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_TENSORBYTES_H
#define GOSSAMER_FRONTEND_CHECKPOINT_TENSORBYTES_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace gossamer {

/// Makes the bytes of one tensor. Immutable, so thread-safe to use.
class TensorProducer {
public:
  virtual ~TensorProducer() = default;
  uint64_t size() const { return size_; }
  /// Bytes that are made at least: what pieces should be multiples of.
  uint64_t unit() const { return unit_; }

  /// Makes the bytes from `begin` on, which must lie within size().
  void read(uint64_t begin, std::span<std::byte> out) const;

protected:
  /// `unit` divides `size`.
  TensorProducer(uint64_t size, uint64_t unit) : size_(size), unit_(unit) {}
  /// Makes whole units from `begin` on, a multiple of the unit.
  virtual void make(uint64_t begin, std::span<std::byte> out) const = 0;

private:
  uint64_t size_, unit_;
};

/// The bytes of a tensor: a range of a mapping, which must outlive this, or
/// what a producer makes. Cheap to copy.
class TensorBytes {
public:
  TensorBytes() = default;
  TensorBytes(std::span<const std::byte> mapped) : mapped_(mapped) {}
  TensorBytes(std::shared_ptr<const TensorProducer> producer)
      : producer_(std::move(producer)) {}

  bool isMapped() const { return !producer_; }
  uint64_t size() const {
    return producer_ ? producer_->size() : mapped_.size();
  }
  /// Pieces that are multiples of this cost least.
  uint64_t unit() const { return producer_ ? producer_->unit() : 1; }
  /// All bytes, where they are mapped.
  std::span<const std::byte> mapped() const { return mapped_; }
  /// Bytes from `begin` on, in the mapping, or made in `scratch`. Valid until
  /// scratch changes.
  std::span<const std::byte> view(uint64_t begin, uint64_t size,
                                  std::vector<std::byte> &scratch) const;
  /// Copies or makes the bytes from `begin` on.
  void read(uint64_t begin, std::span<std::byte> out) const;

private:
  std::span<const std::byte> mapped_;
  std::shared_ptr<const TensorProducer> producer_;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_TENSORBYTES_H
