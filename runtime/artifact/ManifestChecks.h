//===- ManifestChecks.h - Rules of a manifest -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ARTIFACT_MANIFESTCHECKS_H
#define GOSSAMER_RUNTIME_ARTIFACT_MANIFESTCHECKS_H

#include "runtime/artifact/manifest.pb.h"
#include "runtime/support/Status.h"
#include <cstdint>
#include <optional>
#include <string>

namespace gossamer {

/// Checks everything that can be checked of a manifest by itself, so that its
/// users index and multiply without checks of their own:
///   - format and step ABI version are ours;
///   - the sizes of the model and of a step are positive and bounded, heads
///     divide, vocabulary ids are below vocab_size;
///   - the cache groups hold each layer once, in ascending order, with the
///     layer's window and the page size that follows from the layout;
///   - every tensor has the size of its dtype and shape and lies within its
///     file after the header, or within the embedded weights;
///   - every kernel says how many items a launch has, by 1 to 8 bounds;
///   - weight files have distinct relative names;
///   - every launch names a kernel and has its number of bindings, and every
///     binding lies in the arena or names a tensor or a cache group.
/// `weightsBytes` is the size of the section `weights`, if there is one.
Status checkManifest(const proto::Manifest &manifest,
                     std::optional<uint64_t> weightsBytes);

/// The one encoding of a manifest: equal contents give equal bytes.
std::string serializeManifest(const proto::Manifest &manifest);

/// Bytes that one layer takes of a page of the layout.
uint64_t cacheLayerBytes(const proto::CacheLayout &cache);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_ARTIFACT_MANIFESTCHECKS_H
