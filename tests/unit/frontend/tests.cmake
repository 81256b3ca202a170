gossamer_compile_alone(frontend/PackedWeightsTest.cpp)
gossamer_unit_test(CheckpointTests
  frontend/BrokenCheckpointTest.cpp frontend/CheckpointTest.cpp
  frontend/FloatArraysTest.cpp
  frontend/ModelConfigTest.cpp frontend/PackedWeightsTest.cpp
  frontend/ParameterListTest.cpp frontend/SynthTest.cpp
  frontend/TensorProducersTest.cpp
  LINK GossamerCheckpoint)
gossamer_unit_test(GraphBuilderTests MLIR
  frontend/GraphBuilderTest.cpp
  LINK GossamerFrontend)
