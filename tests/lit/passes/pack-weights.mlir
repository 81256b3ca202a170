// Row panels of experts and of the matrices of gptoss.linear.

// RUN: goss-opt %s --gptoss-pack-weights="mxfp4" --mlir-print-local-scope | FileCheck %s --check-prefixes=CHECK,EXPERTS
// RUN: goss-opt %s --gptoss-pack-weights="dense=int8" --mlir-print-local-scope | FileCheck %s --check-prefixes=CHECK,DENSE
// RUN: goss-opt %s --gptoss-pack-weights="mxfp4 dense=int8" --mlir-print-local-scope | FileCheck %s --check-prefixes=CHECK,BOTH
// RUN: goss-opt %s --gptoss-pack-weights="dense=int8-channel" --mlir-print-local-scope | FileCheck %s --check-prefixes=CHECK,CHANNEL
// RUN: goss-opt %s --gptoss-pack-weights > %t.none.mlir
// RUN: goss-opt %s --gptoss-pack-weights="dense=bf16" > %t.bf16.mlir
// RUN: goss-opt %s > %t.same.mlir
// RUN: diff %t.none.mlir %t.same.mlir
// RUN: diff %t.bf16.mlir %t.same.mlir
// RUN: not goss-opt %s --gptoss-pack-weights="dense=int4" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: dense option: Cannot find option named 'int4'
// RUN: goss-opt %s --gptoss-pack-weights="mxfp4 dense=int8" --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!gate_up = !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>
!down = !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>

// Looked up: never rounded, though it is a matrix.
// CHECK-DAG: @embed : !gptoss.weight<3072x192xbf16> from
gptoss.parameter @embed : !gptoss.weight<3072x192xbf16> from ["embed"]
// Looked up and multiplied with: both uses would see the change.
// CHECK-DAG: @tied : !gptoss.weight<3072x192xbf16> from
gptoss.parameter @tied : !gptoss.weight<3072x192xbf16> from ["tied"]
// CHECK-DAG: @norm : !gptoss.weight<192xbf16> from
gptoss.parameter @norm : !gptoss.weight<192xbf16> from ["norm"]
// EXPERTS-DAG: @q : !gptoss.weight<256x192xbf16> from ["q"]
// CHANNEL-DAG: @q : !gptoss.weight<256x192xi8, scale = bf16, block = 192, layout = row_panel> from ["q"]
// DENSE-DAG: @q : !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel> from ["q"]
// BOTH-DAG: @q : !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel> from ["q"]
gptoss.parameter @q : !gptoss.weight<256x192xbf16> from ["q"]
// CHECK-DAG: @bias : !gptoss.weight<256xbf16> from
gptoss.parameter @bias : !gptoss.weight<256xbf16> from ["bias"]
// Rows of 48 are no whole blocks.
// CHECK-DAG: @odd : !gptoss.weight<64x48xbf16> from
gptoss.parameter @odd : !gptoss.weight<64x48xbf16> from ["odd"]
// The router decides which experts compute: it stays exact.
// CHECK-DAG: @router : !gptoss.weight<16x192xbf16> from
gptoss.parameter @router : !gptoss.weight<16x192xbf16> from ["router"]
// CHECK-DAG: @router_bias : !gptoss.weight<16xbf16> from
gptoss.parameter @router_bias : !gptoss.weight<16xbf16> from ["router_bias"]
// EXPERTS-DAG: @gate_up : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["gb", "gs"]
// CHANNEL-DAG: @gate_up : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from ["gb", "gs"]
// DENSE-DAG: @gate_up : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from ["gb", "gs"]
// BOTH-DAG: @gate_up : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["gb", "gs"]
gptoss.parameter @gate_up : !gate_up from ["gb", "gs"]
// CHECK-DAG: @gate_up_bias : !gptoss.weight<16x256xbf16> from
gptoss.parameter @gate_up_bias : !gptoss.weight<16x256xbf16> from ["gate_up_bias"]
// EXPERTS-DAG: @down : !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["db", "ds"]
// DENSE-DAG: @down : !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from ["db", "ds"]
// BOTH-DAG: @down : !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["db", "ds"]
gptoss.parameter @down : !down from ["db", "ds"]
// CHECK-DAG: @down_bias : !gptoss.weight<16x192xbf16> from
gptoss.parameter @down_bias : !gptoss.weight<16x192xbf16> from ["down_bias"]
// Used by an expert product that is not fused too.
// CHECK-DAG: @plain : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from
gptoss.parameter @plain : !gate_up from ["pb", "ps"]

