//===- ConvertForms.h - The forms that are written --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to the conversion. Each form is a function from the tensors in
// Hugging Face's form to the files of a plan.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CONVERTFORMS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CONVERTFORMS_H

#include "frontend/checkpoint/Convert.h"

namespace gossamer {

/// One tensor of the checkpoint, named as by Hugging Face.
struct PlainTensor {
  std::string name;
  ParameterKind kind;
  DType dtype;
  std::vector<uint64_t> shape;
  TensorBytes bytes;
  std::vector<std::shared_ptr<ConversionLoss>> losses;

  /// The same in another floating-point type.
  PlainTensor as(DType type) const;
};

/// All tensors in the order of the parameters, with the floating-point type
/// that the options ask for.
std::vector<PlainTensor> listTensors(const Checkpoint &checkpoint,
                                     const ConvertOptions &options);

/// MXFP4 experts as plain matrices [E, in, out]; plain ones stay.
std::vector<PlainTensor>
dequantizeExperts(const std::vector<PlainTensor> &tensors);

Status planHuggingFace(const Checkpoint &checkpoint,
                       const ConvertOptions &options, ConversionPlan &plan);
Status planOriginal(const Checkpoint &checkpoint, const ConvertOptions &options,
                    ConversionPlan &plan);
Status planGguf(const Checkpoint &checkpoint, const ConvertOptions &options,
                ConversionPlan &plan);
Status planNumpy(const Checkpoint &checkpoint, const ConvertOptions &options,
                 ConversionPlan &plan);

/// Adds the tokenizer, the chat template and the generation config as files.
void addCompanions(const Checkpoint &checkpoint, ConversionPlan &plan);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CONVERTFORMS_H
