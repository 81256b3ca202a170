//===- VerifyConversion.h - Is a conversion right? --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_VERIFYCONVERSION_H
#define GOSSAMER_FRONTEND_CHECKPOINT_VERIFYCONVERSION_H

#include "frontend/checkpoint/Checkpoint.h"

namespace gossamer {

/// Reads the files that gossamer-manifest.json in `directory` lists: fails on
/// the first tensor or companion whose size or SHA-256 is another, naming file
/// and tensor. Returns the number of tensors; 0 where there is no manifest.
Expected<size_t> verifyManifest(const std::string &directory,
                                const ProgressFunction &progress = {});

/// Compares the config and every number of every tensor with those of `source`,
/// whatever the forms: fails on the first (in parameter order) that differs,
/// naming it. Types may differ, numbers not.
Status compareWithSource(const Checkpoint &checkpoint, const Checkpoint &source,
                         const ProgressFunction &progress = {});

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_VERIFYCONVERSION_H
