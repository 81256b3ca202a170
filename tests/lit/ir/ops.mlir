// Every operation of the graph and fused level, as printed and read back.

// RUN: goss-opt %s | goss-opt | FileCheck %s
// RUN: goss-opt %s --mlir-print-op-generic | goss-opt | FileCheck %s
// RUN: goss-opt %s --emit-bytecode | goss-opt | FileCheck %s

!cache = !gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>
!mxfp4 = !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>

// CHECK: gptoss.parameter @table : !gptoss.weight<3072x192xbf16> from ["model.embed_tokens.weight"]
gptoss.parameter @table : !gptoss.weight<3072x192xbf16> from ["model.embed_tokens.weight"]
// CHECK: gptoss.parameter @layers.0.gate_up : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published> from ["blocks", "scales"]
gptoss.parameter @layers.0.gate_up : !mxfp4 from ["blocks", "scales"]

// Row panels: made from the same tensors.
// CHECK: gptoss.parameter @panels : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["blocks", "scales"]
gptoss.parameter @panels : !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel> from ["blocks", "scales"]
// CHECK: gptoss.parameter @bytes : !gptoss.weight<250x192xi8, scale = bf16, block = 32, layout = row_panel> from ["q_proj.weight"]
gptoss.parameter @bytes : !gptoss.weight<250x192xi8, scale = bf16, block = 32, layout = row_panel> from ["q_proj.weight"]
// CHECK: gptoss.parameter @channels : !gptoss.weight<250x192xi8, scale = bf16, block = 192, layout = row_panel> from ["q_proj.weight"]
gptoss.parameter @channels : !gptoss.weight<250x192xi8, scale = bf16, block = 192, layout = row_panel> from ["q_proj.weight"]

// CHECK-LABEL: func.func @weights
func.func @weights() -> (!gptoss.weight<3072x192xbf16>, !mxfp4) {
  // CHECK: %table = gptoss.weight @table : <3072x192xbf16>
  %0 = gptoss.weight @table : !gptoss.weight<3072x192xbf16>
  // CHECK: %layers.0.gate_up = gptoss.weight @layers.0.gate_up
  %1 = gptoss.weight @layers.0.gate_up : !mxfp4
  return %0, %1 : !gptoss.weight<3072x192xbf16>, !mxfp4
}

// CHECK-LABEL: func.func @rows
func.func @rows(%tokens: tensor<?xi32>, %table: !gptoss.weight<3072x192xbf16>, %n: !gptoss.weight<192xf32>, %w: !gptoss.weight<256x192xf16>, %b: !gptoss.weight<256xf16>, %r: tensor<?x256xf32>) -> tensor<?x256xf32> {
  // CHECK: gptoss.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
  %0 = gptoss.embedding %tokens, %table : (tensor<?xi32>, !gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>
  // CHECK: gptoss.rms_norm %{{.*}}, %{{.*}} {eps = 1.000000e-05 : f64} : tensor<?x192xf32>, <192xf32>
  %1 = gptoss.rms_norm %0, %n {eps = 1.0e-5 : f64} : tensor<?x192xf32>, !gptoss.weight<192xf32>
  // CHECK: gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>) -> tensor<?x256xf32>
  %2 = gptoss.linear %1, %w : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>) -> tensor<?x256xf32>
  // CHECK: gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} bias %{{[^ ]+}} : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>, !gptoss.weight<256xf16>) -> tensor<?x256xf32>
  %3 = gptoss.linear %1, %w bias %b : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>, !gptoss.weight<256xf16>) -> tensor<?x256xf32>
  // CHECK: gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} residual %{{[^ ]+}} :
  %4 = gptoss.linear %1, %w residual %r : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>, tensor<?x256xf32>) -> tensor<?x256xf32>
  // CHECK: gptoss.linear %{{[^ ]+}}, %{{[^ ]+}} bias %{{[^ ]+}} residual %{{[^ ]+}} :
  %5 = gptoss.linear %1, %w bias %b residual %2 : (tensor<?x192xf32>, !gptoss.weight<256x192xf16>, !gptoss.weight<256xf16>, tensor<?x256xf32>) -> tensor<?x256xf32>
  // CHECK: gptoss.add %{{.*}}, %{{.*}} : tensor<?x256xf32>
  %6 = gptoss.add %3, %4 : tensor<?x256xf32>
  // CHECK: gptoss.gather_rows %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?x256xf32>
  %7 = gptoss.gather_rows %6, %tokens : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?x256xf32>
  %8 = gptoss.add %7, %5 : tensor<?x256xf32>
  return %8 : tensor<?x256xf32>
}

