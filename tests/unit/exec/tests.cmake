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
  exec/SamplerTest.cpp
  LINK gossamer_generate)
