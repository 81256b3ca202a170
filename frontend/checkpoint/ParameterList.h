//===- ParameterList.h - The parameters of a model --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Every parameter of a model in one deterministic order (embedding, layers
// ascending, final norm, head), each with the checkpoint tensors that hold it.
// Derived from a ModelConfig alone; the checkpoint reader compares files with
// it and the graph builder declares symbols from it.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_PARAMETERLIST_H
#define GOSSAMER_FRONTEND_CHECKPOINT_PARAMETERLIST_H

#include "frontend/checkpoint/ModelConfig.h"
#include "runtime/weights/Safetensors.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gossamer {

/// How a checkpoint stores the experts' matrices.
enum class ExpertForm : uint8_t {
  Mxfp4, ///< two U8 tensors: `_blocks` and `_scales`, the published form.
  Plain, ///< one floating-point tensor [E, in, out].
};

/// How the elements of a logical shape lie in the tensor(s).
enum class StorageLayout : uint8_t {
  RowMajor,   ///< the logical shape, last axis contiguous.
  Transposed, ///< logical [E, out, in] stored as [E, in, out].
  Published,  ///< MXFP4: blocks [E, out, in/32, 16] and scales [E, out, in/32].
};

/// What an element of a parameter is.
enum class ElementType : uint8_t { BF16, F16, F32, F4E2M1 };

/// Where a parameter stands in the model.
enum class ParameterKind : uint8_t {
  Embedding,
  Norm,
  Linear,
  Bias,
  Sinks,
  Expert
};

/// One tensor of a checkpoint as the config prescribes it.
struct TensorSpec {
  std::string name; ///< Hugging Face name.
  DType dtype = DType::BF16;
  std::vector<uint64_t> shape;

  uint64_t byteSize() const;
};

/// One parameter: a symbol of the graph.
struct Parameter {
  std::string symbol; ///< e.g. "layers.3.attention.q.weight".
  ParameterKind kind = ParameterKind::Linear;
  std::vector<int64_t> shape; ///< logical: [out, in], [E, out, in] or [n].
  ElementType element = ElementType::BF16;
  StorageLayout layout = StorageLayout::RowMajor;
  std::vector<TensorSpec> tensors; ///< one, or blocks then scales.

  int64_t elementCount() const;
  /// Sets the element type of a parameter that is not MXFP4.
  void setFloatType(DType dtype);
};

/// The parameters of one model. Immutable once built but for element types.
class ParameterList {
public:
  /// `config` must be valid. Floating-point tensors are BF16 until a
  /// checkpoint's headers say else.
  static ParameterList create(const ModelConfig &config, ExpertForm form);

  ExpertForm form() const { return form_; }
  const std::vector<Parameter> &parameters() const { return parameters_; }
  std::vector<Parameter> &parameters() { return parameters_; }
  /// The parameter of that symbol, or null.
  const Parameter *find(std::string_view symbol) const;

  /// Tensors of all parameters together.
  size_t tensorCount() const;
  /// Trained numbers: an MXFP4 element counts one, its scale nothing.
  int64_t elementCount() const;
  /// Bytes of all tensors: the `total_size` of an index file.
  uint64_t byteSize() const;

private:
  void add(std::string symbol, ParameterKind kind, std::vector<int64_t> shape,
           std::string tensor);
  void addExpert(std::string symbol, std::vector<int64_t> shape,
                 const std::string &tensor);
  void addLinear(const std::string &symbol, const std::string &tensor,
                 int64_t out, int64_t in, bool hasBias);
  void addLayer(const ModelConfig &config, int64_t layer);

  ExpertForm form_ = ExpertForm::Mxfp4;
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string, size_t> bySymbol_;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_PARAMETERLIST_H
