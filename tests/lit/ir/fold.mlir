// RUN: goss-opt %s --canonicalize | FileCheck %s

// A view of a view of the first type is the first value.
// CHECK-LABEL: func.func @split_of_merge
// CHECK-SAME: (%[[X:.*]]: tensor<?x8x32xf32>)
// CHECK-NEXT: return %[[X]]
func.func @split_of_merge(%x: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  %0 = gptoss.merge_heads %x : tensor<?x8x32xf32> -> tensor<?x256xf32>
  %1 = gptoss.split_heads %0 : tensor<?x256xf32> -> tensor<?x8x32xf32>
  return %1 : tensor<?x8x32xf32>
}

// CHECK-LABEL: func.func @split_otherwise
// CHECK: gptoss.merge_heads
// CHECK: gptoss.split_heads
func.func @split_otherwise(%x: tensor<?x8x32xf32>) -> tensor<?x4x64xf32> {
  %0 = gptoss.merge_heads %x : tensor<?x8x32xf32> -> tensor<?x256xf32>
  %1 = gptoss.split_heads %0 : tensor<?x256xf32> -> tensor<?x4x64xf32>
  return %1 : tensor<?x4x64xf32>
}

// CHECK-LABEL: func.func @merge_of_split
// CHECK-SAME: (%[[X:.*]]: tensor<?x256xf32>)
// CHECK-NEXT: return %[[X]]
func.func @merge_of_split(%x: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %0 = gptoss.split_heads %x : tensor<?x256xf32> -> tensor<?x8x32xf32>
  %1 = gptoss.merge_heads %0 : tensor<?x8x32xf32> -> tensor<?x256xf32>
  return %1 : tensor<?x256xf32>
}

// CHECK-LABEL: func.func @halves_of_merge
// CHECK-SAME: (%[[A:.*]]: tensor<?x8x16xf32>, %[[B:.*]]: tensor<?x8x16xf32>)
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @halves_of_merge(%a: tensor<?x8x16xf32>, %b: tensor<?x8x16xf32>) -> (tensor<?x8x16xf32>, tensor<?x8x16xf32>) {
  %0 = gptoss.merge_half %a, %b : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  %1, %2 = gptoss.split_half %0 : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  return %1, %2 : tensor<?x8x16xf32>, tensor<?x8x16xf32>
}

// CHECK-LABEL: func.func @merge_of_halves
// CHECK-SAME: (%[[X:.*]]: tensor<?x8x32xf32>)
// CHECK-NEXT: return %[[X]]
func.func @merge_of_halves(%x: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %0 = gptoss.merge_half %a, %b : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %0 : tensor<?x8x32xf32>
}

// CHECK-LABEL: func.func @swapped_halves
// CHECK: gptoss.split_half
// CHECK: gptoss.merge_half
func.func @swapped_halves(%x: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %0 = gptoss.merge_half %b, %a : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %0 : tensor<?x8x32xf32>
}

// A mask of a mask with the same positions and window hides nothing more.
// CHECK-LABEL: func.func @mask_twice
// CHECK: %[[M:.*]] = gptoss.mask
// CHECK-NEXT: return %[[M]]
func.func @mask_twice(%s: tensor<?x8x?xf32>, %p: tensor<?xi32>) -> tensor<?x8x?xf32> {
  %0 = gptoss.mask %s, %p {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %1 = gptoss.mask %0, %p {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  return %1 : tensor<?x8x?xf32>
}

// CHECK-LABEL: func.func @mask_narrower
// CHECK-COUNT-2: gptoss.mask
func.func @mask_narrower(%s: tensor<?x8x?xf32>, %p: tensor<?xi32>) -> tensor<?x8x?xf32> {
  %0 = gptoss.mask %s, %p {window = 64 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  %1 = gptoss.mask %0, %p {window = 32 : i64} : tensor<?x8x?xf32>, tensor<?xi32>
  return %1 : tensor<?x8x?xf32>
}

// CHECK-LABEL: func.func @unused
// CHECK-NEXT: return
func.func @unused(%x: tensor<?x192xf32>) {
  %0 = gptoss.add %x, %x : tensor<?x192xf32>
  return
}
