# A compiled step in miniature. Plain options: it must need nothing from the
# program that loads it, sanitizers included.
set(exec_step ${CMAKE_BINARY_DIR}/tests/unit/exec/tiny_step.so)
add_custom_command(
  OUTPUT ${exec_step}
  COMMAND ${CMAKE_C_COMPILER} -std=c11 -O1 -shared -fPIC -nostdlib
    -I ${CMAKE_SOURCE_DIR} -o ${exec_step}
    ${CMAKE_CURRENT_SOURCE_DIR}/exec/tiny_step.c
  DEPENDS exec/tiny_step.c ${CMAKE_SOURCE_DIR}/runtime/abi/StepAbi.h
  VERBATIM)
add_custom_target(gossamer_exec_step DEPENDS ${exec_step})

gossamer_unit_test(gossamer_device_tests
  exec/CpuDeviceTest.cpp
  exec/CpuFeaturesTest.cpp
  exec/WorkBoardTest.cpp
  LINK gossamer_device)
target_compile_definitions(gossamer_device_tests PRIVATE
  GOSSAMER_TINY_STEP="${exec_step}")
add_dependencies(gossamer_device_tests gossamer_exec_step)

gossamer_unit_test(gossamer_model_tests
  exec/KvCacheTest.cpp
  exec/ModelTest.cpp
  exec/SchedulerTest.cpp
  exec/SessionTest.cpp
  LINK gossamer_model)
target_compile_definitions(gossamer_model_tests PRIVATE
  GOSSAMER_TINY_STEP="${exec_step}")
add_dependencies(gossamer_model_tests gossamer_exec_step)

gossamer_unit_test(gossamer_generate_tests
  exec/GeneratorTest.cpp
  exec/RandomTest.cpp
  exec/SamplerTest.cpp exec/TokenWeightTest.cpp
  LINK gossamer_generate)

gossamer_compile_alone(exec/AllocationCounter.cpp)
gossamer_unit_test(gossamer_allocation_tests
  exec/AllocationCounter.cpp
  exec/AllocationTest.cpp
  LINK gossamer_generate)
target_compile_definitions(gossamer_allocation_tests PRIVATE
  GOSSAMER_TINY_STEP="${exec_step}")
add_dependencies(gossamer_allocation_tests gossamer_exec_step)

# The example of the manual, compiled as C and run by the tests.
add_executable(gossamer_generate_example
  ${CMAKE_SOURCE_DIR}/docs/examples/generate.c)
set_target_properties(gossamer_generate_example PROPERTIES
  C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/examples
  OUTPUT_NAME generate)
target_link_libraries(gossamer_generate_example PRIVATE gossamer)

gossamer_unit_test(gossamer_capi_tests
  exec/CApiTest.cpp
  LINK gossamer_capi)
target_compile_definitions(gossamer_capi_tests PRIVATE
  GOSSAMER_TINY_STEP="${exec_step}"
  GOSSAMER_GENERATE_EXAMPLE="$<TARGET_FILE:gossamer_generate_example>"
  GOSSAMER_SHARED_LIBRARY="$<TARGET_FILE:gossamer>"
  GOSSAMER_NM="${CMAKE_NM}")
add_dependencies(gossamer_capi_tests
  gossamer_exec_step gossamer_generate_example)

# The same for the target cuda, on a GPU that only exists in tests.
set(exec_cuda_step ${CMAKE_BINARY_DIR}/tests/unit/exec/tiny_cuda_step.so)
add_custom_command(
  OUTPUT ${exec_cuda_step}
  COMMAND ${CMAKE_C_COMPILER} -std=c11 -O1 -shared -fPIC -nostdlib
    -I ${CMAKE_SOURCE_DIR} -o ${exec_cuda_step}
    ${CMAKE_CURRENT_SOURCE_DIR}/exec/tiny_cuda_step.c
  DEPENDS exec/tiny_cuda_step.c ${CMAKE_SOURCE_DIR}/runtime/abi/StepAbi.h
    ${CMAKE_SOURCE_DIR}/runtime/abi/CudaAbi.h
  VERBATIM)
add_custom_target(gossamer_exec_cuda_step DEPENDS ${exec_cuda_step})

gossamer_unit_test(gossamer_cuda_device_tests
  exec/CudaChoiceTest.cpp
  exec/CudaDeviceTest.cpp
  exec/TinyCuda.cpp
  LINK gossamer_generate ${CMAKE_DL_LIBS})
target_compile_definitions(gossamer_cuda_device_tests PRIVATE
  GOSSAMER_FAKE_LIBCUDA="$<TARGET_FILE:gossamer_fake_cuda>"
  GOSSAMER_TINY_CUDA_STEP="${exec_cuda_step}"
  GOSSAMER_TINY_STEP="${exec_step}")
add_dependencies(gossamer_cuda_device_tests
  gossamer_exec_cuda_step gossamer_exec_step gossamer_fake_cuda)
