//===- GraphBuilder.h - The graph level of a model --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes down what the paper says, in primitive operations on tensors and with
// parameters as symbols. Nothing is fused here: fusions are passes. Needs no
// weights.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_GRAPH_GRAPHBUILDER_H
#define GOSSAMER_FRONTEND_GRAPH_GRAPHBUILDER_H

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/ParameterList.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace gossamer {

/// What is decided when a graph is built.
struct GraphOptions {
  /// Positions a sequence may have; 0 takes the config's.
  int64_t maxContext = 0;
  /// How keys and values are stored: F32 or BF16.
  ElementType cacheElement = ElementType::F32;
};

/// Positions that share a page of the KV cache.
inline constexpr int64_t pageTokens = 16;

/// Loads the dialects that buildGraph uses into `context`.
void loadGraphDialects(mlir::MLIRContext &context);

/// Builds the module with the model's parameters and its function `step`.
/// `config` must be valid and `parameters` made from it. Fails, with a
/// diagnostic in `context`, when an option is out of range. The same arguments
/// give the same module, operation by operation.
///
/// Every operation has a NameLoc: the parameter's symbol for its uses, the
/// module path for the rest ("layers.3.attention.q"). The two additions
/// "layers.N.attention.residual" and "layers.N.mlp.residual" give the residual
/// stream after the attention and after the layer.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
buildGraph(mlir::MLIRContext &context, const ModelConfig &config,
           const ParameterList &parameters, const GraphOptions &options = {});

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_GRAPH_GRAPHBUILDER_H
