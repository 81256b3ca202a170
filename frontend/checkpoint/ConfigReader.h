//===- ConfigReader.h - Fields of a config.json -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to ModelConfig.cpp: maps JSON members to a ModelConfig, with their
// aliases, defaults and ranges. Checks between fields are ModelConfig's.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CONFIGREADER_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CONFIGREADER_H

#include "frontend/checkpoint/ModelConfig.h"
#include "runtime/support/Json.h"

namespace gossamer {

/// Fills `config` from the root of a config.json.
Status readConfig(JsonValue root, ModelConfig &config);

/// Fills the end, begin and padding tokens that `root` names; others stay.
Status readSpecialTokens(JsonValue root, ModelConfig &config);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CONFIGREADER_H
