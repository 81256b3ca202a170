// The named pipelines on one whole layer: levels, names of launches, arena.

// RUN: goss-opt %s --gptoss-fuse | FileCheck %s --check-prefix=FUSED
// RUN: goss-opt %s --gptoss-fuse --gptoss-plan="max-tokens=64" --mlir-print-local-scope | FileCheck %s --check-prefix=PLAN
// RUN: goss-opt %s --gptoss-plan="max-tokens=64" | FileCheck %s --check-prefix=UNFUSED
// RUN: goss-opt %s --gptoss-fuse --gptoss-plan="max-tokens=64" --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES

// Any mix of fused and unfused operations outlines.
// RUN: goss-opt %s --gptoss-fuse="disable=fuse-rope" --gptoss-plan | FileCheck %s --check-prefix=NOROPE
// RUN: goss-opt %s --gptoss-fuse="disable=fuse-attention" --gptoss-plan | FileCheck %s --check-prefix=NOATTENTION
// RUN: goss-opt %s --gptoss-fuse="disable=fuse-expert-routing" --gptoss-plan | FileCheck %s --check-prefix=NOMOE
// RUN: goss-opt %s --gptoss-fuse="disable=fuse-residual" --gptoss-plan | FileCheck %s --check-prefix=NORESIDUAL
// RUN: goss-opt %s --gptoss-fuse="disable=fuse-rope,fuse-residual" --gptoss-plan | FileCheck %s --check-prefixes=NOROPE,NORESIDUAL

// Every level reads back, as text and as bytecode, and is the same again.
// RUN: goss-opt %s --gptoss-fuse --emit-bytecode | goss-opt | FileCheck %s --check-prefix=FUSED
// RUN: goss-opt %s --gptoss-fuse --gptoss-plan="max-tokens=64" > %t.plan.mlir
// RUN: goss-opt %t.plan.mlir > %t.again.mlir
// RUN: diff %t.plan.mlir %t.again.mlir
// RUN: goss-opt %t.plan.mlir --emit-bytecode -o %t.plan.mlirbc
// RUN: goss-opt %t.plan.mlirbc > %t.bytecode.mlir
// RUN: diff %t.plan.mlir %t.bytecode.mlir

// RUN: not goss-opt %s --gptoss-fuse="disable=fuse-all" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: expects disable to name a fusion (fuse-rope, fuse-attention, fuse-expert-routing, fuse-residual) but got 'fuse-all'
// RUN: not goss-opt %s --gptoss-plan="max-tokens=0" 2>&1 | FileCheck %s --check-prefix=NOTOKENS
// NOTOKENS: expects max-tokens of at least 1 but got 0

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64], layers = [0]>
!experts = !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>
!experts2 = !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>

gptoss.parameter @embed_tokens : !gptoss.weight<3072x192xbf16> from ["model.embed_tokens.weight"]
gptoss.parameter @norm : !gptoss.weight<192xbf16> from ["norm"]
gptoss.parameter @q.weight : !gptoss.weight<256x192xbf16> from ["q.weight"]
gptoss.parameter @q.bias : !gptoss.weight<256xbf16> from ["q.bias"]
gptoss.parameter @k.weight : !gptoss.weight<64x192xbf16> from ["k.weight"]
gptoss.parameter @k.bias : !gptoss.weight<64xbf16> from ["k.bias"]
gptoss.parameter @v.weight : !gptoss.weight<64x192xbf16> from ["v.weight"]
gptoss.parameter @v.bias : !gptoss.weight<64xbf16> from ["v.bias"]
gptoss.parameter @o.weight : !gptoss.weight<192x256xbf16> from ["o.weight"]
gptoss.parameter @o.bias : !gptoss.weight<192xbf16> from ["o.bias"]
gptoss.parameter @sinks : !gptoss.weight<8xbf16> from ["sinks"]
gptoss.parameter @norm2 : !gptoss.weight<192xbf16> from ["norm2"]
gptoss.parameter @router.weight : !gptoss.weight<16x192xbf16> from ["router.weight"]
gptoss.parameter @router.bias : !gptoss.weight<16xbf16> from ["router.bias"]
gptoss.parameter @gate_up : !experts from ["gate_up_blocks", "gate_up_scales"]
gptoss.parameter @gate_up_bias : !gptoss.weight<16x256xbf16> from ["gate_up_bias"]
gptoss.parameter @down : !experts2 from ["down_blocks", "down_scales"]
gptoss.parameter @down_bias : !gptoss.weight<16x192xbf16> from ["down_bias"]
gptoss.parameter @final_norm : !gptoss.weight<192xbf16> from ["final_norm"]
gptoss.parameter @lm_head : !gptoss.weight<3072x192xbf16> from ["lm_head"]

