gossamer_compile_alone(text/HarmonyParserTest.cpp)
gossamer_unit_test(text-tests
  text/ConversationTest.cpp
  text/HarmonyParserTest.cpp
  text/TextTestSupport.cpp
  text/TokenizerFileTest.cpp
  text/TokenizerTest.cpp
  text/Utf8Test.cpp
  LINK gossamer_text)
