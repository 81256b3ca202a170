// RUN: goss-opt %s --gptoss-cuda-expand-kernels="chip=sm_90 opt-level=0" | FileCheck %s

// A grid has 2^31 blocks in x and 65,535 in y and z: what grows with the tokens
// of a step times the experts of a token is in x.
// CHECK: grid = [array<i64: 1, 1, 4, 0>, array<i64: 0, 1, 5, 0>, array<i64: 0, 1, 1, 0>]{{.*}}symbol = "expert_linear"
gptoss.kernel @expert_linear "expert_linear" (r memref<32768x64xf32>, r memref<32768x4xi32>, p !gptoss.weight<8x40x64xbf16, layout = transposed>, p !gptoss.weight<8x40xbf16>, w memref<32768x4x40xf32>) work affine_map<(t, r) -> (t)> kind "plain" attributes {}