// FUSED-LABEL: func.func @step
// FUSED-NOT: gptoss.split_half
// FUSED: gptoss.rope
// FUSED: gptoss.rope
// FUSED: gptoss.attention %
// FUSED-NOT: gptoss.add
// FUSED: gptoss.linear {{.*}} bias {{.*}} residual
// FUSED: gptoss.moe {{.*}} residual
// FUSED: gptoss.gather_rows
// FUSED: gptoss.linear

// Kernels are outlined once; the two norms of tokens share one.
// PLAN: gptoss.parameter @lm_head
// PLAN: gptoss.kernel @embedding.0 "embedding" (r memref<64xi32>, p !gptoss.weight<3072x192xbf16>, w memref<64x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {}
// PLAN: gptoss.kernel @rms_norm.0 "rms_norm" (r memref<64x192xf32>, p !gptoss.weight<192xbf16>, w memref<64x192xf32>) work affine_map<(d0, d1) -> (d0)> attributes {eps = 1.000000e-05 : f64}
// PLAN: gptoss.kernel @linear.0 "linear" (r memref<64x192xf32>, p !gptoss.weight<256x192xbf16>, p !gptoss.weight<256xbf16>, w memref<64x256xf32>) work affine_map<(d0, d1) -> (16)> attributes {has_bias = true, has_residual = false, rows = "tokens"}
// PLAN: gptoss.kernel @expert_gate_up.0 {{.*}} work affine_map<(d0, d1) -> (256, d0 * 64)>
// PLAN: gptoss.kernel @rms_norm.1 {{.*}} work affine_map<(d0, d1) -> (d1)>
// PLAN: rows = "outputs"
// PLAN-NOT: gptoss.kernel
// PLAN-LABEL: func.func @step(
// PLAN-SAME: %[[TOKENS:[^:]+]]: memref<64xi32>, %{{[^:]+}}: memref<64xi32>, %{{[^:]+}}: memref<64xi32>, %{{[^:]+}}: memref<64xi32>, %[[CACHE:[^:]+]]: !gptoss.cache
// PLAN-SAME: %[[LOGITS:[^:]+]]: memref<64x3072xf32>, %[[ARENA:[^:]+]]: memref<{{[0-9]+}}xi8>, %[[T:[^:]+]]: index, %[[R:[^:]+]]: index) {
// PLAN-NOT: tensor<
// PLAN-NOT: memref.alloc
// The launches of queries, keys and values are one group.
// PLAN: gptoss.concurrent
// PLAN-NEXT: gptoss.dispatch @embedding.0 items(%[[T]]) (%[[TOKENS]],
// PLAN-NEXT: gptoss.dispatch @rope_table.0
// PLAN-NEXT: }
// PLAN: gptoss.dispatch @rms_norm.0
// PLAN: gptoss.concurrent
// PLAN-NEXT: gptoss.dispatch @linear.0
// PLAN-NEXT: gptoss.dispatch @linear.1
// PLAN-NEXT: gptoss.dispatch @linear.1
// PLAN-NEXT: }
// PLAN-NEXT: gptoss.concurrent
// PLAN-NEXT: gptoss.dispatch @rope.0
// PLAN-NEXT: gptoss.dispatch @rope.1
// PLAN-NEXT: }
// PLAN: gptoss.dispatch @cache_append.0 {{.*}}%[[CACHE]])
// PLAN: gptoss.dispatch @attention.0
// PLAN: gptoss.dispatch @linear.2
// PLAN: gptoss.dispatch @rms_norm.0
// PLAN: gptoss.dispatch @linear.3
// PLAN: gptoss.dispatch @route.0
// PLAN: gptoss.dispatch @expert_gate_up.0
// PLAN: gptoss.dispatch @expert_down.0
// PLAN: gptoss.dispatch @gather_rows.0 items(%[[R]])
// PLAN: gptoss.dispatch @rms_norm.1 items(%[[R]])
// The last product writes the result itself.
// PLAN: gptoss.dispatch @linear.4 {{.*}}, %[[LOGITS]])
// PLAN: return

