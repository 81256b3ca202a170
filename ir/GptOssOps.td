//===- GptOssOps.td - All operations of the dialect --------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSOPS_TD
#define GOSSAMER_IR_GPTOSSOPS_TD

include "ir/GptOssGraphOps.td"
include "ir/GptOssAttentionOps.td"
include "ir/GptOssFusedOps.td"
include "ir/GptOssPlanOps.td"

#endif // GOSSAMER_IR_GPTOSSOPS_TD
