gossamer_unit_test(CpuKernelTests
  cpu/KernelRunner.cpp cpu/Reference.cpp cpu/LinearTest.cpp
  MLIR LINK GossamerCpuKernels)
