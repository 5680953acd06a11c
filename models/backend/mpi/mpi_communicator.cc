#include "models/backend/mpi/mpi_communicator.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace avsr::backend::mpi {
namespace {

void check(int status, const char* what) {
  if (status == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(status, text.data(), &length);
  throw std::runtime_error(fmt::format("[ranks] MPI: {}: {}", what, text.data()));
}

// The C interface counts in int.
constexpr size_t kMostAtOnce = size_t{1} << 28;

// Cores that this rank may use, each divided by the ranks of the machine that may use it too.
int share_of_cores(MPI_Comm machine) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  std::vector<int> own(CPU_SETSIZE), users(CPU_SETSIZE);
  for (size_t core = 0; core < own.size(); ++core) own[core] = CPU_ISSET(core, &set) ? 1 : 0;
  check(MPI_Allreduce(own.data(), users.data(), CPU_SETSIZE, MPI_INT, MPI_SUM, machine), "counting cores");
  double share = 0;
  for (size_t core = 0; core < own.size(); ++core)
    if (own[core] > 0) share += 1.0 / users[core];
  return std::max(1, static_cast<int>(share + 1e-6));
}

RankPlace find_place() {
  RankPlace place;
  check(MPI_Comm_rank(MPI_COMM_WORLD, &place.rank), "the rank");
  check(MPI_Comm_size(MPI_COMM_WORLD, &place.size), "the number of ranks");
  MPI_Comm machine = MPI_COMM_NULL;
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, place.rank, MPI_INFO_NULL, &machine),
        "the ranks of a machine");
  check(MPI_Comm_rank(machine, &place.local_rank), "the rank on its machine");
  check(MPI_Comm_size(machine, &place.local_size), "the ranks of a machine");
  place.cores = share_of_cores(machine);
  check(MPI_Comm_free(&machine), "the ranks of a machine");
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> library{};
  int length = 0;
  check(MPI_Get_processor_name(name.data(), &length), "the machine's name");
  check(MPI_Get_library_version(library.data(), &length), "the version");
  place.machine = name.data();
  place.library = library.data();
  place.library = place.library.substr(0, place.library.find_first_of(",\n"));
  return place;
}

}  // namespace

MpiCommunicator::MpiCommunicator() {
  int given = MPI_THREAD_SINGLE;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &given), "the start");
  finalises_ = true;
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "the error handler");
  place_ = find_place();
  if (given < MPI_THREAD_MULTIPLE)
    throw std::runtime_error(fmt::format(
        "[ranks] {} serves one thread at a time, and sums are taken beside the computation: use an MPI with "
        "MPI_THREAD_MULTIPLE (Debian's Open MPI has it)",
        place_.library));
  check(MPI_Comm_dup(MPI_COMM_WORLD, &channel_), "a channel");
}

MpiCommunicator::MpiCommunicator(MPI_Comm channel, RankPlace place) : channel_(channel), place_(std::move(place)) {}

MpiCommunicator::~MpiCommunicator() {
  // Waiting for the others while an exception unwinds this rank would be for ever.
  if (std::uncaught_exceptions() > 0) return;
  if (channel_ != MPI_COMM_NULL) MPI_Comm_free(&channel_);
  if (finalises_) MPI_Finalize();
}

void MpiCommunicator::sum(void* values, size_t count, MPI_Datatype type) {
  int bytes = 0;
  check(MPI_Type_size(type, &bytes), "a type");
  for (size_t done = 0; done < count; done += kMostAtOnce)
    check(MPI_Allreduce(MPI_IN_PLACE, static_cast<std::byte*>(values) + done * static_cast<size_t>(bytes),
                        static_cast<int>(std::min(kMostAtOnce, count - done)), type, MPI_SUM, channel_),
          "a sum");
}

void MpiCommunicator::sum(std::span<float> values) { sum(values.data(), values.size(), MPI_FLOAT); }
void MpiCommunicator::sum(std::span<double> values) { sum(values.data(), values.size(), MPI_DOUBLE); }

void MpiCommunicator::broadcast(std::span<std::byte> bytes) {
  for (size_t done = 0; done < bytes.size(); done += kMostAtOnce)
    check(MPI_Bcast(bytes.data() + done, static_cast<int>(std::min(kMostAtOnce, bytes.size() - done)), MPI_BYTE, 0,
                    channel_),
          "spreading rank 0's values");
}

void MpiCommunicator::barrier() { check(MPI_Barrier(channel_), "waiting for the others"); }

std::unique_ptr<Communicator> MpiCommunicator::duplicate() {
  MPI_Comm channel = MPI_COMM_NULL;
  check(MPI_Comm_dup(channel_, &channel), "a channel");
  return std::unique_ptr<Communicator>(new MpiCommunicator(channel, place_));
}

void MpiCommunicator::abort(const std::string& message) {
  // What fails on all ranks alike is told once: rank 0, if it fails too, is first and ends the others.
  if (rank() != 0) std::this_thread::sleep_for(std::chrono::seconds(1));
  std::cerr << fmt::format("avsr, rank {} of {} on {}: {}\n", rank(), size(), place_.machine, message) << std::flush;
  MPI_Abort(MPI_COMM_WORLD, 1);
  std::abort();  // not reached; MPI's header does not say so
}

}  // namespace avsr::backend::mpi
