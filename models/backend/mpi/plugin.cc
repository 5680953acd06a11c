// The two symbols of libavsr_mpi.so (pipeline/ranks.h).
#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>

#include "models/backend/mpi/mpi_communicator.h"

extern "C" __attribute__((visibility("default"))) const char* avsr_mpi_interface() { return AVSR_BACKEND_INTERFACE; }

extern "C" __attribute__((visibility("default"))) avsr::backend::Communicator* avsr_open_mpi(char* error,
                                                                                             size_t error_bytes) {
  try {
    return new avsr::backend::mpi::MpiCommunicator();
  } catch (const std::exception& problem) {
    const std::string_view text = problem.what();
    const size_t kept = std::min(text.size(), error_bytes - 1);
    std::memcpy(error, text.data(), kept);
    error[kept] = 0;
    return nullptr;
  }
}
