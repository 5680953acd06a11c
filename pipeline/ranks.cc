#include "pipeline/ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "pipeline/plugin.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kPlugin = "libavsr_mpi.so";

}  // namespace

int started_tasks() {
  // Open MPI's mpirun; srun; srun or another launcher with PMI-1 or 2
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE"})
    if (const char* text = std::getenv(name)) return std::atoi(text);
  return 0;
}

void Ranks::sum(std::span<double> values) const {
  if (channel_) channel_->sum(values);
}

bool Ranks::any(bool value) const {
  std::array<double, 1> votes{value ? 1.0 : 0.0};
  sum(votes);
  return votes[0] > 0;
}

std::string Ranks::text_of_first(std::string text) const {
  return channel_ ? channel_->broadcast_text(std::move(text)) : text;
}

void Ranks::barrier() const {
  if (channel_) channel_->barrier();
}

std::pair<size_t, size_t> Ranks::part_of(size_t count) const {
  const auto at = static_cast<size_t>(rank()), all = static_cast<size_t>(size());
  return {count * at / all, count * (at + 1) / all};
}

void Ranks::require_equal(uint64_t value, const std::string& what, const std::string& remedy) const {
  if (!channel_) return;
  std::vector<double> differs(static_cast<size_t>(size()), 0);
  differs[static_cast<size_t>(rank())] = text_of_first(std::to_string(value)) != std::to_string(value) ? 1 : 0;
  sum(differs);
  std::vector<int> others;
  for (size_t r = 0; r < differs.size(); ++r)
    if (differs[r] > 0) others.push_back(static_cast<int>(r));
  if (!others.empty())
    throw std::runtime_error(
        fmt::format("[ranks] {} of rank {} differ from rank 0's: {}", what, fmt::join(others, ", "), remedy));
}

std::unique_ptr<backend::Communicator> open_ranks() {
  const int tasks = started_tasks();
  if (tasks <= 1) return nullptr;
  std::string problem;
  void* library = load_plugin(kPlugin, problem);
  if (!library)
    throw std::runtime_error(fmt::format(
        "[ranks] {} tasks were started together, and the plug-in {} that joins them {}{}: start one task alone, or "
        "build avsr where MPI is (Debian: libopenmpi-dev)",
        tasks, kPlugin, problem.empty() ? "is not installed" : "cannot be loaded: ", problem));
  using Open = backend::Communicator* (*)(char*, size_t);
  const auto open = plugin_function<Open>(library, kPlugin, "avsr_open_mpi", "avsr_mpi_interface");
  std::array<char, 512> error{};
  std::unique_ptr<backend::Communicator> ranks(open(error.data(), error.size()));
  if (!ranks) throw std::runtime_error(fmt::format("[ranks] MPI cannot be used: {}", error.data()));
  if (ranks->size() == 1)
    throw std::runtime_error(
        fmt::format("[ranks] {} tasks were started together, and MPI knows of one alone: under Slurm, srun --mpi=pmix "
                    "(srun --mpi=list shows what there is); else the mpirun of the same MPI that avsr was built with",
                    tasks));
  return ranks;
}

}  // namespace avsr::pipeline
