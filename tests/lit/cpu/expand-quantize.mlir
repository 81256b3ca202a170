// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64-v4" | FileCheck %s
// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64" | FileCheck %s

gptoss.kernel @two "quantize" (r memref<8x64xf32>, w memref<8x2x72xi8>) work affine_map<(t, r) -> (t)> kind "blocks32" attributes {unit = 0.5 : f64, zero = 12.0 : f64}
gptoss.kernel @one "quantize" (r memref<8x64xf32>, w memref<8x2x40xi8>) work affine_map<(t, r) -> (t)> kind "blocks32" attributes {unit = 1.0 : f64, zero = 128.0 : f64}

// Two parts: 16256 steps; high bytes, then what is left, even inputs first;
// then a scale in halves and an offset of -12 a unit.
// CHECK-LABEL: func.func private @cpu.two(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x64xf32>, %[[Y:[^:]+]]: memref<8x2x72xi8>
// CHECK: %[[LOW:.*]] = vector.load %[[X]]
// CHECK: %[[HIGH:.*]] = vector.load %[[X]]
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[LOW]], %[[HIGH]] [0, 2, 4,
// CHECK: %[[ODD:.*]] = vector.shuffle %[[LOW]], %[[HIGH]] [1, 3, 5,
// The largest magnitude as an integer, so that a NaN is not lost.
// CHECK: vector.reduction <maxui>
// CHECK: arith.constant 1.625600e+04 : f32
// CHECK: arith.shrsi
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C0]]] : memref<8x2x72xi8>, vector<16xi8>
// CHECK: %[[C32:.*]] = arith.constant 32 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C32]]] : memref<8x2x72xi8>, vector<16xi8>
// CHECK: %[[C16:.*]] = arith.constant 16 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C16]]] : memref<8x2x72xi8>, vector<16xi8>
// CHECK: %[[C48:.*]] = arith.constant 48 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C48]]] : memref<8x2x72xi8>, vector<16xi8>
// CHECK: vector.reduction <add>
// CHECK: arith.constant -12 : i32
// CHECK: arith.constant 5.000000e-01 : f32
// CHECK: %[[C64:.*]] = arith.constant 64 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C64]]] : memref<8x2x72xi8>, vector<4xi8>
// CHECK: %[[C68:.*]] = arith.constant 68 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %{{.*}}, %[[C68]]] : memref<8x2x72xi8>, vector<4xi8>

// One part: 127 steps, nothing left over.
// CHECK-LABEL: func.func private @cpu.one(
// CHECK: arith.constant 1.270000e+02 : f32
// CHECK-NOT: arith.shrsi
// CHECK-COUNT-2: vector.store %{{.*}} : memref<8x2x40xi8>, vector<16xi8>
// CHECK: arith.constant -128 : i32
// CHECK-COUNT-2: vector.store %{{.*}} : memref<8x2x40xi8>, vector<4xi8>
