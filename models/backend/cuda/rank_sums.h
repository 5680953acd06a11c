// Sums over ranks of what lies in the device's memory: by NCCL between GPUs, or through the host's memory by whatever
// joins the ranks.
#pragma once

#include <memory>
#include <span>

#include "models/backend/communicator.h"
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

// All calls are collective. Addresses are the device's.
class RankSums {
 public:
  virtual ~RankSums() = default;
  virtual const char* name() const = 0;  // of the way that sums take
  // Begins to add up, in place, what the work queued so far leaves there.
  virtual void start(std::span<float> values) = 0;
  // Work queued after this finds the sums of all that was begun.
  virtual void finish() = 0;
  // Adds up in place, in its turn among the work of the stream.
  virtual void sum(std::span<double> values) = 0;
};

// Chosen when the library is linked: rank_sums_nccl.cc or rank_sums_plain.cc. NCCL gives way to the host
// where some rank finds no NCCL on its machine. Stream and communicator must outlive the result.
std::unique_ptr<RankSums> make_rank_sums(Stream& stream, Communicator& ranks);

// By way of the host.
std::unique_ptr<RankSums> make_host_rank_sums(Stream& stream, Communicator& ranks);

}  // namespace avsr::backend::cuda
