//===- CudaDriver.cpp - The driver of NVIDIA GPUs -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaDriver.h"

#include <array>
#include <cstdlib>
#include <dlfcn.h>
#include <string_view>
#include <utility>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

/// CUDA 11.8: the first one with sm_90 and PTX 7.8.
constexpr int oldestDriver = 11080;

/// What the functions are called in the library, for messages.
struct Symbol {
  std::string_view member;
  const char *symbol;
};
constexpr std::array symbols = {
#define GOSS_CUDA_SYMBOL(name, symbol, parameters) Symbol{#name, symbol},
    GOSS_CUDA_FUNCTIONS(GOSS_CUDA_SYMBOL)
#undef GOSS_CUDA_SYMBOL
};

const char *symbolOf(std::string_view member) {
  for (const Symbol &each : symbols)
    if (each.member == member)
      return each.symbol;
  return "a call of the driver";
}

Expected<Driver> loadFunctions(const char *path) {
  void *library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *error = ::dlerror();
    return unavailable("no NVIDIA driver: " +
                       std::string(error ? error : "cannot be loaded"));
  }
  // Never closed: the driver's threads and tables live as long as the process.
  Driver driver{};
#define GOSS_CUDA_LOOKUP(name, symbol, parameters)                             \
  driver.name =                                                                \
      reinterpret_cast<decltype(driver.name)>(::dlsym(library, symbol));       \
  if (!driver.name)                                                            \
    return unavailable(std::string(path) +                                     \
                       ": has no function " symbol                             \
                       "; expects a driver for CUDA " +                        \
                       formatVersion(oldestDriver) + " or later");
  GOSS_CUDA_FUNCTIONS(GOSS_CUDA_LOOKUP)
#undef GOSS_CUDA_LOOKUP
  return driver;
}

Expected<Driver> loadDriver() {
  const char *path = std::getenv("GOSSAMER_LIBCUDA");
  if (!path || !*path)
    path = "libcuda.so.1";
  GOSS_ASSIGN_OR_RETURN(Driver driver, loadFunctions(path));
  auto require = [&](const char *call, Result result) {
    Status status = driver.check(call, result);
    return status.isOk() ? status
                         : unavailable("no NVIDIA GPU: " + status.message());
  };
  GOSS_RETURN_IF_ERROR(
      require("driverGetVersion", driver.driverGetVersion(&driver.version)));
  if (driver.version < oldestDriver)
    return unavailable("NVIDIA driver: expects one for CUDA " +
                       formatVersion(oldestDriver) + " or later but got " +
                       formatVersion(driver.version));
  GOSS_RETURN_IF_ERROR(require("init", driver.init(0)));
  int count = 0;
  GOSS_RETURN_IF_ERROR(
      require("deviceGetCount", driver.deviceGetCount(&count)));
  if (count < 1)
    return unavailable("no NVIDIA GPU: the driver finds none");
  return driver;
}

} // namespace

std::string cuda::formatVersion(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

int cuda::driverForPtx(uint32_t ptxVersion) {
  // "CUDA Toolkit, PTX ISA: release notes".
  constexpr std::array<std::pair<uint32_t, int>, 11> known = {{{78, 11080},
                                                               {80, 12000},
                                                               {81, 12010},
                                                               {82, 12020},
                                                               {83, 12030},
                                                               {84, 12040},
                                                               {85, 12050},
                                                               {86, 12070},
                                                               {87, 12080},
                                                               {88, 12090},
                                                               {90, 13000}}};
  for (auto [ptx, driver] : known)
    if (ptxVersion <= ptx)
      return driver;
  return 1000 * (static_cast<int>(ptxVersion) / 10 + 4);
}

Status Driver::check(const char *call, Result result) const {
  if (result == 0)
    return Status::ok();
  const char *name = nullptr;
  const char *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  std::string message = std::string(symbolOf(call)) + ": " +
                        (name ? name : "error " + std::to_string(result));
  if (text)
    message += " (" + std::string(text) + ")";
  return result == errorOutOfMemory ? outOfMemory(message)
                                    : internalError(message);
}

Expected<const Driver *> cuda::openDriver() {
  static const Expected<Driver> driver = loadDriver();
  if (!driver)
    return driver.status();
  return &*driver;
}
