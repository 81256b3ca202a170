//===- AssemblyTextTest.cpp - Functions and loops of assembler text -------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/AssemblyText.h"
#include "gtest/gtest.h"

using namespace gossamer;

namespace {

/// Two functions as LLVM writes them; the second calls the first.
constexpr llvm::StringLiteral kText = R"(	.file	"gossamer"
	.section	.rodata.cst4,"aM",@progbits,4
.LCPI0_0:
	.long	0x3f800000
	.section	.text."cpu.sum","ax",@progbits
	.type	"cpu.sum",@function
"cpu.sum":                              # @cpu.sum
.LBB0_1:                                # an outer loop
	xorl	%eax, %eax
.LBB0_2:                                # its inner one
	vaddps	(%rdi), %zmm0, %zmm0
	vmulps	%zmm1, %zmm0, %zmm0
	addq	$64, %rdi
	decq	%rsi
	jne	.LBB0_2
.LBB0_3:                                # and another
	vaddps	(%rdi), %zmm0, %zmm0
	incq	%rax
	cmpq	%rax, %rdx
	incq	%rbx
	incq	%rcx
	jb	.LBB0_3
	decq	%r8
	jne	.LBB0_1
	retq
.Lfunc_end0:
	.size	"cpu.sum", .Lfunc_end0-"cpu.sum"

	.globl	goss_kernel_0
	.type	goss_kernel_0,@function
goss_kernel_0:
	callq	"cpu.sum"
	jmp	somewhere@PLT
.Lfunc_end1:
	.size	goss_kernel_0, .Lfunc_end1-goss_kernel_0
)";

TEST(AssemblyText, ExtractsAFunctionWithWhatItCalls) {
  AssemblyText text(kText);
  std::string alone = text.extract("cpu.sum");
  EXPECT_NE(alone.find(".LCPI0_0:"), std::string::npos);
  EXPECT_EQ(alone.find("goss_kernel_0"), std::string::npos);
  std::string kernel = text.extract("goss_kernel_0");
  EXPECT_TRUE(llvm::StringRef(kernel).starts_with(alone));
  EXPECT_TRUE(llvm::StringRef(kernel).ends_with(
      "	.size	goss_kernel_0, .Lfunc_end1-goss_kernel_0\n"));
  EXPECT_EQ(text.extract("goss_kernel_1"), "");
}

TEST(AssemblyText, FindsTheInnermostLoopWithMostArithmetic) {
  std::optional<AssemblyLoop> loop =
      AssemblyText(kText).findHotLoop("goss_kernel_0");
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->function, "cpu.sum");
  EXPECT_EQ(loop->lines.front(), ".LBB0_2:");
  EXPECT_EQ(loop->lines.back(), "jne\t.LBB0_2");
  EXPECT_EQ(loop->instructions, 5U);
  EXPECT_EQ(loop->vectorArithmetic, 2U);
}

TEST(AssemblyText, CountsMnemonics) {
  auto counts = AssemblyText(kText).countMnemonics();
  EXPECT_EQ(counts["vaddps"], 2);
  EXPECT_EQ(counts["incq"], 3);
  EXPECT_EQ(counts.count(".long"), 0U);
}

TEST(AssemblyText, TakesAnyText) {
  for (llvm::StringRef text :
       {"", "\n", "launch 0: embedding of 3 bindings\n", ".type x,@function\n",
        ".type x,@function\nx:\n\tjmp\tx\n.Lfunc_end0:",
        ".type x,@function\nx:\n\tje\t\n\tcall\n.Lfunc_end0:\n"}) {
    AssemblyText read(text);
    read.extract("x");
    EXPECT_FALSE(read.findHotLoop("y"));
    read.findHotLoop("x");
  }
}

} // namespace
