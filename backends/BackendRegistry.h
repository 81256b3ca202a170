//===- BackendRegistry.h - The backends of this process ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Backends by name, and the loading of backends from shared libraries.
//
// A plug-in is a shared library built against the headers of this project and
// the same libMLIR. It takes the symbols of Backend and BackendRegistry from
// the tool that loads it, and says in one .cpp file:
//
//   static void registerToy(gossamer::BackendRegistry &registry) {
//     registry.add(std::make_unique<ToyBackend>());
//   }
//   GOSSAMER_BACKEND_PLUGIN(registerToy)
//
// Not thread-safe: fill the registry before it is shared.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_BACKENDREGISTRY_H
#define GOSSAMER_BACKENDS_BACKENDREGISTRY_H

#include "backends/Backend.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

/// Raised with every change of Backend.h or BackendRegistry.h that breaks a
/// plug-in built before it.
#define GOSSAMER_BACKEND_API_VERSION 3

/// Defines the two symbols that loadBackendPlugin looks for.
#define GOSSAMER_BACKEND_PLUGIN(registerFunction)                              \
  extern "C" unsigned gossamerBackendApiVersion() {                            \
    return GOSSAMER_BACKEND_API_VERSION;                                       \
  }                                                                            \
  extern "C" void gossamerRegisterBackend(                                     \
      gossamer::BackendRegistry &registry) {                                   \
    registerFunction(registry);                                                \
  }

namespace gossamer {

/// Owns backends; names are unique.
class BackendRegistry {
public:
  /// Takes `backend`. Fails with StatusCode::Usage when its name is taken.
  Status add(std::unique_ptr<Backend> backend);

  /// Returns the backend called `name`, or nullptr. The registry owns it.
  const Backend *lookup(llvm::StringRef name) const;

  /// Returns all backends in the order they were added.
  std::vector<const Backend *> list() const;

  /// Prints a line a backend: the text of --list-targets.
  void printTargets(llvm::raw_ostream &os) const;

  /// Adds the backends of the shared library at `path`. The library stays
  /// loaded until the process ends. Fails with NotFound when the file cannot
  /// be loaded, and with Usage when it is no plug-in, is one for another
  /// version of this interface, or registers a name that is taken.
  Status loadBackendPlugin(const std::string &path);

private:
  std::vector<std::unique_ptr<Backend>> backends_;
  /// First failure of `add` while a plug-in registers itself.
  Status pluginStatus_;
};

/// Same as registry.loadBackendPlugin(path).
Status loadBackendPlugin(const std::string &path, BackendRegistry &registry);

} // namespace gossamer

#endif // GOSSAMER_BACKENDS_BACKENDREGISTRY_H
