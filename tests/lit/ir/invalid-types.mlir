// What types and attributes refuse, one case a constraint.

// RUN: goss-opt %s --split-input-file --verify-diagnostics

// Weight C1.
// expected-error @+1 {{expects a weight of rank 1, 2 or 3 but got rank 4}}
func.func private @f(!gptoss.weight<1x2x3x4xbf16>)

// -----

// Weight C1.
// expected-error @+1 {{expects positive dimensions but got 0}}
func.func private @f(!gptoss.weight<0x32xbf16>)

// -----

// Weight C2.
// expected-error @+1 {{expects an element of bf16, f16, f32, f4E2M1FN or i8 but got 'f64'}}
func.func private @f(!gptoss.weight<64x32xf64>)

// -----

// Weight C3.
// expected-error @+1 {{expects no scale, block, published or row_panel layout with 'bf16' elements but got one}}
func.func private @f(!gptoss.weight<64x32xbf16, layout = published>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = f8E8M0FNU, block = 32, layout = published or row_panel with 'f4E2M1FN' elements but got scale = 'f8E8M0FNU', block = 16, layout = published}}
func.func private @f(!gptoss.weight<64x32xf4E2M1FN, scale = f8E8M0FNU, block = 16, layout = published>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = f8E8M0FNU, block = 32, layout = published or row_panel with 'f4E2M1FN' elements but got scale = 'f32', block = 32, layout = published}}
func.func private @f(!gptoss.weight<64x32xf4E2M1FN, scale = f32, block = 32, layout = published>)

// -----

// Weight C3.
// expected-error @+1 {{expects no scale, block, published or row_panel layout with 'bf16' elements but got one}}
func.func private @f(!gptoss.weight<64x32xbf16, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = f8E8M0FNU, block = 32, layout = published or row_panel with 'f4E2M1FN' elements but got scale = 'bf16', block = 32, layout = row_panel}}
func.func private @f(!gptoss.weight<64x32xf4E2M1FN, scale = bf16, block = 32, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = f8E8M0FNU, block = 32, layout = published or row_panel with 'f4E2M1FN' elements but got scale = 'f8E8M0FNU', block = 32, layout = transposed}}
func.func private @f(!gptoss.weight<64x32xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = transposed>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = bf16, block = 32, layout = row_panel with 'i8' elements but got scale = 'bf16', block = 32, layout = row_major}}
func.func private @f(!gptoss.weight<64x32xi8, scale = bf16, block = 32>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = bf16, block = 32, layout = row_panel with 'i8' elements but got scale = 'bf16', block = 64, layout = row_panel}}
func.func private @f(!gptoss.weight<64x32xi8, scale = bf16, block = 64, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = bf16, block = 32 or 128, layout = row_panel with 'i8' elements but got scale = 'bf16', block = 64, layout = row_panel}}
func.func private @f(!gptoss.weight<64x128xi8, scale = bf16, block = 64, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = f8E8M0FNU, block = 32, layout = published or row_panel with 'f4E2M1FN' elements but got scale = 'f8E8M0FNU', block = 128, layout = row_panel}}
func.func private @f(!gptoss.weight<4x64x128xf4E2M1FN, scale = f8E8M0FNU, block = 128, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = bf16, block = 32, layout = row_panel with 'i8' elements but got scale = 'f32', block = 32, layout = row_panel}}
func.func private @f(!gptoss.weight<64x32xi8, scale = f32, block = 32, layout = row_panel>)

// -----

// Weight C3.
// expected-error @+1 {{expects scale = bf16, block = 32, layout = row_panel with 'i8' elements but got no scale, layout = row_panel}}
func.func private @f(!gptoss.weight<64x32xi8, layout = row_panel>)

// -----

// Weight C4.
// expected-error @+1 {{expects a last dimension that is a multiple of 32 but got 48}}
func.func private @f(!gptoss.weight<64x48xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>)

// -----

// Weight C4.
// expected-error @+1 {{expects a weight with blocks of rank 2 or 3 but got rank 1}}
func.func private @f(!gptoss.weight<64xf4E2M1FN, scale = f8E8M0FNU, block = 32, layout = published>)

// -----

