// Products with scaled weights read int8 activations.

// RUN: goss-opt %s --gptoss-outline-kernels="max-tokens=8 activation-parts=2" --mlir-print-local-scope --mlir-print-debuginfo | FileCheck %s --check-prefixes=CHECK,TWO
// RUN: goss-opt %s --gptoss-outline-kernels="max-tokens=8 activation-parts=1" --mlir-print-local-scope --mlir-print-debuginfo | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: not goss-opt %s --gptoss-outline-kernels="max-tokens=8" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not goss-opt %s --gptoss-outline-kernels="max-tokens=8 activation-parts=3" 2>&1 | FileCheck %s --check-prefix=THREE
// NONE: error: {{.*}}expects activation-parts of 1 or 2 with an i8 weight but got 0
// THREE: error: expects activation-parts of 0, 1 or 2 but got 3

// A part of a block is 32 bytes and two words; a row has a word more.
// ONE-DAG: gptoss.kernel @quantize.0 "quantize" (r memref<8x192xf32>, w memref<8x244xi8>) work affine_map<(d0, d1) -> (d0)> attributes {unit = 1.000000e+00 : f64, zero = 1.280000e+02 : f64}
// TWO-DAG: gptoss.kernel @quantize.0 "quantize" (r memref<8x192xf32>, w memref<8x484xi8>) work affine_map<(d0, d1) -> (d0)> attributes {unit = 1.000000e+00 : f64, zero = 1.280000e+02 : f64}
// TWO-DAG: gptoss.kernel @linear.0 "linear" (r memref<8x484xi8>, p !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel>, w memref<8x256xf32>) {{.*}} attributes {has_bias = false, has_residual = false, quantized = true, rows = "tokens"}
// 4-bit weights count in halves, from another zero.
// TWO-DAG: "quantize" (r memref<8x192xf32>, w memref<8x484xi8>) {{.*}} attributes {unit = 5.000000e-01 : f64, zero = 1.200000e+01 : f64}
// TWO-DAG: "quantize" (r memref<32x128xf32>, w memref<32x324xi8>) work affine_map<(d0, d1) -> (d0 * 4)> attributes {unit = 5.000000e-01 : f64, zero = 1.200000e+01 : f64}
// CHECK-DAG: "expert_gate_up" (r memref<8x{{244|484}}xi8>, {{.*}} quantized = true}
// CHECK-DAG: "expert_down" (r memref<32x{{164|324}}xi8>, {{.*}} quantized = true}

!q = !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel>
!kv = !gptoss.weight<64x192xi8, scale = bf16, block = 32, layout = row_panel>
!gate_up = !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>
!down = !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>

// Quantized once for all products of an input; a weight that is not scaled
// reads the input itself.
// CHECK-LABEL: func.func @heads(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x192xf32>
// CHECK: %[[B:.*]] = memref.alloc() : memref<8x{{244|484}}xi8>
// CHECK: gptoss.dispatch @quantize.0 items(%{{.*}}) (%[[X]], %[[B]]) {{.*}} loc("layers.0.attention.quantize")
// CHECK-NOT: @quantize
// CHECK: gptoss.dispatch @linear.{{.*}} (%[[B]], {{.*}} loc("layers.0.attention.q")
// CHECK: gptoss.dispatch @linear.{{.*}} (%[[B]], {{.*}} loc("layers.0.attention.k")
// CHECK: gptoss.dispatch @linear.{{.*}} (%[[B]], {{.*}} loc("layers.0.attention.v")
// CHECK: gptoss.dispatch @linear.{{.*}} (%[[X]],
func.func @heads(%x: tensor<?x192xf32>, %q: !q, %k: !kv, %v: !kv, %w: !gptoss.weight<100x192xbf16>) -> (tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x100xf32>) {
  %0 = gptoss.linear %x, %q : (tensor<?x192xf32>, !q) -> tensor<?x256xf32> loc("layers.0.attention.q")
  %1 = gptoss.linear %x, %k : (tensor<?x192xf32>, !kv) -> tensor<?x64xf32> loc("layers.0.attention.k")
  %2 = gptoss.linear %x, %v : (tensor<?x192xf32>, !kv) -> tensor<?x64xf32> loc("layers.0.attention.v")
  %3 = gptoss.linear %x, %w : (tensor<?x192xf32>, !gptoss.weight<100x192xbf16>) -> tensor<?x100xf32>
  return %0, %1, %2, %3 : tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x100xf32>
}

// The router reads floats; each expert product has an input of its own.
// CHECK-LABEL: func.func @moe(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x192xf32>
// CHECK: gptoss.dispatch @linear.{{.*}} (%[[X]], {{.*}} loc("layers.0.mlp.router")
// CHECK: gptoss.dispatch @route.0
// CHECK: gptoss.dispatch @quantize.{{.*}} (%[[X]], %[[B:[^)]+]]) {{.*}} loc("layers.0.mlp.quantize")
// CHECK: gptoss.dispatch @expert_gate_up.0 {{.*}} (%[[B]], {{.*}}, %[[H:[^),]+]]) : {{.*}} loc("layers.0.mlp.expert_gate_up")
// CHECK: gptoss.dispatch @quantize.{{.*}} (%[[H]], %[[HB:[^)]+]]) {{.*}} loc("layers.0.mlp.quantize_hidden")
// CHECK: gptoss.dispatch @expert_down.0 {{.*}} (%[[HB]], {{.*}} loc("layers.0.mlp.residual")
func.func @moe(%x: tensor<?x192xf32>, %rw: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !gate_up, %gb: !gptoss.weight<16x256xbf16>, %d: !down, %db: !gptoss.weight<16x192xbf16>) -> tensor<?x192xf32> {
  %0 = gptoss.moe %x router %rw, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gate_up, !gptoss.weight<16x256xbf16>, !down, !gptoss.weight<16x192xbf16> loc("layers.0.mlp.residual")
  return %0 : tensor<?x192xf32>
}
