// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64-v4" | FileCheck %s
// RUN: goss-opt %s --gptoss-cpu-expand-kernels="mcpu=x86-64" | FileCheck %s

gptoss.kernel @two "quantize" (r memref<8x64xf32>, w memref<8x164xi8>) work affine_map<(t, r) -> (t)> kind "blocks32" attributes {unit = 0.5 : f64, zero = 12.0 : f64}
gptoss.kernel @one "quantize" (r memref<8x64xf32>, w memref<8x84xi8>) work affine_map<(t, r) -> (t)> kind "blocks32" attributes {unit = 1.0 : f64, zero = 128.0 : f64}

// CHECK-LABEL: func.func private @cpu.two(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x64xf32>, %[[Y:[^:]+]]: memref<8x164xi8>
// The largest magnitude of the row as an integer, so that a NaN is not lost.
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.maxui
// CHECK: vector.reduction <maxui>
// Two parts: 32512 steps.
// CHECK: arith.constant 3.251200e+04 : f32
// CHECK: scf.for
// CHECK: %[[LOW:.*]] = vector.load %[[X]]
// CHECK: %[[HIGH:.*]] = vector.load %[[X]]
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[LOW]], %[[HIGH]] [0, 2, 4,
// CHECK: %[[ODD:.*]] = vector.shuffle %[[LOW]], %[[HIGH]] [1, 3, 5,
// Halvings, 22 at most.
// CHECK: vector.reduction <maxui>
// CHECK: arith.divf
// CHECK: arith.constant 22 : i32
// CHECK: arith.minsi
// Of each part even integers, odd ones, the anchor and the anchor minus 12 for
// each unit: 1.5 * 2^31, then 1.5 * 2^23, before they are halved.
// CHECK: arith.shrsi
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]]{{.*}} : memref<8x164xi8>, vector<16xi8>
// CHECK: arith.constant 1329594368 : i32
// CHECK: vector.reduction <add>
// CHECK: arith.constant -12 : i32
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]]{{.*}} : memref<8x164xi8>, vector<4xi8>
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]]{{.*}} : memref<8x164xi8>, vector<16xi8>
// CHECK: arith.constant 1262485504 : i32
// CHECK: vector.reduction <add>
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]]{{.*}} : memref<8x164xi8>, vector<4xi8>
// After the blocks the step, in halves.
// CHECK: }
// CHECK: arith.constant 5.000000e-01 : f32
// CHECK: %[[END:.*]] = arith.constant 160 : index
// CHECK: vector.store %{{.*}}, %[[Y]][%{{.*}}, %[[END]]] : memref<8x164xi8>, vector<4xi8>

// One part: 127 steps, nothing left over.
// CHECK-LABEL: func.func private @cpu.one(
// CHECK: arith.constant 1.270000e+02 : f32
// CHECK-NOT: arith.shrsi
// CHECK-COUNT-2: vector.store %{{.*}} : memref<8x84xi8>, vector<16xi8>
// CHECK: arith.constant -128 : i32
// CHECK-COUNT-3: vector.store %{{.*}} : memref<8x84xi8>, vector<4xi8>
