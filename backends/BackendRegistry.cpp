//===- BackendRegistry.cpp - The backends of this process -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/BackendRegistry.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <dlfcn.h>

namespace gossamer {

// Out of line, so that plug-ins share this vtable.
Backend::~Backend() = default;

llvm::StringRef stringifyMathMode(MathMode mode) {
  switch (mode) {
  case MathMode::Exact:
    return "exact";
  case MathMode::Fast:
    return "fast";
  case MathMode::Int8:
    return "int8";
  }
  return "unknown";
}

unsigned Backend::activationParts(MathMode mode) const {
  switch (mode) {
  case MathMode::Exact:
    return 0;
  case MathMode::Fast:
    return 2;
  case MathMode::Int8:
    return 1;
  }
  return 0;
}

Status BackendRegistry::add(std::unique_ptr<Backend> backend) {
  if (lookup(backend->name())) {
    Status status = usageError("backend '" + backend->name().str() +
                               "' is registered twice");
    if (pluginStatus_.isOk())
      pluginStatus_ = status;
    return status;
  }
  backends_.push_back(std::move(backend));
  return Status::ok();
}

const Backend *BackendRegistry::lookup(llvm::StringRef name) const {
  for (const auto &backend : backends_)
    if (backend->name() == name)
      return backend.get();
  return nullptr;
}

std::vector<const Backend *> BackendRegistry::list() const {
  std::vector<const Backend *> result;
  result.reserve(backends_.size());
  for (const auto &backend : backends_)
    result.push_back(backend.get());
  return result;
}

void BackendRegistry::printTargets(llvm::raw_ostream &os) const {
  size_t width = 0;
  for (const auto &backend : backends_)
    width = std::max(width, backend->name().size());
  for (const auto &backend : backends_)
    os << llvm::left_justify(backend->name(), width) << "  "
       << backend->description() << "\n";
}

Status BackendRegistry::loadBackendPlugin(const std::string &path) {
  // dlopen searches the library path for a bare name; a path is meant.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return notFound("cannot load backend: " + std::string(dlerror()));

  auto version = reinterpret_cast<unsigned (*)()>(
      dlsym(library, "gossamerBackendApiVersion"));
  auto registerBackend = reinterpret_cast<void (*)(BackendRegistry &)>(
      dlsym(library, "gossamerRegisterBackend"));
  if (!version || !registerBackend) {
    dlclose(library);
    return usageError(path + " is not a backend: expects the symbols "
                             "gossamerBackendApiVersion and "
                             "gossamerRegisterBackend");
  }
  if (unsigned found = version(); found != GOSSAMER_BACKEND_API_VERSION) {
    dlclose(library);
    return usageError(path +
                      " is built for another version of the backend "
                      "interface: expects " +
                      std::to_string(GOSSAMER_BACKEND_API_VERSION) +
                      " but got " + std::to_string(found));
  }
  pluginStatus_ = Status::ok();
  registerBackend(*this);
  return pluginStatus_.withContext(path);
}

Status loadBackendPlugin(const std::string &path, BackendRegistry &registry) {
  return registry.loadBackendPlugin(path);
}

} // namespace gossamer
