// libMLIR.so is not instrumented, but BumpPtrAllocator is inline: slabs that
// our code begins are poisoned and then used by libMLIR without unpoisoning
// them, which would be reported as use-after-poison.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}
