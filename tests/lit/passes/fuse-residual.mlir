// RUN: goss-opt %s --gptoss-fuse-residual | FileCheck %s
// RUN: goss-opt %s --gptoss-fuse-residual --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: goss-opt %s --gptoss-fuse-residual --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAME

!w = !gptoss.weight<192x192xbf16>
!b = !gptoss.weight<192xbf16>
!g = !gptoss.weight<16x256x192xbf16>
!d = !gptoss.weight<16x192x128xbf16>

// REMARK: [Passed] fused | Category:fuse-residual | Function=linear | Remark="fused into gptoss.linear"
// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:[^:]+]]: tensor<?x192xf32>, %[[R:[^:]+]]: tensor<?x192xf32>, %[[W:[^:]+]]: {{[^%]+}}%[[B:[^:]+]]:
// CHECK-NEXT: %[[Y:.*]] = gptoss.linear %[[X]], %[[W]] bias %[[B]] residual %[[R]] :
// CHECK-NEXT: return %[[Y]]
// The result keeps the location of the addition.
// NAME: gptoss.linear {{.*}} residual {{.*}} loc("layers.0.attention.residual")
func.func @linear(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %w: !w, %b: !b) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w bias %b : (tensor<?x192xf32>, !w, !b) -> tensor<?x192xf32>
  %1 = gptoss.add %r, %0 : tensor<?x192xf32> loc("layers.0.attention.residual")
  return %1 : tensor<?x192xf32>
}

// The other order, without bias.
// CHECK-LABEL: func.func @linear_first
// CHECK-SAME: (%[[X:[^:]+]]: tensor<?x192xf32>, %[[R:[^:]+]]: tensor<?x192xf32>, %[[W:[^:]+]]:
// CHECK-NEXT: gptoss.linear %[[X]], %[[W]] residual %[[R]] :
func.func @linear_first(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %w: !w) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %1 = gptoss.add %0, %r : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}

// The residual may be computed after the product.
// CHECK-LABEL: func.func @residual_later
// CHECK: %[[R:.*]] = gptoss.rms_norm
// CHECK-NEXT: gptoss.linear {{.*}} residual %[[R]] :
func.func @residual_later(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %w: !w, %b: !b) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %1 = gptoss.rms_norm %r, %b {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !b
  %2 = gptoss.add %0, %1 : tensor<?x192xf32>
  return %2 : tensor<?x192xf32>
}

// Of two products the later one takes the other as its residual.
// CHECK-LABEL: func.func @two
// CHECK: %[[A:.*]] = gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK-NEXT: gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} residual %[[A]] :
func.func @two(%x: tensor<?x192xf32>, %w: !w) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %1 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %2 = gptoss.add %1, %0 : tensor<?x192xf32>
  return %2 : tensor<?x192xf32>
}

// REMARK: Function=moe | Remark="fused into gptoss.moe"
// CHECK-LABEL: func.func @moe
// CHECK-SAME: (%[[X:[^:]+]]: tensor<?x192xf32>, %[[R:[^:]+]]: tensor<?x192xf32>
// CHECK-NEXT: gptoss.moe %[[X]] {{.*}} residual %[[R]] : tensor<?x192xf32>
// CHECK-NEXT: return
func.func @moe(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %rw: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %g: !g, %gb: !gptoss.weight<16x256xbf16>, %d: !d, %db: !gptoss.weight<16x192xbf16>) -> tensor<?x192xf32> {
  %0 = gptoss.moe %x router %rw, %rb gate_up %g, %gb down %d, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !g, !gptoss.weight<16x256xbf16>, !d, !gptoss.weight<16x192xbf16>
  %1 = gptoss.add %r, %0 : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}

// REMARK: Function=no_product | Remark="not fused: no operand is the result of gptoss.linear or gptoss.moe"
// CHECK-LABEL: func.func @no_product
// CHECK: gptoss.add
func.func @no_product(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>) -> tensor<?x192xf32> {
  %0 = gptoss.add %x, %r : tensor<?x192xf32>
  return %0 : tensor<?x192xf32>
}

// REMARK: Function=used | Remark="not fused: the result of gptoss.linear has other uses"
// CHECK-LABEL: func.func @used
// CHECK: gptoss.add
func.func @used(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %w: !w) -> (tensor<?x192xf32>, tensor<?x192xf32>) {
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %1 = gptoss.add %r, %0 : tensor<?x192xf32>
  return %0, %1 : tensor<?x192xf32>, tensor<?x192xf32>
}

// REMARK: Function=used_twice | Remark="not fused: the result of gptoss.linear has other uses"
// CHECK-LABEL: func.func @used_twice
// CHECK: gptoss.add
func.func @used_twice(%x: tensor<?x192xf32>, %w: !w) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w : (tensor<?x192xf32>, !w) -> tensor<?x192xf32>
  %1 = gptoss.add %0, %0 : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}

// REMARK: Function=residual_already | Remark="not fused: gptoss.linear has a residual already"
// CHECK-LABEL: func.func @residual_already
// CHECK: gptoss.add
func.func @residual_already(%x: tensor<?x192xf32>, %r: tensor<?x192xf32>, %w: !w) -> tensor<?x192xf32> {
  %0 = gptoss.linear %x, %w residual %r : (tensor<?x192xf32>, !w, tensor<?x192xf32>) -> tensor<?x192xf32>
  %1 = gptoss.add %r, %0 : tensor<?x192xf32>
  return %1 : tensor<?x192xf32>
}
