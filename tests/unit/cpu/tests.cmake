gossamer_compile_alone(cpu/IntegerProductTest.cpp cpu/RoutingTest.cpp)
# Kernels compiled and run one by one, and references; tests/bench has it too.
gossamer_compiler_library(GossamerKernelTesting cpu/KernelRunner.cpp
  cpu/Reference.cpp LINK GossamerCpuKernels GTest::gtest)

gossamer_unit_test(CpuKernelTests
  cpu/AttentionTest.cpp cpu/ElementTest.cpp cpu/ExpertTest.cpp
  cpu/IntegerProductTest.cpp cpu/LinearTest.cpp cpu/MathTest.cpp
  cpu/RoutingTest.cpp cpu/TargetTest.cpp
  MLIR LINK GossamerKernelTesting)
