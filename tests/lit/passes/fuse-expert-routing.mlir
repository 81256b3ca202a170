// RUN: goss-opt %s --gptoss-fuse-expert-routing | FileCheck %s
// RUN: goss-opt %s --gptoss-fuse-expert-routing --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: [Passed] fused | Category:fuse-expert-routing | Function=fused | Remark="fused into gptoss.moe"
// CHECK-LABEL: func.func @fused
// CHECK-SAME: (%[[X:[^:]+]]: tensor<?x192xf32>, %{{[^:]+}}: tensor<?x192xf32>, %[[R:[^:]+]]: {{[^%]+}}%[[RB:[^:]+]]: {{[^%]+}}%[[G:[^:]+]]: {{[^%]+}}%[[GB:[^:]+]]: {{[^%]+}}%[[D:[^:]+]]: {{[^%]+}}%[[DB:[^:]+]]:
// CHECK-NEXT: %[[O:.*]] = gptoss.moe %[[X]] router %[[R]], %[[RB]] gate_up %[[G]], %[[GB]] down %[[D]], %[[DB]] {alpha = 1.702000e+00 : f64, k = 4 : i64, limit = 7.000000e+00 : f64}
// CHECK-NEXT: return %[[O]]
func.func @fused(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> tensor<?x192xf32> {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=other_input | Remark="not fused: router and experts have different inputs"
// CHECK-LABEL: func.func @other_input
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @other_input(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %z, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=no_router_bias | Remark="not fused: the router has no bias"
// CHECK-LABEL: func.func @no_router_bias
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @no_router_bias(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=router_residual | Remark="not fused: the router has a residual"
// CHECK-LABEL: func.func @router_residual
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @router_residual(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb residual %freeg : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=other_choice | Remark="not fused: the expert products are not of the router's choice"
// CHECK-LABEL: func.func @other_choice
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @other_choice(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %freei, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=no_softmax | Remark="not fused: the weights are not those of a softmax"
// CHECK-LABEL: func.func @no_softmax
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @no_softmax(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %v : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=softmax_of_other | Remark="not fused: the softmax is not of the largest router logits"
// CHECK-LABEL: func.func @softmax_of_other
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @softmax_of_other(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %free : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=choice_of_other | Remark="not fused: the choice is not of router logits"
// CHECK-LABEL: func.func @choice_of_other
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @choice_of_other(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %v, %i = gptoss.top_k %freeg {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=summands_of_other | Remark="not fused: the summands are not those of an expert product"
// CHECK-LABEL: func.func @summands_of_other
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @summands_of_other(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %y0: tensor<?x4x192xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %o = gptoss.weighted_sum %y0, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=no_swiglu | Remark="not fused: the second expert product has no swiglu before it"
// CHECK-LABEL: func.func @no_swiglu
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @no_swiglu(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a, %a2 = gptoss.split_half %h : tensor<?x4x256xf32> -> tensor<?x4x128xf32>, tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o : tensor<?x192xf32>
}

// REMARK: Function=logits_used | Remark="not fused: the result of gptoss.linear has other uses"
// CHECK-LABEL: func.func @logits_used
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @logits_used(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>, tensor<?x16xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o, %g : tensor<?x192xf32>, tensor<?x16xf32>
}

// REMARK: Function=hidden_used | Remark="not fused: the result of gptoss.swiglu has other uses"
// CHECK-LABEL: func.func @hidden_used
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @hidden_used(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>, tensor<?x4x128xf32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o, %a : tensor<?x192xf32>, tensor<?x4x128xf32>
}

// REMARK: Function=choice_used | Remark="not fused: the chosen experts have other uses"
// CHECK-LABEL: func.func @choice_used
// CHECK-NOT: gptoss.moe
// CHECK: gptoss.weighted_sum
func.func @choice_used(%x: tensor<?x192xf32>, %z: tensor<?x192xf32>, %r: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gptoss.weight<16x256x192xbf16>, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16>, %db: !gptoss.weight<16x192xbf16>, %free: tensor<?x4xf32>, %freei: tensor<?x4xi32>, %freeg: tensor<?x16xf32>) -> (tensor<?x192xf32>, tensor<?x4xi32>) {
  %g = gptoss.linear %x, %r bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32>
  %v, %i = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %w = gptoss.softmax %v : tensor<?x4xf32>
  %h = gptoss.expert_linear %x, %i, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xbf16>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %y = gptoss.expert_linear %a, %i, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  return %o, %i : tensor<?x192xf32>, tensor<?x4xi32>
}
