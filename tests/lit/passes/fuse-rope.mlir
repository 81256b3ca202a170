// RUN: goss-opt %s --gptoss-fuse-rope | FileCheck %s
// RUN: goss-opt %s --gptoss-fuse-rope --remarks-filter=".*" --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: goss-opt %s --gptoss-fuse-rope --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAME

// The result keeps the location of the merge.
// NAME: gptoss.rope {{.*}} loc("q_rope")

// REMARK: [Passed] fused | Category:fuse-rope | Function=fused | Remark="fused into gptoss.rope"
// CHECK-LABEL: func.func @fused
// CHECK-SAME: (%[[X:.*]]: tensor<?x8x32xf32>, %[[C:.*]]: tensor<?x16xf32>, %[[S:.*]]: tensor<?x16xf32>)
// CHECK-NEXT: %[[Y:.*]] = gptoss.rope %[[X]], %[[C]], %[[S]] : tensor<?x8x32xf32>, tensor<?x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @fused(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %y = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32> loc("q_rope")
  return %y : tensor<?x8x32xf32>
}

// REMARK: Function=swapped | Remark="not fused: the halves are not those of one head in order"
// CHECK-LABEL: func.func @swapped
// CHECK: gptoss.rotate
func.func @swapped(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %c, %d = gptoss.rotate %b, %a, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %y = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %y : tensor<?x8x32xf32>
}

// REMARK: Function=half_used | Remark="not fused: the halves have other uses"
// CHECK-LABEL: func.func @half_used
// CHECK: gptoss.rotate
func.func @half_used(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) -> (tensor<?x8x32xf32>, tensor<?x8x16xf32>) {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %y = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %y, %a : tensor<?x8x32xf32>, tensor<?x8x16xf32>
}

// REMARK: Function=rotated_used | Remark="not fused: the rotated halves have other uses"
// CHECK-LABEL: func.func @rotated_used
// CHECK: gptoss.rotate
func.func @rotated_used(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) -> (tensor<?x8x32xf32>, tensor<?x8x16xf32>) {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %y = gptoss.merge_half %c, %d : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %y, %d : tensor<?x8x32xf32>, tensor<?x8x16xf32>
}

// REMARK: Function=merged_swapped | Remark="not fused: the rotated halves are not merged in order"
// CHECK-LABEL: func.func @merged_swapped
// CHECK: gptoss.rotate
func.func @merged_swapped(%x: tensor<?x8x32xf32>, %cos: tensor<?x16xf32>, %sin: tensor<?x16xf32>) -> tensor<?x8x32xf32> {
  %a, %b = gptoss.split_half %x : tensor<?x8x32xf32> -> tensor<?x8x16xf32>, tensor<?x8x16xf32>
  %c, %d = gptoss.rotate %a, %b, %cos, %sin : tensor<?x8x16xf32>, tensor<?x16xf32>
  %y = gptoss.merge_half %d, %c : tensor<?x8x16xf32> -> tensor<?x8x32xf32>
  return %y : tensor<?x8x32xf32>
}
