// RUN: not goss-opt %s --gptoss-cpu-select-kernels="mcpu=pentium-9000" 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not goss-opt %s --gptoss-cpu-select-kernels="mcpu=x86-64 features=+avx9" 2>&1 | FileCheck %s --check-prefix=FEATURE
// RUN: not goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64" 2>&1 | FileCheck %s --check-prefix=KIND

// CPU: error: unknown processor 'pentium-9000': expects native, x86-64, {{.*}}haswell
// FEATURE: error: unknown processor feature '+avx9': expects a list like +avx2,-avx512f
// KIND: expects a kind: run gptoss-cpu-select-kernels
gptoss.kernel @add "add" (r memref<8x48xf32>, r memref<8x48xf32>, w memref<8x48xf32>) work affine_map<(t, r) -> (t)> attributes {}