// REMARK-DAG: Category:pack-weights | {{.*}}Remark="not packed: rows are no whole blocks of 32"
// REMARK-DAG: Category:pack-weights | {{.*}}Remark="not packed: a use other than as an expert matrix of gptoss.moe"

// CHECK-LABEL: func.func @dense
// EXPERTS: gptoss.weight @q : <256x192xbf16>
// CHANNEL: gptoss.linear {{.*}} : (tensor<?x192xf32>, !gptoss.weight<256x192xi8, scale = bf16, block = 192, layout = row_panel>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32>
// DENSE: gptoss.weight @q : <256x192xi8, scale = bf16, block = 32, layout = row_panel>
// BOTH: gptoss.linear {{.*}} : (tensor<?x192xf32>, !gptoss.weight<256x192xi8, scale = bf16, block = 32, layout = row_panel>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32>
func.func @dense(%tokens: tensor<?xi32>, %y: tensor<?x48xf32>) -> (tensor<?x256xf32>, tensor<?x3072xf32>, tensor<?x64xf32>) {
  %embed = gptoss.weight @embed : !gptoss.weight<3072x192xbf16>
  %x = gptoss.embedding %tokens, %embed : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
  %tied = gptoss.weight @tied : !gptoss.weight<3072x192xbf16>
  %x2 = gptoss.embedding %tokens, %tied : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
  %norm = gptoss.weight @norm : !gptoss.weight<192xbf16>
  %n = gptoss.rms_norm %x2, %norm {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16>
  %q = gptoss.weight @q : !gptoss.weight<256x192xbf16>
  %bias = gptoss.weight @bias : !gptoss.weight<256xbf16>
  %0 = gptoss.linear %x, %q bias %bias : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32>
  %head = gptoss.weight @tied : !gptoss.weight<3072x192xbf16>
  %1 = gptoss.linear %n, %head : (tensor<?x192xf32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x3072xf32>
  %odd = gptoss.weight @odd : !gptoss.weight<64x48xbf16>
  %2 = gptoss.linear %y, %odd : (tensor<?x48xf32>, !gptoss.weight<64x48xbf16>) -> tensor<?x64xf32>
  return %0, %1, %2 : tensor<?x256xf32>, tensor<?x3072xf32>, tensor<?x64xf32>
}

func.func @experts(%x: tensor<?x192xf32>, %indices: tensor<?x4xi32>) -> (tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x4x256xf32>) {
  %r = gptoss.weight @router : !gptoss.weight<16x192xbf16>
  %rb = gptoss.weight @router_bias : !gptoss.weight<16xbf16>
  %g = gptoss.weight @gate_up : !gate_up
  %gb = gptoss.weight @gate_up_bias : !gptoss.weight<16x256xbf16>
  %d = gptoss.weight @down : !down
  %db = gptoss.weight @down_bias : !gptoss.weight<16x192xbf16>
  %p = gptoss.weight @plain : !gate_up
  %0 = gptoss.moe %x router %r, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gate_up, !gptoss.weight<16x256xbf16>, !down, !gptoss.weight<16x192xbf16>
  %1 = gptoss.moe %x router %r, %rb gate_up %p, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gate_up, !gptoss.weight<16x256xbf16>, !down, !gptoss.weight<16x192xbf16>
  %2 = gptoss.expert_linear %x, %indices, %p, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gate_up, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  return %0, %1, %2 : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x4x256xf32>
}
