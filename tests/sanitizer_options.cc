// Run-time options of the sanitizers, linked into every sanitized program so that it behaves alike from ctest and by
// hand. The suppressions name third-party libraries only.
extern "C" {
const char* __asan_default_options();
const char* __asan_default_options() { return "detect_stack_use_after_return=1:strict_string_checks=1"; }

const char* __ubsan_default_options();
const char* __ubsan_default_options() { return "print_stacktrace=1"; }

// What loaded libraries keep until the process ends (the OpenCL loader of oneDNN, OpenMP's thread team).
const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:libOpenCL\nleak:libgomp\n"; }
}
