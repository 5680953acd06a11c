// The ranks of one training: processes (threads in tests) that run the same program on parts of the same batches and
// add up what they find. Implementations: MPI (models/backend/mpi, a plug-in) and threads (thread_communicator.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace avsr::backend {

// Where a rank stands.
struct RankPlace {
  int rank = 0, size = 1;              // among all ranks
  int local_rank = 0, local_size = 1;  // among the ranks of its machine
  int cores = 1;                       // of its machine, that it may use: cores that ranks share are divided among them
  std::string machine, library;        // for texts
};

// Every call but abort() is collective: all ranks make the same calls in the same order with equal counts, and each
// waits for the others. Results are the same bits on every rank. Values lie in host memory. A rank that fails lets the
// others fail too, by abort(); a call throws std::runtime_error when it finds that out.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual const RankPlace& place() const = 0;
  int rank() const { return place().rank; }
  int size() const { return place().size; }

  virtual void sum(std::span<float> values) = 0;  // in place
  virtual void sum(std::span<double> values) = 0;
  virtual void broadcast(std::span<std::byte> bytes) = 0;  // rank 0's to all
  virtual void barrier() = 0;
  // A second channel between the same ranks, for another thread: calls on one channel keep their order, calls on two
  // do not disturb each other.
  virtual std::unique_ptr<Communicator> duplicate() = 0;
  // Ends all ranks. MPI: prints the message and the rank on stderr and ends the processes. Threads: the others' calls
  // throw std::runtime_error with the message, and so does this one.
  [[noreturn]] virtual void abort(const std::string& message) = 0;

  // One text for all: rank 0's.
  std::string broadcast_text(std::string text);
};

}  // namespace avsr::backend
