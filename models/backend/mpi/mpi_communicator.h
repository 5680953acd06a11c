// Ranks that are processes, joined by MPI.
#pragma once

#include <mpi.h>

#include "models/backend/communicator.h"

namespace avsr::backend::mpi {

class MpiCommunicator final : public Communicator {
 public:
  // Initialises MPI; its destructor finalises it (collective).
  MpiCommunicator();
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  const RankPlace& place() const override { return place_; }
  void sum(std::span<float> values) override;
  void sum(std::span<double> values) override;
  void broadcast(std::span<std::byte> bytes) override;
  void barrier() override;
  std::unique_ptr<Communicator> duplicate() override;
  [[noreturn]] void abort(const std::string& message) override;

 private:
  MpiCommunicator(MPI_Comm channel, RankPlace place);
  void sum(void* values, size_t count, MPI_Datatype type);

  MPI_Comm channel_ = MPI_COMM_NULL;
  bool finalises_ = false;
  RankPlace place_;
};

}  // namespace avsr::backend::mpi
