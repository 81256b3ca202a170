//===- AllocationCounter.h - Counts the heap's allocations ------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_EXEC_ALLOCATIONCOUNTER_H
#define GOSSAMER_TESTS_UNIT_EXEC_ALLOCATIONCOUNTER_H

#include <cstddef>

namespace gossamer::test {

/// Calls of malloc and its relatives so far, by this thread (others may begin
/// and end as they like); operator new is one of the callers.
size_t countAllocations();

} // namespace gossamer::test

#endif // GOSSAMER_TESTS_UNIT_EXEC_ALLOCATIONCOUNTER_H
