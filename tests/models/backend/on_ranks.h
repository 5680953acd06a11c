// Runs a test's body on several ranks that are threads.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "models/backend/thread_communicator.h"

namespace avsr::backend::test {

// What a rank throws ends the others, and is thrown again here: that of the first rank that failed of itself.
inline void on_ranks(int ranks, const std::function<void(Communicator&)>& body) {
  const auto communicators = make_thread_communicators(ranks);
  std::vector<std::exception_ptr> failures(static_cast<size_t>(ranks));
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        const auto at = static_cast<size_t>(rank);
        try {
          body(*communicators[at]);
        } catch (const std::exception& error) {
          failures[at] = std::current_exception();
          try {
            communicators[at]->abort(error.what());
          } catch (const std::exception&) {  // abort() always throws
          }
        }
      });
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace avsr::backend::test
