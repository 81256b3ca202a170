// RUN: goss-opt %s --split-input-file --gptoss-outline-kernels="max-tokens=8" --gptoss-merge-launches --mlir-print-local-scope | FileCheck %s
// RUN: goss-opt %s --split-input-file --gptoss-outline-kernels="max-tokens=8" --gptoss-merge-launches --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!cache = !gptoss.cache<f32, kv_heads = 1, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// 64 + 32 + 32 outputs are 8 items. Kernels that nothing launches any more go.
// REMARK: [Passed] merged | Category:merge-launches | Function=projection | Remark="7 launches are project"
// CHECK-NOT: gptoss.kernel @rms_norm
// CHECK-NOT: gptoss.kernel @rope
// CHECK: gptoss.kernel @project.0 "project" (r memref<8x40xf32>, p !gptoss.weight<40xbf16>, p !gptoss.weight<64x40xbf16>, p !gptoss.weight<64xbf16>, p !gptoss.weight<32x40xbf16>, p !gptoss.weight<32xbf16>, p !gptoss.weight<32x40xbf16>, p !gptoss.weight<32xbf16>, r memref<8x16xf32>, r memref<8x16xf32>, r memref<8xi32>, r memref<8xi32>, w memref<8x2x32xf32>, rw !gptoss.cache<{{[^>]*}}>) work affine_map<(d0, d1) -> (8)> attributes {eps = 1.000000e-05 : f64, group = 1 : i64}
// CHECK-LABEL: func.func @projection(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x40xf32>, %[[W:[^:]+]]: !gptoss.weight<40xbf16>, %[[QW:[^:]+]]: !gptoss.weight<64x40xbf16>, %[[QB:[^:]+]]: !gptoss.weight<64xbf16>, %[[KW:[^:]+]]: !gptoss.weight<32x40xbf16>, %[[KB:[^:]+]]: !gptoss.weight<32xbf16>, %[[VW:[^:]+]]: !gptoss.weight<32x40xbf16>, %[[VB:[^:]+]]: !gptoss.weight<32xbf16>, %[[COS:[^:]+]]: memref<8x16xf32>, %[[SIN:[^:]+]]: memref<8x16xf32>, %[[P:[^:]+]]: memref<8xi32>, %[[S:[^:]+]]: memref<8xi32>, %[[C:[^:]+]]: !gptoss.cache
// CHECK: %[[Q:.*]] = memref.alloc() : memref<8x2x32xf32>
// CHECK-NOT: memref.alloc
// CHECK: %[[ITEMS:.*]] = arith.constant 8 : index
// CHECK: gptoss.dispatch @project.0 items(%[[ITEMS]]) layer(1) (%[[X]], %[[W]], %[[QW]], %[[QB]], %[[KW]], %[[KB]], %[[VW]], %[[VB]], %[[COS]], %[[SIN]], %[[P]], %[[S]], %[[Q]], %[[C]])
// CHECK-NEXT: gptoss.dispatch @attention.0 items(%{{.*}}) layer(1) (%[[Q]], %[[C]],
// CHECK-NEXT: return
func.func @projection(%x: tensor<?x40xf32>, %w: !gptoss.weight<40xbf16>, %qw: !gptoss.weight<64x40xbf16>, %qb: !gptoss.weight<64xbf16>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %vw: !gptoss.weight<32x40xbf16>, %vb: !gptoss.weight<32xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache, %sinks: !gptoss.weight<2xbf16>) -> (tensor<?x2x32xf32>, !cache) {
  %n = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x40xf32>, !gptoss.weight<40xbf16>
  %q = gptoss.linear %n, %qw bias %qb : (tensor<?x40xf32>, !gptoss.weight<64x40xbf16>, !gptoss.weight<64xbf16>) -> tensor<?x64xf32>
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %vw bias %vb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %qh = gptoss.split_heads %q : tensor<?x64xf32> -> tensor<?x2x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %qr = gptoss.rope %qh, %cos, %sin : tensor<?x2x32xf32>, tensor<?x16xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  %o = gptoss.attention %qr, %c1, %sinks, %p, %s {layer = 1 : i64, scale = 0.125 : f64, window = 0 : i64} : tensor<?x2x32xf32>, !cache, !gptoss.weight<2xbf16>, tensor<?xi32>
  return %o, %c1 : tensor<?x2x32xf32>, !cache
}

