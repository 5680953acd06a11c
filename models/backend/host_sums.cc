#include "models/backend/host_sums.h"

#include <utility>

namespace avsr::backend {

HostSums::HostSums(Communicator& ranks) : channel_(ranks.duplicate()), thread_([this] { work(); }) {}

HostSums::~HostSums() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

void HostSums::start(std::span<float> values) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(values);
  }
  changed_.notify_all();
}

void HostSums::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || (waiting_.empty() && !busy_); });
  if (failure_) std::rethrow_exception(failure_);
}

void HostSums::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    const std::span<float> values = waiting_.front();
    waiting_.pop_front();
    busy_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      channel_->sum(values);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    if (failure) failure_ = failure;
    changed_.notify_all();
    if (failure) return;
  }
}

}  // namespace avsr::backend