// UNFUSED-LABEL: func.func @step
// UNFUSED: @split_half.0
// UNFUSED: @rotate.0
// UNFUSED: @merge_half.0
// UNFUSED: @attention_scores.0
// UNFUSED: @mask.0
// UNFUSED: @softmax_sink.0
// UNFUSED: @attention_values.0
// UNFUSED: @add.0
// UNFUSED: @top_k.0
// UNFUSED: @softmax.0
// UNFUSED: @expert_linear.0
// UNFUSED: @swiglu.0
// UNFUSED: @expert_linear.1
// UNFUSED: @weighted_sum.0
// UNFUSED: @add.0

// NAMES-DAG: @expert_down.0{{.*}}loc("layers.0.mlp.residual")
// NAMES-DAG: @expert_gate_up.0{{.*}}loc("layers.0.mlp.expert_gate_up")
// NAMES-DAG: @route.0{{.*}}loc("layers.0.mlp.route")
// NAMES-DAG: @linear.3{{.*}}loc("layers.0.mlp.router")
// NAMES-DAG: @linear.2{{.*}}loc("layers.0.attention.residual")
// NAMES-DAG: @linear.4{{.*}}loc("lm_head")

// NOROPE: gptoss.dispatch @rotate.0
// NOATTENTION: gptoss.dispatch @attention_values.0
// NOMOE: gptoss.dispatch @weighted_sum.0
// NORESIDUAL: gptoss.dispatch @add.0

