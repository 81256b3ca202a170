# Compile options and the functions that declare the project's targets.

add_compile_options(-fPIC -Wall -Wextra -Wno-unused-parameter
  -ffunction-sections -fdata-sections)
add_link_options(-fuse-ld=lld -Wl,--gc-sections)
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

if(GOSSAMER_SANITIZE)
  # vptr and function checks need instrumented LLVM libraries.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr,function
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
# ccache keeps working with precompiled headers only without their time stamp.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Xclang> $<$<COMPILE_LANGUAGE:CXX>:-fno-pch-timestamp>)

# libMLIR is not instrumented, but BumpPtrAllocator is inline in our code:
# slabs that our code begins would be reported as poisoned.
if(GOSSAMER_SANITIZE)
  add_library(gossamer_asan_options OBJECT ${CMAKE_SOURCE_DIR}/cmake/asan_options.cpp)
endif()

# The one precompiled header: MLIR's headers are most of a file's compile time.
add_library(gossamer_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_include_directories(gossamer_pch SYSTEM PRIVATE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_precompile_headers(gossamer_pch PRIVATE
  <mlir/IR/Builders.h> <mlir/IR/BuiltinOps.h> <mlir/IR/DialectImplementation.h>
  <mlir/IR/OpImplementation.h> <mlir/IR/PatternMatch.h>
  <mlir/Bytecode/BytecodeOpInterface.h> <mlir/Interfaces/SideEffectInterfaces.h>
  <mlir/Interfaces/InferTypeOpInterface.h>
  <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/LLVMIR/LLVMDialect.h> <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/MemRef/IR/MemRef.h> <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/Transforms/GreedyPatternRewriteDriver.h>
  <mlir/Pass/PassManager.h>)

# gossamer_compile_alone(sources...)
# Release and sanitized builds compile several files as one (CMakePresets.json):
# half the time for all of it. These are left out of that: others have local
# functions of the same names.
function(gossamer_compile_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# gossamer_compiler_library(NAME sources... [LINK libs...])
# A library of the compiler: sees MLIR and LLVM.
function(gossamer_compiler_library name)
  cmake_parse_arguments(A "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${A_UNPARSED_ARGUMENTS})
  gossamer_use_mlir(${name})
  target_link_libraries(${name} PUBLIC ${A_LINK})
  if(A_DEPENDS)
    add_dependencies(${name} ${A_DEPENDS})
  endif()
endfunction()

# gossamer_compiler_tool(NAME sources... [LINK libs...])
function(gossamer_compiler_tool name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  gossamer_use_mlir(${name})
  target_link_libraries(${name} PRIVATE ${A_LINK})
  gossamer_use_allocator(${name})
endfunction()

# Compiling allocates so many small objects that the allocator is a sixth of its
# time: oneTBB's instead of the system's.
function(gossamer_use_allocator name)
  if(GOSSAMER_SANITIZE)
    target_link_libraries(${name} PRIVATE gossamer_asan_options)
  else()
    target_link_libraries(${name} PRIVATE TBB::tbbmalloc_proxy)
  endif()
endfunction()

function(gossamer_use_mlir name)
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
  target_precompile_headers(${name} REUSE_FROM gossamer_pch)
endfunction()

# gossamer_runtime_library(NAME sources... [LINK libs...])
# A library without MLIR and LLVM. All parsers of what comes from outside are in
# such libraries: a sanitized one also counts its branches for the fuzz targets.
function(gossamer_runtime_library name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${A_UNPARSED_ARGUMENTS})
  if(GOSSAMER_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  target_link_libraries(${name} PUBLIC ${A_LINK})
endfunction()

# gossamer_runtime_tool(NAME sources... [LINK libs...])
function(gossamer_runtime_tool name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${A_LINK})
endfunction()

# gossamer_unit_test(NAME sources... [LINK libs...] [MLIR])
# A GoogleTest program in bin/tests, found by lit.
function(gossamer_unit_test name)
  cmake_parse_arguments(A "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/tests)
  if(A_MLIR)
    gossamer_use_mlir(${name})
    gossamer_use_allocator(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${A_LINK} GTest::gtest_main)
  set_property(GLOBAL APPEND PROPERTY GOSSAMER_UNIT_TESTS ${name})
endfunction()

# All generated headers, for tools that read sources without building them.
add_custom_target(gossamer-generated)

# gossamer_protobuf(files...)
# Makes FILE.pb.cc and FILE.pb.h of Protobuf files, named from the root of the
# source tree, beside each other in the build tree.
function(gossamer_protobuf)
  foreach(file ${ARGN})
    string(REGEX REPLACE "\\.proto$" ".pb" name ${file})
    add_custom_command(
      OUTPUT ${CMAKE_BINARY_DIR}/${name}.cc ${CMAKE_BINARY_DIR}/${name}.h
      COMMAND protobuf::protoc --cpp_out=${CMAKE_BINARY_DIR} -I ${CMAKE_SOURCE_DIR}
        ${CMAKE_SOURCE_DIR}/${file}
      DEPENDS ${CMAKE_SOURCE_DIR}/${file}
      VERBATIM)
    gossamer_compile_alone(${CMAKE_BINARY_DIR}/${name}.cc)
    string(REPLACE "/" "-" target generated-${name})
    add_custom_target(${target} DEPENDS ${CMAKE_BINARY_DIR}/${name}.h)
    add_dependencies(gossamer-generated ${target})
  endforeach()
endfunction()
