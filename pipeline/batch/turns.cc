#include "pipeline/batch/turns.h"

namespace avsr::pipeline {

void Turns::run(const std::function<void()>& work) {
  Piece piece{&work, nullptr};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&piece);
  asked_.notify_one();
  done_.wait(lock, [&] { return piece.done; });
  if (piece.failure) std::rethrow_exception(piece.failure);
}

void Turns::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Piece* piece = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    try {
      (*piece->work)();
    } catch (...) {
      piece->failure = std::current_exception();
    }
    lock.lock();
    piece->done = true;
    done_.notify_all();
  }
}

void Turns::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  asked_.notify_one();
}

}  // namespace avsr::pipeline