func.func @step(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %outputs: tensor<?xi32>, %cache: !cache) -> (tensor<?x3072xf32>, !cache) {
  %table = gptoss.weight @embed_tokens : !gptoss.weight<3072x192xbf16>
  %x = gptoss.embedding %tokens, %table : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32> loc("embedding")
  %cos, %sin = gptoss.rope_table %positions {rope = #gptoss.rope<theta = 150000.0, scaling = yarn, factor = 4.0, original_context = 512, truncate = false>} : tensor<?xi32> -> tensor<?x16xf32> loc("rope_table")
  %norm = gptoss.weight @norm : !gptoss.weight<192xbf16>
  %h = gptoss.rms_norm %x, %norm {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16> loc("layers.0.input_norm")
  %qw = gptoss.weight @q.weight : !gptoss.weight<256x192xbf16>
  %qb = gptoss.weight @q.bias : !gptoss.weight<256xbf16>
  %q = gptoss.linear %h, %qw bias %qb : (tensor<?x192xf32>, !gptoss.weight<256x192xbf16>, !gptoss.weight<256xbf16>) -> tensor<?x256xf32> loc("layers.0.attention.q")
  %kw = gptoss.weight @k.weight : !gptoss.weight<64x192xbf16>
  %kb = gptoss.weight @k.bias : !gptoss.weight<64xbf16>
  %k = gptoss.linear %h, %kw bias %kb : (tensor<?x192xf32>, !gptoss.weight<64x192xbf16>, !gptoss.weight<64xbf16>) -> tensor<?x64xf32> loc("layers.0.attention.k")
  %vw = gptoss.weight @v.weight : !gptoss.weight<64x192xbf16>
  %vb = gptoss.weight @v.bias : !gptoss.weight<64xbf16>
  %v = gptoss.linear %h, %vw bias %vb : (tensor<?x192xf32>, !gptoss.weight<64x192xbf16>, !gptoss.weight<64xbf16>) -> tensor<?x64xf32> loc("layers.0.attention.v")
  %qh = gptoss.split_heads %q : tensor<?x256xf32> -> tensor<?x8x32xf32>
  %kh = gptoss.split_heads %k : tensor<?x64xf32> -> tensor<?x2x32xf32>
  %vh = gptoss.split_heads %v : tensor<?x64xf32> -> tensor<?x2x32xf32>
  %qa, %qz = gptoss.split_half %qh : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %qc, %qd = gptoss.rotate %qa, %qz, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %qr = gptoss.merge_half %qc, %qd : tensor<?x8x16xf32> -> tensor<?x8x32xf32> loc("layers.0.attention.q_rope")
  %ka, %kz = gptoss.split_half %kh : tensor<?x2x32xf32> -> tensor<?x2x16xf32>, tensor<?x2x16xf32>
  %kc, %kd = gptoss.rotate %ka, %kz, %cos, %sin : tensor<?x2x16xf32>, tensor<?x16xf32>
  %kr = gptoss.merge_half %kc, %kd : tensor<?x2x16xf32> -> tensor<?x2x32xf32> loc("layers.0.attention.k_rope")
  %c1 = gptoss.cache_append %cache, %kr, %vh, %positions, %sequences {layer = 0 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32> loc("layers.0.attention.append")
  %s = gptoss.attention_scores %qr, %c1, %sequences {layer = 0 : i64, scale = 0.17677669529663687 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32> loc("layers.0.attention.scores")
  %m = gptoss.mask %s, %positions {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %sinks = gptoss.weight @sinks : !gptoss.weight<8xbf16>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  %a = gptoss.attention_values %p, %c1, %sequences {layer = 0 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32> loc("layers.0.attention.values")
  %am = gptoss.merge_heads %a : tensor<?x8x32xf32> -> tensor<?x256xf32>
  %ow = gptoss.weight @o.weight : !gptoss.weight<192x256xbf16>
  %ob = gptoss.weight @o.bias : !gptoss.weight<192xbf16>
  %o = gptoss.linear %am, %ow bias %ob : (tensor<?x256xf32>, !gptoss.weight<192x256xbf16>, !gptoss.weight<192xbf16>) -> tensor<?x192xf32> loc("layers.0.attention.o")
  %x1 = gptoss.add %x, %o : tensor<?x192xf32> loc("layers.0.attention.residual")
  %norm2 = gptoss.weight @norm2 : !gptoss.weight<192xbf16>
  %t = gptoss.rms_norm %x1, %norm2 {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16> loc("layers.0.post_attention_norm")
  %rw = gptoss.weight @router.weight : !gptoss.weight<16x192xbf16>
  %rb = gptoss.weight @router.bias : !gptoss.weight<16xbf16>
  %g = gptoss.linear %t, %rw bias %rb : (tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>) -> tensor<?x16xf32> loc("layers.0.mlp.router")
  %values, %indices = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %weights = gptoss.softmax %values : tensor<?x4xf32>
  %guw = gptoss.weight @gate_up : !experts
  %gub = gptoss.weight @gate_up_bias : !gptoss.weight<16x256xbf16>
  %gu = gptoss.expert_linear %t, %indices, %guw, %gub : (tensor<?x192xf32>, tensor<?x4xi32>, !experts, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %act = gptoss.swiglu %gu {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %dw = gptoss.weight @down : !experts2
  %db = gptoss.weight @down_bias : !gptoss.weight<16x192xbf16>
  %d = gptoss.expert_linear %act, %indices, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !experts2, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %y = gptoss.weighted_sum %d, %weights : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32> loc("layers.0.mlp.experts")
  %x2 = gptoss.add %x1, %y : tensor<?x192xf32> loc("layers.0.mlp.residual")
  %rows = gptoss.gather_rows %x2, %outputs : (tensor<?x192xf32>, tensor<?xi32>) -> tensor<?x192xf32> loc("outputs")
  %fw = gptoss.weight @final_norm : !gptoss.weight<192xbf16>
  %f = gptoss.rms_norm %rows, %fw {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xbf16> loc("final_norm")
  %lw = gptoss.weight @lm_head : !gptoss.weight<3072x192xbf16>
  %logits = gptoss.linear %f, %lw : (tensor<?x192xf32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x3072xf32> loc("lm_head")
  return %logits, %c1 : tensor<?x3072xf32>, !cache
}
