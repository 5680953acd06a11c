// Sums over ranks of what lies in host memory, on a thread of their own: the caller computes on.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "models/backend/communicator.h"

namespace avsr::backend {

class HostSums {
 public:
  explicit HostSums(Communicator& ranks);  // collective: takes a channel of its own
  ~HostSums();                             // what was not begun yet is left out
  HostSums(const HostSums&) = delete;
  HostSums& operator=(const HostSums&) = delete;

  // Values are added up in place, one stretch after the other; they belong to this object until finish() has returned.
  void start(std::span<float> values);
  // Waits for all. Throws what a sum has thrown.
  void finish();

 private:
  void work();

  std::unique_ptr<Communicator> channel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::span<float>> waiting_;
  bool busy_ = false, stop_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace avsr::backend
