gossamer_unit_test(ir-tests
  ir/CostTest.cpp
  ir/KernelOperationTest.cpp
  ir/RopeTest.cpp
  ir/TypesTest.cpp
  MLIR
  LINK GossamerPasses)
