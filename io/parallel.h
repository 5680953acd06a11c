// A loop over independent pieces of work on several threads.
#pragma once

#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace avsr::io {

constexpr int kMostWorkers = 1024;

// 0 means as many as this process may use (its CPU affinity); otherwise the number itself, kMostWorkers
// at most.
int worker_count(int requested);

// Runs `run` on `wanted` threads, or on fewer where the system gives no more. Throws std::runtime_error when it gives
// none.
std::vector<std::jthread> start_threads(int wanted, const std::function<void()>& run);

// Calls work(i) once for each i in [0, count), on `workers` threads, in no particular order. The first exception stops
// the handing out of further pieces and is thrown here once all threads have ended.
void parallel_for(size_t count, int workers, const std::function<void(size_t)>& work);

// The same with results: work(i) runs on `workers` threads, and deliver(i) is called on the calling thread in order of
// i, once work(i) has ended. At most `ahead` pieces are worked on or waiting beyond the next to be delivered.
void parallel_ordered(size_t count, int workers, size_t ahead, const std::function<void(size_t)>& work,
                      const std::function<void(size_t)>& deliver);

}  // namespace avsr::io