// -----

!cache = !gptoss.cache<f32, kv_heads = 1, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// Without a bias, nothing is merged.
// REMARK: Function=no_bias | Remark="not merged: keys or values are not products of rows of tokens with a bias and one use"
// CHECK-LABEL: func.func @no_bias(
// CHECK-NOT: @project
// CHECK: gptoss.dispatch @cache_append.0
func.func @no_bias(%x: tensor<?x40xf32>, %w: !gptoss.weight<40xbf16>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %vw: !gptoss.weight<32x40xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache) -> !cache {
  %n = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x40xf32>, !gptoss.weight<40xbf16>
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %vw : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>) -> tensor<?x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  return %c1 : !cache
}

// -----

!cache = !gptoss.cache<f32, kv_heads = 1, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>

// REMARK: Function=keys_used | Remark="not merged: the keys are not rotated, or have other uses"
// REMARK: Function=plain_input | Remark="not merged: the products' input is not what a norm writes"
// REMARK: Function=two_products | Remark="not merged: the norm is not read by three products"
// REMARK: Function=other_reader | Remark="not merged: the third product is not a query's, rotated"
// REMARK: Function=other_angles | Remark="not merged: query and key are rotated by other angles"
// CHECK-NOT: @project
func.func @keys_used(%kh: tensor<?x1x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache) -> (tensor<?x1x32xf32>, !cache) {
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %kh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  return %kr, %c1 : tensor<?x1x32xf32>, !cache
}
func.func @plain_input(%n: tensor<?x40xf32>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache) -> !cache {
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  return %c1 : !cache
}
func.func @two_products(%x: tensor<?x40xf32>, %w: !gptoss.weight<40xbf16>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache) -> !cache {
  %n = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x40xf32>, !gptoss.weight<40xbf16>
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  return %c1 : !cache
}
func.func @other_reader(%x: tensor<?x40xf32>, %w: !gptoss.weight<40xbf16>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache) -> (tensor<?x40xf32>, !cache) {
  %n = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x40xf32>, !gptoss.weight<40xbf16>
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %o = gptoss.add %n, %x : tensor<?x40xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  return %o, %c1 : tensor<?x40xf32>, !cache
}
func.func @other_angles(%x: tensor<?x40xf32>, %w: !gptoss.weight<40xbf16>, %kw: !gptoss.weight<32x40xbf16>, %kb: !gptoss.weight<32xbf16>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %c: !cache, %sinks: !gptoss.weight<1xbf16>) -> (tensor<?x1x32xf32>, !cache) {
  %n = gptoss.rms_norm %x, %w {eps = 1.0e-5 : f64} : tensor<?x40xf32>, !gptoss.weight<40xbf16>
  %q = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %k = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %v = gptoss.linear %n, %kw bias %kb : (tensor<?x40xf32>, !gptoss.weight<32x40xbf16>, !gptoss.weight<32xbf16>) -> tensor<?x32xf32>
  %qh = gptoss.split_heads %q : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %qr = gptoss.rope %qh, %sin, %cos : tensor<?x1x32xf32>, tensor<?x16xf32>
  %kr = gptoss.rope %kh, %cos, %sin : tensor<?x1x32xf32>, tensor<?x16xf32>
  %c1 = gptoss.cache_append %c, %kr, %vh, %p, %s {layer = 1 : i64} : !cache, tensor<?x1x32xf32>, tensor<?xi32>
  %o = gptoss.attention %qr, %c1, %sinks, %p, %s {layer = 1 : i64, scale = 0.125 : f64, window = 0 : i64} : tensor<?x1x32xf32>, !cache, !gptoss.weight<1xbf16>, tensor<?xi32>
  return %o, %c1 : tensor<?x1x32xf32>, !cache
}

// -----

