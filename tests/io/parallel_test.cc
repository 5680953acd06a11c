// Loops over threads where the system gives few of them.
#include "io/parallel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

namespace avsr::io {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // their shadow memory needs more than any limit
#else
constexpr bool kSanitized = false;
#endif

// Leaves this process room for the stacks of a few further threads.
void limit_threads(int stacks) {
  alarm(60);  // ends a deadlock
  rlimit stack{};
  getrlimit(RLIMIT_STACK, &stack);
  const rlim_t stack_bytes = stack.rlim_cur == RLIM_INFINITY ? rlim_t{2} << 20 : stack.rlim_cur;
  long pages = 0;
  std::FILE* size = std::fopen("/proc/self/statm", "r");
  if (!size || std::fscanf(size, "%ld", &pages) != 1) _exit(2);
  std::fclose(size);
  const rlim_t bytes = static_cast<rlim_t>(pages) * static_cast<rlim_t>(getpagesize()) +
                       static_cast<rlim_t>(stacks) * stack_bytes + (rlim_t{1} << 20);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
}

bool all_is_delivered() {
  std::atomic<int> worked{0};
  size_t delivered = 0;
  parallel_ordered(400, 50, 8, [&](size_t) { ++worked; }, [&](size_t i) { delivered += i == delivered; });
  parallel_for(100, 50, [&](size_t) { ++worked; });
  return worked == 500 && delivered == 400;
}

TEST(Parallel, GoesOnWithTheThreadsThatItGot) {
  if (kSanitized) GTEST_SKIP() << "no limit of memory under a sanitizer";
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fresh process: this one may keep stacks for its next threads
  EXPECT_EXIT(
      {
        limit_threads(3);
        _exit(all_is_delivered() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Parallel, SaysThatThereIsNoThread) {
  if (kSanitized) GTEST_SKIP() << "no limit of memory under a sanitizer";
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fresh process: this one may keep stacks for its next threads
  EXPECT_EXIT(
      {
        limit_threads(0);
        try {
          all_is_delivered();
        } catch (const std::runtime_error& error) {
          std::fputs(error.what(), stderr);
          _exit(0);
        }
        _exit(1);
      },
      testing::ExitedWithCode(0), "cannot start a thread");
}

TEST(Parallel, KeepsTheNumberOfThreadsInBounds) {
  EXPECT_EQ(worker_count(3), 3);
  EXPECT_EQ(worker_count(2'000'000'000), kMostWorkers);
}

}  // namespace
}  // namespace avsr::io
