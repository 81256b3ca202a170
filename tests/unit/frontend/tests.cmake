gossamer_unit_test(CheckpointTests
  frontend/CheckpointTest.cpp frontend/ModelConfigTest.cpp frontend/SynthTest.cpp
  frontend/PackedWeightsTest.cpp frontend/TensorProducersTest.cpp
  LINK GossamerCheckpoint)
gossamer_unit_test(GraphBuilderTests MLIR
  frontend/GraphBuilderTest.cpp
  LINK GossamerFrontend)
