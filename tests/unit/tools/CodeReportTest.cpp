//===- CodeReportTest.cpp - Machine code of the kernels -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/CodeReport.h"
#include "runtime/support/Sha256.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <unistd.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

/// A shared object of 16 bytes of code, with the function `kernel` at 4: all
/// that a reader of symbols looks at, to be broken by tests.
struct SmallObject {
  Elf64_Ehdr header{};
  uint8_t code[16] = {0x90, 0x90, 0x90, 0x90, 0x90, 0xc3, 0x90, 0x90,
                      0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
  char names[16] = "\0kernel\0data";
  Elf64_Sym symbols[3]{};
  Elf64_Shdr sections[4]{};

  SmallObject() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 4;
    header.e_shstrndx = 2;
    header.e_shoff = offsetof(SmallObject, sections);
    sections[1] = {1,
                   SHT_PROGBITS,
                   SHF_ALLOC | SHF_EXECINSTR,
                   0x1000,
                   offsetof(SmallObject, code),
                   sizeof(code),
                   0,
                   0,
                   1,
                   0};
    sections[2] = {
        0, SHT_STRTAB, 0, 0, offsetof(SmallObject, names), sizeof(names),
        0, 0,          1, 0};
    sections[3] = {0,
                   SHT_SYMTAB,
                   0,
                   0,
                   offsetof(SmallObject, symbols),
                   sizeof(symbols),
                   2,
                   1,
                   8,
                   sizeof(Elf64_Sym)};
    symbols[1] = {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x1004, 2};
    symbols[2] = {8, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1, 0x1000, 1};
  }

  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(this, 1));
  }
};

/// The message of a refusal.
std::string refusal(const SmallObject &object) {
  Expected<std::vector<CodeSymbol>> symbols =
      readCodeSymbols(object.bytes(), "m.goss");
  EXPECT_FALSE(symbols.isOk());
  EXPECT_EQ(symbols.status().code(), StatusCode::InvalidData);
  return symbols.status().message();
}

TEST(CodeReport, FindsFunctions) {
  SmallObject object;
  Expected<std::vector<CodeSymbol>> symbols =
      readCodeSymbols(object.bytes(), "m.goss");
  ASSERT_TRUE(symbols.isOk()) << symbols.status().message();
  ASSERT_EQ(symbols->size(), 1U);
  EXPECT_EQ(symbols->front().name, "kernel");
  EXPECT_EQ(symbols->front().address, 0x1004U);
  EXPECT_EQ(symbols->front().offset, offsetof(SmallObject, code) + 4);
  EXPECT_EQ(symbols->front().size, 2U);
}

TEST(CodeReport, CompletesKernels) {
  SmallObject object;
  proto::Report report;
  report.add_kernels()->set_symbol("kernel");
  ASSERT_TRUE(addCode(object.bytes(), "m.goss", report).isOk());
  EXPECT_EQ(report.kernels(0).code_bytes(), 2U);
  EXPECT_EQ(report.kernels(0).sha256(), toHex(sha256("\x90\xc3")));
  EXPECT_EQ(report.functions_size(), 0);
  report.add_kernels()->set_symbol("other");
  Status status = addCode(object.bytes(), "m.goss", report);
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "'other'", status.message());
}

TEST(CodeReport, ListsOtherFunctions) {
  SmallObject object;
  proto::Report report;
  ASSERT_TRUE(addCode(object.bytes(), "m.goss", report).isOk());
  ASSERT_EQ(report.functions_size(), 1);
  EXPECT_EQ(report.functions(0).symbol(), "kernel");
  EXPECT_EQ(report.functions(0).code_bytes(), 2U);
}

TEST(CodeReport, SaysNothingOfOtherFormats) {
  proto::Report report;
  report.add_kernels()->set_symbol("kernel");
  std::string_view text = ".version 8.0";
  EXPECT_TRUE(addCode(std::as_bytes(std::span(text)), "m.goss", report).isOk());
  EXPECT_EQ(report.kernels(0).code_bytes(), 0U);
}

TEST(CodeReport, RefusesBrokenObjects) {
  constexpr uint64_t huge = ~uint64_t(0) - 8;
  auto broken = [](auto change) {
    SmallObject object;
    change(object);
    return refusal(object);
  };
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "64-bit",
      broken([](SmallObject &o) { o.header.e_ident[EI_CLASS] = 1; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "section headers",
                      broken([](SmallObject &o) { o.header.e_shoff = huge; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "section headers",
      broken([](SmallObject &o) { o.header.e_shnum = 0xFFFF; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "64",
                      broken([](SmallObject &o) { o.header.e_shentsize = 1; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "no symbol table",
                      broken([](SmallObject &o) { o.header.e_shnum = 0; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "symbol table",
      broken([](SmallObject &o) { o.sections[3].sh_offset = huge; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "section 9",
      broken([](SmallObject &o) { o.sections[3].sh_link = 9; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "symbols of",
      broken([](SmallObject &o) { o.sections[3].sh_entsize = 0; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "string table",
      broken([](SmallObject &o) { o.sections[2].sh_size = huge; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "name", broken([](SmallObject &o) {
                        o.symbols[1].st_name = 77;
                      }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "name", broken([](SmallObject &o) {
                        std::memset(o.names, 'x', sizeof(o.names));
                      }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "sections",
      broken([](SmallObject &o) { o.symbols[1].st_shndx = 12; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "'kernel'",
      broken([](SmallObject &o) { o.symbols[1].st_value = 0; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "'kernel'",
      broken([](SmallObject &o) { o.symbols[1].st_size = huge; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "'kernel'",
      broken([](SmallObject &o) { o.sections[1].sh_offset = huge; }));
}

TEST(CodeReport, RefusesEveryTruncation) {
  SmallObject object;
  for (size_t size = SELFMAG; size < object.bytes().size(); ++size)
    EXPECT_FALSE(readCodeSymbols(object.bytes().first(size), "m").isOk())
        << size;
}

/// Sets PATH for as long as it lives.
class PathGuard {
public:
  explicit PathGuard(const char *path) : old_(std::getenv("PATH")) {
    ::setenv("PATH", path, 1);
  }
  ~PathGuard() { ::setenv("PATH", old_.c_str(), 1); }

private:
  std::string old_;
};

TEST(Disassembly, SaysWhatToInstall) {
  PathGuard path("/nonexistent");
  SmallObject object;
  Expected<std::string> text =
      disassemble(object.bytes(), {"kernel", 0x1004, 0, 2});
  ASSERT_FALSE(text.isOk());
  EXPECT_EQ(text.status().code(), StatusCode::Unavailable);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "install llvm-22",
                      text.status().message());
}

TEST(Disassembly, ShowsInstructionsOfTheFunctionOnly) {
  SmallObject object;
  Expected<std::string> text =
      disassemble(object.bytes(), {"kernel", 0x1004, 0, 2});
  if (!text && text.status().code() == StatusCode::Unavailable)
    GTEST_SKIP() << text.status().message();
  ASSERT_TRUE(text.isOk()) << text.status().message();
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "<kernel>:\n", *text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "1004:", *text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "ret", *text);
  EXPECT_PRED_FORMAT2(testing::IsNotSubstring, "1006:", *text);
}

} // namespace
