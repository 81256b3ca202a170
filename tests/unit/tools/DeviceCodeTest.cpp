//===- DeviceCodeTest.cpp - Code for an NVIDIA chip in an artifact --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/DeviceCode.h"
#include "runtime/abi/CudaAbi.h"
#include "runtime/support/Sha256.h"
#include "tools/report/CodeReport.h"
#include "gtest/gtest.h"

#include <cstring>
#include <elf.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

constexpr char ptx[] = ".version 7.8\n.target sm_80\n\n"
                       ".visible .entry linear_1(\n\t.param .u64 p\n)\n{\n"
                       "\tret;\n}\n"
                       "\t// .globl linear_1_v2_s1\n"
                       ".visible .entry linear_1_v2_s1()\n{\n\tret;\n\n}\n"
                       ".visible .entry linear_10()\n{\n}\n"
                       ".visible .entry choose()\n{\n\tbar;\n}\n";

Elf64_Ehdr headerOf(uint16_t type, uint16_t numSections, uint64_t sections) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = type;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = numSections;
  header.e_shstrndx = 2;
  header.e_shoff = sections;
  return header;
}

Elf64_Shdr sectionOf(uint32_t name, uint32_t type, uint64_t flags,
                     uint64_t address, uint64_t offset, uint64_t size,
                     uint32_t link = 0, uint64_t entry = 0) {
  return {name, type, flags, address, offset, size, link, 0, 1, entry};
}

/// Machine code as ptxas writes it: 16 bytes of two functions.
struct Cubin {
  Elf64_Ehdr header = headerOf(ET_EXEC, 5, offsetof(Cubin, sections));
  uint8_t code[16] = {};
  char names[40] = "\0linear_1\0choose\0.nv.info";
  Elf64_Sym symbols[3]{};
  // A maximum of the stack, which is nothing here, and two numbers of
  // registers.
  struct {
    uint8_t format, kind;
    uint16_t size;
    uint32_t symbol, value;
  } info[3] = {{4, 0x11, 8, 1, 77}, {4, 0x2f, 8, 1, 40}, {4, 0x2f, 8, 2, 255}};
  Elf64_Shdr sections[5]{};

  Cubin() {
    sections[1] = sectionOf(0, SHT_PROGBITS, SHF_ALLOC, 0,
                            offsetof(Cubin, code), sizeof(code));
    sections[2] =
        sectionOf(0, SHT_STRTAB, 0, 0, offsetof(Cubin, names), sizeof(names));
    sections[3] = sectionOf(0, SHT_SYMTAB, 0, 0, offsetof(Cubin, symbols),
                            sizeof(symbols), 2, sizeof(Elf64_Sym));
    sections[4] =
        sectionOf(17, SHT_LOPROC, 0, 0, offsetof(Cubin, info), sizeof(info));
    symbols[1] = {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0, 12};
    symbols[2] = {10, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 12, 4};
  }
};

/// A code section: the table, what it points to, and relocations.
struct Object {
  static constexpr uint64_t address = 0x1000;

  Elf64_Ehdr header = headerOf(ET_DYN, 6, offsetof(Object, sections));
  goss_cuda_code table{};
  char text[sizeof(ptx)];
  Cubin cubin;
  uint8_t step[4] = {0x90, 0x90, 0x90, 0xc3};
  char names[40] = "\0goss_cuda\0goss_step";
  Elf64_Sym symbols[3]{};
  Elf64_Rela relocations[2]{};
  Elf64_Shdr sections[6]{};

  Object() {
    table.abi_version = GOSS_CUDA_ABI_VERSION;
    table.size = sizeof(table);
    table.ptx_size = sizeof(ptx) - 1;
    table.cubin_size = sizeof(cubin);
    std::memcpy(text, ptx, sizeof(ptx));
    // All of the object is one section that is loaded.
    sections[1] =
        sectionOf(0, SHT_PROGBITS, SHF_ALLOC, address, 0, sizeof(Object));
    sections[2] =
        sectionOf(0, SHT_STRTAB, 0, 0, offsetof(Object, names), sizeof(names));
    sections[3] = sectionOf(0, SHT_SYMTAB, 0, 0, offsetof(Object, symbols),
                            sizeof(symbols), 2, sizeof(Elf64_Sym));
    sections[4] = sectionOf(0, SHT_RELA, 0, 0, offsetof(Object, relocations),
                            sizeof(relocations), 3, sizeof(Elf64_Rela));
    symbols[1] = {1, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0,
                  1, address + offsetof(Object, table),     sizeof(table)};
    symbols[2] = {11, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0,
                  1,  address + offsetof(Object, step),    sizeof(step)};
    point(0, offsetof(goss_cuda_code, ptx), offsetof(Object, text));
    point(1, offsetof(goss_cuda_code, cubin), offsetof(Object, cubin));
  }

  void point(size_t relocation, size_t field, size_t target) {
    relocations[relocation] = {address + offsetof(Object, table) + field,
                               ELF64_R_INFO(0, R_X86_64_RELATIVE),
                               static_cast<int64_t>(address + target)};
  }
  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(this, 1));
  }
};

