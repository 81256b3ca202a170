gossamer_unit_test(CpuKernelTests
  cpu/KernelRunner.cpp cpu/Reference.cpp cpu/AttentionTest.cpp
  cpu/ElementTest.cpp cpu/ExpertTest.cpp cpu/IntegerProductTest.cpp cpu/LinearTest.cpp cpu/MathTest.cpp
  cpu/RoutingTest.cpp cpu/TargetTest.cpp
  MLIR LINK GossamerCpuKernels)
