// Work that many threads want done and one thread does: the network's.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

namespace avsr::pipeline {

// Note [One network for all files]
// Files are decoded and tracked on several threads, and every network call goes to the one thread that serves, where
// the compute threads are pinned (pinning.h) or the GPU's context lives. So weights, kernels and their scratch memory
// exist once whatever the number of files at a time; a batch is one file's alone, which makes results the same for any
// number; and cores that wait for a barrier of the network decode meanwhile.
class Turns {
 public:
  // Has the serving thread do `work`, in order of the calls; returns when it is done and throws what it threw.
  void run(const std::function<void()>& work);
  // Does what is asked for until close() was called and nothing is left.
  void serve();
  void close();

 private:
  struct Piece {
    const std::function<void()>* work;
    std::exception_ptr failure;
    bool done = false;
  };
  std::mutex mutex_;
  std::condition_variable asked_, done_;
  std::deque<Piece*> waiting_;
  bool closed_ = false;
};

}  // namespace avsr::pipeline
