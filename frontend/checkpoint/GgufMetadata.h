//===- GgufMetadata.h - Config and tokenizer in GGUF ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_GGUFMETADATA_H
#define GOSSAMER_FRONTEND_CHECKPOINT_GGUFMETADATA_H

#include "frontend/checkpoint/TensorReader.h"
#include "runtime/weights/Gguf.h"

namespace gossamer {

/// Reads the config, and as companions the tokenizer and the chat template.
Status readGgufMetadata(const GgufFile &file, CheckpointContents &contents);

/// Writes them. Fails with InvalidData on a config or tokenizer that GGUF's
/// keys cannot say.
Status writeGgufMetadata(const ModelConfig &config,
                         const std::optional<Companion> &tokenizer,
                         const std::optional<Companion> &chatTemplate,
                         GgufHeader &header);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_GGUFMETADATA_H
