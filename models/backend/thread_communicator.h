// Ranks that are threads of one process: what runs on several ranks can be tested without MPI.
#pragma once

#include <memory>
#include <vector>

#include "models/backend/communicator.h"

namespace avsr::backend {

// One for each of `ranks` threads. Sums are taken in the order of the ranks.
std::vector<std::unique_ptr<Communicator>> make_thread_communicators(int ranks);

}  // namespace avsr::backend
