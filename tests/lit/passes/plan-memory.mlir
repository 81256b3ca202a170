// RUN: goss-opt %s --gptoss-plan-memory | FileCheck %s
// RUN: goss-opt %s --gptoss-plan-memory --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// The same again: nothing depends on addresses.
// RUN: goss-opt %s --gptoss-plan-memory > %t.first
// RUN: goss-opt %s --gptoss-plan-memory > %t.second
// RUN: diff %t.first %t.second

gptoss.kernel @k "softmax" (r memref<8x192xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
gptoss.kernel @n "softmax" (r memref<8x192xf32>, w memref<1x3xf32>) work affine_map<(t, r) -> (t)> attributes {}
gptoss.kernel @m "softmax" (r memref<1x3xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}
gptoss.kernel @v "softmax" (r memref<8x6x32xf32>, w memref<8x192xf32>) work affine_map<(t, r) -> (t)> attributes {}

// Three buffers of 6144 bytes of which two live at a time: a and c share.
// REMARK: [Analysis] arena | Category:plan-memory | Function=chain | Remark="12288 bytes hold 3 buffers of 18432 bytes"
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:[^:]+]]: memref<8x192xf32>, %[[Y:[^:]+]]: memref<8x192xf32>, %[[ARENA:[^:]+]]: memref<12288xi8>, %[[T:[^:]+]]: index, %{{[^:]+}}: index)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C6144:.*]] = arith.constant 6144 : index
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<12288xi8> to memref<8x192xf32>
// CHECK: %[[B:.*]] = memref.view %[[ARENA]][%[[C6144]]][] : memref<12288xi8> to memref<8x192xf32>
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<12288xi8> to memref<8x192xf32>
// CHECK: gptoss.dispatch @k items(%[[T]]) (%[[X]], %[[A]])
// CHECK: gptoss.dispatch @k items(%[[T]]) (%[[A]], %[[B]])
// CHECK: gptoss.dispatch @k items(%[[T]]) (%[[B]], %[[C]])
// CHECK: gptoss.dispatch @k items(%[[T]]) (%[[C]], %[[Y]])
func.func @chain(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %t: index, %r: index) {
  %a = memref.alloc() : memref<8x192xf32>
  %b = memref.alloc() : memref<8x192xf32>
  %c = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %a) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%a, %b) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%b, %c) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%c, %y) : memref<8x192xf32>, memref<8x192xf32>
  return
}

// Launches of one group run at the same time: what one reads last and another
// writes first does not share.
// REMARK: Function=group | Remark="18432 bytes hold 3 buffers of 18432 bytes"
// CHECK-LABEL: func.func @group(
// CHECK-SAME: memref<18432xi8>
func.func @group(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %z: memref<8x192xf32>, %t: index, %r: index) {
  %a = memref.alloc() : memref<8x192xf32>
  %b = memref.alloc() : memref<8x192xf32>
  %c = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %a) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) (%a, %b) : memref<8x192xf32>, memref<8x192xf32>
    gptoss.dispatch @k items(%t) (%x, %c) : memref<8x192xf32>, memref<8x192xf32>
  }
  gptoss.concurrent {
    gptoss.dispatch @k items(%t) (%b, %y) : memref<8x192xf32>, memref<8x192xf32>
    gptoss.dispatch @k items(%t) (%c, %z) : memref<8x192xf32>, memref<8x192xf32>
  }
  return
}

// Twelve bytes take a line of 64; the large buffer comes first.
// CHECK-LABEL: func.func @aligned(
// CHECK-SAME: memref<6208xi8>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C6144:.*]] = arith.constant 6144 : index
// CHECK: memref.view %{{.*}}[%[[C6144]]][] : memref<6208xi8> to memref<1x3xf32>
// CHECK: memref.view %{{.*}}[%[[C0]]][] : memref<6208xi8> to memref<8x192xf32>
func.func @aligned(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %t: index, %r: index) {
  %a = memref.alloc() : memref<1x3xf32>
  %b = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @n items(%t) (%x, %a) : memref<8x192xf32>, memref<1x3xf32>
  gptoss.dispatch @m items(%t) (%a, %b) : memref<1x3xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%b, %y) : memref<8x192xf32>, memref<8x192xf32>
  return
}

// A reshape is a view at the same offset and extends the buffer's life; a
// buffer without users takes no place.
// CHECK-LABEL: func.func @reshaped(
// CHECK-SAME: memref<12288xi8>
// CHECK-NOT: memref.expand_shape
// CHECK: memref.view %{{.*}}[%[[O:.*]]][] : memref<12288xi8> to memref<8x192xf32>
// CHECK: memref.view %{{.*}}[%[[O]]][] : memref<12288xi8> to memref<8x6x32xf32>
func.func @reshaped(%x: memref<8x192xf32>, %y: memref<8x192xf32>, %t: index, %r: index) {
  %a = memref.alloc() : memref<8x192xf32>
  %h = memref.expand_shape %a [[0], [1, 2]] output_shape [8, 6, 32] : memref<8x192xf32> into memref<8x6x32xf32>
  %b = memref.alloc() : memref<8x192xf32>
  %unused = memref.alloc() : memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %a) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%x, %b) : memref<8x192xf32>, memref<8x192xf32>
  gptoss.dispatch @v items(%t) (%h, %y) : memref<8x6x32xf32>, memref<8x192xf32>
  gptoss.dispatch @k items(%t) (%b, %y) : memref<8x192xf32>, memref<8x192xf32>
  return
}