// Weight C4.
// expected-error @+1 {{expects a last dimension that is a multiple of 32 but got 80}}
func.func private @f(!gptoss.weight<64x80xi8, scale = bf16, block = 32, layout = row_panel>)

// -----

// Weight C4.
// expected-error @+1 {{expects a last dimension that is a multiple of 32 but got 80}}
func.func private @f(!gptoss.weight<64x80xi8, scale = bf16, block = 80, layout = row_panel>)

// -----

// Weight C4.
// expected-error @+1 {{expects a weight with blocks of rank 2 or 3 but got rank 1}}
func.func private @f(!gptoss.weight<64xi8, scale = bf16, block = 32, layout = row_panel>)

// -----

// Weight C5.
// expected-error @+1 {{expects a transposed weight of rank 2 or 3 but got rank 1}}
func.func private @f(!gptoss.weight<64xbf16, layout = transposed>)

// -----

// expected-error @+1 {{expects a layout (row_major, transposed, published, row_panel) but got 'packed'}}
func.func private @f(!gptoss.weight<64x32xbf16, layout = packed>)

// -----

// expected-error @+1 {{expects scale, block or layout but got 'panel'}}
func.func private @f(!gptoss.weight<64x32xbf16, panel = 16>)

// -----

// Cache C1.
// expected-error @+1 {{expects an element of f32 or bf16 but got 'f16'}}
func.func private @f(!gptoss.cache<f16, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>)

// -----

// Cache C2.
// expected-error @+1 {{expects a positive kv_heads but got 0}}
func.func private @f(!gptoss.cache<f32, kv_heads = 0, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>)

// -----

// Cache C2.
// expected-error @+1 {{expects a positive head_dim but got -1}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = -1, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>)

// -----

// Cache C2.
// expected-error @+1 {{expects a positive page_tokens but got 0}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 0, max_context = 2048, windows = [0], layers = [0]>)

// -----

// Cache C2.
// expected-error @+1 {{expects a positive max_context but got 0}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 0, windows = [0], layers = [0]>)

// -----

// Cache C3.
// expected-error @+1 {{expects windows of at least 0 but got -64}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [-64], layers = [0]>)

// -----

// Cache C3.
// expected-error @+1 {{expects groups of different windows but got 64 twice}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 64], layers = [0, 1]>)

// -----

// Cache C4.
// expected-error @+1 {{expects layers in groups 0 to 0 but got 1}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64], layers = [0, 1]>)

// -----

// Cache C4.
// expected-error @+1 {{expects every group to have a layer but got none in group 1}}
func.func private @f(!gptoss.cache<f32, kv_heads = 2, head_dim = 32, page_tokens = 16, max_context = 2048, windows = [64, 0], layers = [0, 0]>)

// -----

// Rope C1.
// expected-error @+1 {{expects theta to be greater than 1 but got 1.000000e+00}}
module attributes {rope = #gptoss.rope<theta = 1.0>} {}

// -----

// Rope C2.
// expected-error @+1 {{expects factor to be at least 1 but got 5.000000e-01}}
module attributes {rope = #gptoss.rope<theta = 1.5e5, scaling = yarn, factor = 0.5, original_context = 4096>} {}

// -----

// Rope C3.
// expected-error @+1 {{expects beta_slow to be greater than 0 but got 0.000000e+00}}
module attributes {rope = #gptoss.rope<theta = 1.5e5, scaling = yarn, factor = 4.0, beta_slow = 0.0, original_context = 4096>} {}

// -----

// Rope C3.
// expected-error @+1 {{expects beta_fast to be at least beta_slow (1.000000e+00) but got 5.000000e-01}}
module attributes {rope = #gptoss.rope<theta = 1.5e5, scaling = yarn, factor = 4.0, beta_fast = 0.5, original_context = 4096>} {}

// -----

// Rope C4.
// expected-error @+1 {{expects original_context to be greater than 0 but got 0}}
module attributes {rope = #gptoss.rope<theta = 1.5e5, scaling = yarn, factor = 4.0>} {}

// -----

// Rope C5.
// expected-error @+1 {{expects attention_factor to be at least 0 but got -1.000000e+00}}
module attributes {rope = #gptoss.rope<theta = 1.5e5, attention_factor = -1.0>} {}