std::string refusal(const Object &object) {
  auto code = readDeviceCode(object.bytes(), "m.goss");
  return code.isOk() ? "" : code.status().message();
}

} // namespace

TEST(DeviceCode, FindsPtxAndMachineCode) {
  Object object;
  auto code = readDeviceCode(object.bytes(), "m.goss");
  ASSERT_TRUE(code.isOk()) << code.status().message();
  ASSERT_TRUE(code->has_value());
  const std::vector<DeviceFunction> &functions = (*code)->functions;
  ASSERT_EQ(functions.size(), 4U);
  EXPECT_EQ(functions[0].name, "linear_1");
  EXPECT_EQ(functions[0].ptx, ".visible .entry linear_1(\n\t.param .u64 p\n)\n"
                              "{\n\tret;\n}\n");
  EXPECT_EQ(functions[0].offset,
            offsetof(Object, cubin) + offsetof(Cubin, code));
  EXPECT_EQ(functions[0].size, 12U);
  EXPECT_EQ(functions[0].registers, 40U);
  EXPECT_EQ(functions[1].name, "linear_1_v2_s1");
  EXPECT_EQ(functions[1].size, 0U);
  EXPECT_EQ(functions[1].registers, 0U);
  EXPECT_EQ(functions[2].name, "linear_10");
  EXPECT_EQ(functions[3].name, "choose");
  EXPECT_EQ(functions[3].ptx, ".visible .entry choose()\n{\n\tbar;\n}\n");
  EXPECT_EQ(functions[3].registers, 255U);
}

TEST(DeviceCode, CompletesKernels) {
  Object object;
  proto::Report report;
  report.add_kernels()->set_symbol("linear_1");
  report.add_kernels()->set_symbol("linear_10");
  ASSERT_TRUE(addCode(object.bytes(), "m.goss", report).isOk());
  ASSERT_EQ(report.device_functions_size(), 4);
  EXPECT_EQ(report.device_functions(0).kernel(), "linear_1");
  EXPECT_EQ(report.device_functions(1).kernel(), "linear_1");
  EXPECT_EQ(report.device_functions(2).kernel(), "linear_10");
  EXPECT_EQ(report.device_functions(3).kernel(), "");
  EXPECT_EQ(report.kernels(0).code_bytes(), 12U);
  std::string both(ptx);
  size_t begin = both.find(".visible"),
         second = both.find(".visible", begin + 1);
  size_t end = both.find(".visible", second + 1);
  std::string first = both.substr(begin, both.find("\t// .globl") - begin);
  EXPECT_EQ(report.kernels(0).sha256(),
            toHex(sha256(first + both.substr(second, end - second))));
  ASSERT_EQ(report.functions_size(), 1);
  EXPECT_EQ(report.functions(0).symbol(), "goss_step");

  report.add_kernels()->set_symbol("rope_0");
  Status status = addCode(object.bytes(), "m.goss", report);
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "'rope_0'", status.message());
}

TEST(DeviceCode, MachineCodeMayBeMissing) {
  Object object;
  object.table.cubin_size = 0;
  auto code = readDeviceCode(object.bytes(), "m.goss");
  ASSERT_TRUE(code.isOk()) << code.status().message();
  for (const DeviceFunction &function : (*code)->functions)
    EXPECT_EQ(function.size + function.registers, 0U);
  object.symbols[1].st_name = 0; // No table.
  code = readDeviceCode(object.bytes(), "m.goss");
  ASSERT_TRUE(code.isOk()) << code.status().message();
  EXPECT_FALSE(code->has_value());
}

TEST(DeviceCode, RefusesWhatPointsOutside) {
  auto broken = [](auto change) {
    Object object;
    change(object);
    return refusal(object);
  };
  EXPECT_EQ(broken([](Object &o) { o.table.abi_version = 1; }),
            "m.goss: code section: expects version " +
                std::to_string(GOSS_CUDA_ABI_VERSION) +
                " of the table goss_cuda but got 1");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "version",
                      broken([](Object &o) { --o.symbols[1].st_size; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "expects to lie within",
                      broken([](Object &o) { o.table.ptx_size = ~0ULL; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "expects to lie within",
                      broken([](Object &o) { o.table.cubin_size = 1 << 20; }));
  EXPECT_PRED_FORMAT2(
      testing::IsSubstring, "expects to lie within",
      broken([](Object &o) { o.relocations[0].r_addend = -8; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "expects to lie within",
                      broken([](Object &o) { o.relocations[0].r_offset = 0; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "relocations",
                      broken([](Object &o) { o.sections[4].sh_size = ~0ULL; }));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "64-bit",
                      broken([](Object &o) { o.cubin.header.e_ident[0] = 0; }));
}

// Sanitized builds see what reads too far.
TEST(DeviceCode, SurvivesAnyByte) {
  Object object;
  auto *bytes = reinterpret_cast<uint8_t *>(&object);
  for (size_t i = 0; i < sizeof(object); ++i)
    for (uint8_t change : {0x01, 0x80, 0xff}) {
      bytes[i] ^= change;
      (void)readDeviceCode(object.bytes(), "m.goss");
      bytes[i] ^= change;
    }
  EXPECT_EQ(refusal(object), "");
}
