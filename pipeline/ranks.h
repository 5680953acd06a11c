// This program's place among the ranks of a training (docs/cluster.md). Alone, as by default, all of it is nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "models/backend/communicator.h"

namespace avsr::pipeline {

// A handle. Calls that exchange something are collective.
class Ranks {
 public:
  Ranks() = default;                                                       // alone
  Ranks(backend::Communicator& communicator) : channel_(&communicator) {}  // must outlive this

  backend::Communicator* communicator() const { return channel_; }  // null: alone
  int rank() const { return channel_ ? channel_->rank() : 0; }
  int size() const { return channel_ ? channel_->size() : 1; }
  int on_this_machine() const { return channel_ ? channel_->place().local_size : 1; }
  bool leads() const { return rank() == 0; }  // writes the files and speaks

  void sum(std::span<double> values) const;  // in place
  bool any(bool value) const;                // true on all where it is true on one
  std::string text_of_first(std::string text) const;
  void barrier() const;
  // Which of `count` things in a row are this rank's, [first, last): ranks differ by one at most.
  std::pair<size_t, size_t> part_of(size_t count) const;
  int largest_part(int count) const { return (count + size() - 1) / size(); }
  // Throws std::runtime_error on every rank where one has another value than the first; `what` says of what, and
  // `remedy` what to do.
  void require_equal(uint64_t value, const std::string& what, const std::string& remedy) const;

 private:
  backend::Communicator* channel_ = nullptr;
};

// Tasks that mpirun or srun has started together, this one among them; 0: it was started alone.
int started_tasks();

// The communicator that mpirun or srun has started this program with; null where neither has. Loads the plug-in
// libavsr_mpi.so, which is looked for like that of CUDA (device.h) and exports
//   extern "C" avsr::backend::Communicator* avsr_open_mpi(char* error, size_t error_bytes)
//   extern "C" const char* avsr_mpi_interface()
// Throws std::runtime_error where the ranks cannot be joined: without the plug-in they would train one by one.
std::unique_ptr<backend::Communicator> open_ranks();

}  // namespace avsr::pipeline
