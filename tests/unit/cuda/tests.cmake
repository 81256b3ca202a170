gossamer_compiler_library(GossamerCudaKernelTesting
  cuda/KernelCase.cpp cuda/KernelRunner.cpp
  LINK GossamerCudaKernels GossamerGpuInterpreter GossamerKernelTesting)

gossamer_unit_test(CudaKernelTests
  cuda/AttentionTest.cpp cuda/ChoiceTest.cpp cuda/MergedTest.cpp
  cuda/ProductTest.cpp cuda/RowTest.cpp
  MLIR LINK GossamerCudaKernelTesting gossamer_generate)
