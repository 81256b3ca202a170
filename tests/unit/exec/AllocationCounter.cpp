//===- AllocationCounter.cpp ----------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The program's malloc comes before the C library's. Under AddressSanitizer,
// which does the same, its hooks count.
//
//===----------------------------------------------------------------------===//

#include "AllocationCounter.h"

static thread_local size_t allocations = 0;

size_t gossamer::test::countAllocations() { return allocations; }

#if __has_feature(address_sanitizer)

#include <sanitizer/allocator_interface.h>

static const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void *, size_t) { ++allocations; },
    [](const volatile void *) {});

#else

extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

#endif
