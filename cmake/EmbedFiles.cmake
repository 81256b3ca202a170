# Makes a C++ file that holds files of the source tree. Run as a script:
#   cmake -DOUTPUT=FILE.cpp -DHEADER=INCLUDE -DFUNCTION=NAME -DROOT=DIR
#         -DFILES=a;b -P EmbedFiles.cmake
# defines, in namespace gossamer::tools, what HEADER declares:
#   std::span<const EmbeddedFile> NAME();   // in the order of FILES
set(arrays "")
set(entries "")
set(index 0)
foreach(file ${FILES})
  file(READ ${ROOT}/${file} bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
  file(SIZE ${ROOT}/${file} size)
  string(APPEND arrays "const unsigned char bytes${index}[] = {\n${bytes}0};\n")
  string(APPEND entries "      {\"${file}\", {reinterpret_cast<const char *>(bytes${index}), ${size}}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "// Made by EmbedFiles.cmake.
#include \"@HEADER@\"

namespace {
@arrays@
} // namespace

namespace gossamer::tools {

std::span<const EmbeddedFile> @FUNCTION@() {
  static const EmbeddedFile files[] = {
@entries@  };
  return files;
}

} // namespace gossamer::tools
")
