gossamer_unit_test(core-tests
  core/ArtifactTest.cpp
  core/FastClockTest.cpp
  core/FileTest.cpp
  core/FloatTypesTest.cpp
  core/JsonTest.cpp
  core/ManifestTest.cpp
  core/MutationTest.cpp
  core/Mxfp4Test.cpp
  core/GgufTest.cpp
  core/NpyTest.cpp
  core/RoundTripTest.cpp
  core/SafetensorsTest.cpp
  LINK gossamer_artifact)