// The norm of a mixture of experts is for the experts, too.
// REMARK: Function=routing | Remark="3 launches are norm_route"
// REMARK: Function=other_input | Remark="not merged: the products' input is not what a norm writes"
// CHECK: gptoss.kernel @norm_route.0 "norm_route" (r memref<8x32xf32>, p !gptoss.weight<32xbf16>, p !gptoss.weight<4x32xbf16>, p !gptoss.weight<4xbf16>, w memref<8x32xf32>, w memref<8x2xf32>, w memref<4xi32>, w memref<5xi32>, w memref<1xi32>, w memref<16xi32>) work affine_map<(d0, d1) -> (1)> attributes {eps = 5.000000e-01 : f64, k = 2 : i64}
// CHECK-LABEL: func.func @routing(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x32xf32>, %[[W:[^:]+]]: !gptoss.weight<32xbf16>, %[[R:[^:]+]]: !gptoss.weight<4x32xbf16>, %[[RB:[^:]+]]: !gptoss.weight<4xbf16>
// CHECK: %[[Y:.*]] = memref.alloc() : memref<8x32xf32>
// CHECK: %[[SHARES:.*]] = memref.alloc() : memref<8x2xf32>
// CHECK: gptoss.dispatch @norm_route.0 items(%{{.*}}) (%[[X]], %[[W]], %[[R]], %[[RB]], %[[Y]], %[[SHARES]], %[[EXPERTS:.*]], %[[OFFSETS:.*]], %[[ACTIVE:.*]], %[[SLOTS:.*]]) :
// CHECK: gptoss.dispatch @expert_gate_up.0 items(%{{.*}}) (%[[Y]], %[[EXPERTS]], %[[OFFSETS]], %[[ACTIVE]], %[[SLOTS]],
// CHECK: gptoss.dispatch @expert_down.0 items(%{{.*}}) ({{.*}}, %[[SHARES]],
func.func @routing(%x: tensor<?x32xf32>, %w: !gptoss.weight<32xbf16>, %r: !gptoss.weight<4x32xbf16>, %rb: !gptoss.weight<4xbf16>, %g: !gptoss.weight<4x64x32xbf16, layout = transposed>, %gb: !gptoss.weight<4x64xbf16>, %d: !gptoss.weight<4x32x32xbf16, layout = transposed>, %db: !gptoss.weight<4x32xbf16>) -> tensor<?x32xf32> {
  %n = gptoss.rms_norm %x, %w {eps = 0.5 : f64} : tensor<?x32xf32>, !gptoss.weight<32xbf16>
  %y = gptoss.moe %n router %r, %rb gate_up %g, %gb down %d, %db residual %x : tensor<?x32xf32> {k = 2 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x32xf32>, !gptoss.weight<4x32xbf16>, !gptoss.weight<4xbf16>, !gptoss.weight<4x64x32xbf16, layout = transposed>, !gptoss.weight<4x64xbf16>, !gptoss.weight<4x32x32xbf16, layout = transposed>, !gptoss.weight<4x32xbf16>
  return %y : tensor<?x32xf32>
}
// CHECK-LABEL: func.func @other_input(
// CHECK: gptoss.dispatch @route.0
func.func @other_input(%n: tensor<?x32xf32>, %r: !gptoss.weight<4x32xbf16>, %rb: !gptoss.weight<4xbf16>, %g: !gptoss.weight<4x64x32xbf16, layout = transposed>, %gb: !gptoss.weight<4x64xbf16>, %d: !gptoss.weight<4x32x32xbf16, layout = transposed>, %db: !gptoss.weight<4x32xbf16>) -> tensor<?x32xf32> {
  %y = gptoss.moe %n router %r, %rb gate_up %g, %gb down %d, %db {k = 2 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x32xf32>, !gptoss.weight<4x32xbf16>, !gptoss.weight<4xbf16>, !gptoss.weight<4x64x32xbf16, layout = transposed>, !gptoss.weight<4x64xbf16>, !gptoss.weight<4x32x32xbf16, layout = transposed>, !gptoss.weight<4x32xbf16>
  return %y : tensor<?x32xf32>
}
