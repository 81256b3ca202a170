# Everything the project needs from outside, found once.

# Debian's version file wants an equal major.minor, so "22" alone is refused.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
find_package(LLD 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/lld)
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(MLIR_LINK_MLIR_DYLIB ON)
# mlir-tblgen and friends live beside LLVM, not on PATH.
if(NOT TARGET mlir-tblgen)
  find_program(MLIR_TABLEGEN_EXE mlir-tblgen HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
endif()
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Only .so builds of LLVM and MLIR are linked; an archive beside them would
# put a second copy of LLVM into the process (docs/architecture.md).
foreach(lib lldELF lldCommon)
  get_target_property(deps ${lib} INTERFACE_LINK_LIBRARIES)
  if(deps)
    list(FILTER deps EXCLUDE REGEX "^LLVM")
    list(APPEND deps LLVM)
    set_target_properties(${lib} PROPERTIES INTERFACE_LINK_LIBRARIES "${deps}")
  endif()
endforeach()

find_package(TBB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
# Static archives keep `goss` a single binary that can be copied.
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf REQUIRED)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_library(PCRE2_LIBRARY NAMES libpcre2-8.a pcre2-8 REQUIRED)
if(GOSSAMER_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