// CHECK-LABEL: func.func @rope
func.func @rope(%positions: tensor<?xi32>, %x: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?x8x32xf32>) {
  // CHECK: %cos, %sin = gptoss.rope_table %{{.*}} {rope = #gptoss.rope<theta = 150000.0, scaling = yarn, factor = 32.0, original_context = 4096, truncate = false>} : tensor<?xi32> -> tensor<?x16xf32>
  %cos, %sin = gptoss.rope_table %positions {rope = #gptoss.rope<theta = 1.5e5, scaling = yarn, factor = 32.0, original_context = 4096, truncate = false>} : tensor<?xi32> -> tensor<?x16xf32>
  // CHECK: gptoss.split_heads %{{.*}} : tensor<?x256xf32> -> tensor<?x8x32xf32>
  %0 = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x8x32xf32>
  // CHECK: gptoss.split_half %{{.*}} : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %a, %b = gptoss.split_half %0 : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  // CHECK: gptoss.rotate %{{.*}}, %{{.*}}, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  // CHECK: gptoss.merge_half %{{.*}}, %{{.*}} : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  %1 = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  // CHECK: gptoss.merge_heads %{{.*}} : tensor<?x8x32xf32> -> tensor<?x256xf32>
  %2 = gptoss.merge_heads %1 : tensor<?x8x32xf32> -> tensor<?x256xf32>
  // CHECK: gptoss.rope %{{.*}}, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
  %3 = gptoss.rope %0, %cos, %sin : tensor<?x8x32xf32>, tensor<?x16xf32>
  return %2, %3 : tensor<?x256xf32>, tensor<?x8x32xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x8x32xf32>, %k: tensor<?x2x32xf32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %sinks: !gptoss.weight<8xbf16>, %c0: !cache) -> (tensor<?x8x32xf32>, tensor<?x8x32xf32>, !cache) {
  // CHECK: gptoss.cache_append %{{.*}} {layer = 1 : i64} : <f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 1]>, tensor<?x2x32xf32>, tensor<?xi32>
  %c1 = gptoss.cache_append %c0, %k, %k, %positions, %sequences {layer = 1 : i64} : !cache, tensor<?x2x32xf32>, tensor<?xi32>
  // CHECK: gptoss.attention_scores %{{.*}} {layer = 1 : i64, scale = 1.250000e-01 : f64} : (tensor<?x8x32xf32>, !gptoss.cache<{{.*}}>, tensor<?xi32>) -> tensor<?x8x?xf32>
  %s = gptoss.attention_scores %q, %c1, %sequences {layer = 1 : i64, scale = 0.125 : f64} : (tensor<?x8x32xf32>, !cache, tensor<?xi32>) -> tensor<?x8x?xf32>
  // CHECK: gptoss.mask %{{.*}}, %{{.*}} {window = 0 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %m = gptoss.mask %s, %positions {window = 0 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  // CHECK: gptoss.softmax_sink %{{.*}}, %{{.*}} : tensor<?x8x?xf32>, <8xbf16>
  %p = gptoss.softmax_sink %m, %sinks : tensor<?x8x?xf32>, !gptoss.weight<8xbf16>
  // CHECK: gptoss.attention_values %{{.*}} {layer = 1 : i64} : (tensor<?x8x?xf32>, !gptoss.cache<{{.*}}>, tensor<?xi32>) -> tensor<?x8x32xf32>
  %o = gptoss.attention_values %p, %c1, %sequences {layer = 1 : i64} : (tensor<?x8x?xf32>, !cache, tensor<?xi32>) -> tensor<?x8x32xf32>
  // CHECK: gptoss.attention %{{.*}} {layer = 1 : i64, scale = 1.250000e-01 : f64, window = 0 : i64} : tensor<?x8x32xf32>, <{{.*}}>, <8xbf16>, tensor<?xi32>
  %f = gptoss.attention %q, %c1, %sinks, %positions, %sequences {layer = 1 : i64, scale = 0.125 : f64, window = 0 : i64} : tensor<?x8x32xf32>, !cache, !gptoss.weight<8xbf16>, tensor<?xi32>
  return %o, %f, %c1 : tensor<?x8x32xf32>, tensor<?x8x32xf32>, !cache
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x192xf32>, %rw: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !mxfp4, %gb: !gptoss.weight<16x256xbf16>, %dw: !gptoss.weight<16x192x128xbf16, layout = transposed>, %db: !gptoss.weight<16x192xbf16>, %g: tensor<?x16xf32>) -> tensor<?x192xf32> {
  // CHECK: %values, %indices = gptoss.top_k %{{.*}} {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  %values, %indices = gptoss.top_k %g {k = 4 : i64} : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
  // CHECK: gptoss.softmax %values : tensor<?x4xf32>
  %w = gptoss.softmax %values : tensor<?x4xf32>
  // CHECK: gptoss.expert_linear %{{.*}}, %indices, %{{.*}}, %{{.*}} : (tensor<?x192xf32>, tensor<?x4xi32>, !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  %h = gptoss.expert_linear %x, %indices, %gw, %gb : (tensor<?x192xf32>, tensor<?x4xi32>, !mxfp4, !gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>
  // CHECK: gptoss.swiglu %{{.*}} {alpha = 1.702000e+00 : f64, limit = 7.000000e+00 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  %a = gptoss.swiglu %h {alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x4x256xf32> -> tensor<?x4x128xf32>
  // CHECK: gptoss.expert_linear %{{.*}}, %indices, %{{.*}}, %{{.*}} : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  %y = gptoss.expert_linear %a, %indices, %dw, %db : (tensor<?x4x128xf32>, tensor<?x4xi32>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>) -> tensor<?x4x192xf32>
  // CHECK: gptoss.weighted_sum %{{.*}}, %{{.*}} : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  %o = gptoss.weighted_sum %y, %w : (tensor<?x4x192xf32>, tensor<?x4xf32>) -> tensor<?x192xf32>
  // CHECK: gptoss.moe %{{[^ ]+}} router %{{[^ ]+}}, %{{[^ ]+}} gate_up %{{[^ ]+}}, %{{[^ ]+}} down %{{[^ ]+}}, %{{[^ ]+}} {alpha = 1.702000e+00 : f64, k = 4 : i64, limit = 7.000000e+00 : f64} : tensor<?x192xf32>, <16x192xbf16>, <16xbf16>, <16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>, <16x256xbf16>, <16x192x128xbf16, layout = transposed>, <16x192xbf16>
  %f = gptoss.moe %x router %rw, %rb gate_up %gw, %gb down %dw, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !mxfp4, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>
  // CHECK: gptoss.moe {{.*}} residual %{{[^ ]+}} : tensor<?x192xf32> {
  %r = gptoss.moe %x router %rw, %rb gate_up %gw, %gb down %dw, %db residual %f : tensor<?x192xf32> {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !mxfp4, !gptoss.weight<16x256xbf16>, !gptoss.weight<16x192x128xbf16, layout = transposed>, !gptoss.weight<16x192xbf16>
  %z = gptoss.add %o, %r : tensor<?x192xf32>
  return %z : tensor<?x192xf32>
}

// Weights in blocks: 8-bit ones of linear, panels of experts.
!int8 = !gptoss.weight<250x192xi8, scale = bf16, block = 32, layout = row_panel>
!gate_up = !gptoss.weight<16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>
!down = !gptoss.weight<16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>
// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<?x192xf32>, %w: !int8, %b: !gptoss.weight<250xbf16>, %rw: !gptoss.weight<16x192xbf16>, %rb: !gptoss.weight<16xbf16>, %gw: !gate_up, %gb: !gptoss.weight<16x256xbf16>, %dw: !down, %db: !gptoss.weight<16x192xbf16>) -> (tensor<?x250xf32>, tensor<?x192xf32>) {
  // CHECK: gptoss.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x192xf32>, !gptoss.weight<250x192xi8, scale = bf16, block = 32, layout = row_panel>, !gptoss.weight<250xbf16>) -> tensor<?x250xf32>
  %0 = gptoss.linear %x, %w bias %b : (tensor<?x192xf32>, !int8, !gptoss.weight<250xbf16>) -> tensor<?x250xf32>
  // CHECK: gptoss.moe {{.*}}16x256x192xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>{{.*}}16x192x128xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = row_panel>
  %1 = gptoss.moe %x router %rw, %rb gate_up %gw, %gb down %dw, %db {k = 4 : i64, alpha = 1.702 : f64, limit = 7.0 : f64} : tensor<?x192xf32>, !gptoss.weight<16x192xbf16>, !gptoss.weight<16xbf16>, !gate_up, !gptoss.weight<16x256xbf16>, !down, !gptoss.weight<16x192xbf16>
  return %0, %1 : tensor<?x250xf32>, tensor<?x192xf32>
}
