#include "io/parallel.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>

namespace avsr::io {

int worker_count(int requested) {
  if (requested > 0) return std::min(requested, kMostWorkers);
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) return std::max(1, CPU_COUNT(&cpus));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::vector<std::jthread> start_threads(int wanted, const std::function<void()>& run) {
  std::vector<std::jthread> threads;
  try {
    while (static_cast<int>(threads.size()) < std::clamp(wanted, 1, kMostWorkers)) threads.emplace_back(run);
  } catch (const std::exception& error) {  // fewer do the same work
    if (threads.empty())
      throw std::runtime_error(
          fmt::format("cannot start a thread ({}): let the process have more (ulimit -u, a container's limit, memory)",
                      error.what()));
  }
  return threads;
}

void parallel_for(size_t count, int workers, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  start_threads(workers, [&] {
    for (size_t i; (i = next.fetch_add(1)) < count;) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  }).clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

namespace {

// What the workers and the delivering thread share; everything under the mutex.
struct OrderedState {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<char> done;
  size_t next = 0, delivered = 0;
  std::exception_ptr failure;
};

void ordered_worker(OrderedState& state, size_t ahead, const std::function<void(size_t)>& work) {
  std::unique_lock lock(state.mutex);
  for (;;) {
    state.changed.wait(
        lock, [&] { return state.failure || state.next >= state.done.size() || state.next < state.delivered + ahead; });
    if (state.failure || state.next >= state.done.size()) return;
    const size_t i = state.next++;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(i);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    state.done[i] = 1;
    if (failure && !state.failure) state.failure = failure;
    state.changed.notify_all();
  }
}

}  // namespace

void parallel_ordered(size_t count, int workers, size_t ahead, const std::function<void(size_t)>& work,
                      const std::function<void(size_t)>& deliver) {
  OrderedState state;
  state.done.assign(count, 0);
  std::vector<std::jthread> threads =
      start_threads(workers, [&] { ordered_worker(state, std::max<size_t>(1, ahead), work); });
  for (size_t i = 0; i < count; ++i) {
    {
      std::unique_lock lock(state.mutex);
      state.changed.wait(lock, [&] { return state.failure || state.done[i]; });
      if (state.failure) break;
    }
    std::exception_ptr failure;
    try {
      deliver(i);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(state.mutex);
    if (failure) state.failure = failure;
    state.delivered = i + 1;
    state.changed.notify_all();
    if (failure) break;
  }
  threads.clear();  // joins
  if (state.failure) std::rethrow_exception(state.failure);
}

}  // namespace avsr::io
