//===- PanelReaders.h - Blocks of weights for integer products --*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// 16 rows of a weight as unsigned bytes, a block of 32 inputs at a time, as
// IntegerProducts.cpp multiplies them, from any layout.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_PANELREADERS_H
#define GOSSAMER_BACKENDS_CPU_PANELREADERS_H

#include "backends/cpu/KernelBuilder.h"

#include <memory>

namespace gossamer::cpu {

/// Words of four inputs of a block, for all rows; their bytes.
inline constexpr int64_t kPanelWords = kScaleBlock / 4;
inline constexpr int64_t kPanelWordBytes = kPanelRows * 4;

/// 16 rows of a block: the bytes of eight words, and the rows' scales for it,
/// if they have any: f32, or of 4-bit weights what they add to the bits of an
/// anchor.
struct PanelBlock {
  llvm::SmallVector<Value, kPanelWords> words;
  Value scale;
};

/// Where the blocks of 16 rows come from.
class PanelReader {
public:
  virtual ~PanelReader() = default;
  /// Blocks that are best read together.
  virtual int64_t stride() const = 0;
  /// Blocks block ... block+count-1 of the rows from `first` on.
  virtual llvm::SmallVector<PanelBlock, 4> load(Value first, Value block,
                                                int64_t count) = 0;
  /// The scales of the rows from `first` on where blocks have none.
  virtual Value rowScales([[maybe_unused]] Value first) { return {}; }
  /// Inputs from which on it pays to decode the rows to memory once; 0: never.
  /// Decoding overlaps with no product then. Measured.
  virtual int64_t expandFrom() const { return 0; }
  /// Fetches what is read some time after these blocks, which are multiplied by
  /// `rows` rows of the input, or at least so many.
  virtual void prefetch(Value first, Value block, int64_t count, int64_t rows) {
  }
};

/// The reader that fits the layout of a weight, or of one expert of it.
std::unique_ptr<PanelReader> makePanelReader(KernelBuilder &k, unsigned binding,
                                             Value expert);

/// A panel that another reader has decoded into the frame.
class ExpandedReader final : public PanelReader {
public:
  ExpandedReader(KernelBuilder &k, int64_t inputs);

  int64_t stride() const override { return 1; }
  /// Takes over all blocks of the rows from `first` on.
  void fill(PanelReader &from, Value first);
  llvm::SmallVector<PanelBlock, 4> load(Value first, Value block,
                                        int64_t count) override;

private:
  KernelBuilder &k_;
  int64_t blocks_;
  Value bytes_, scales_;
};

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_PANELREADERS_H
