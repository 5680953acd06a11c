// Sums over ranks by way of the host's memory: on machines without NCCL, and in emulation.
#include <deque>
#include <vector>

#include "models/backend/cuda/rank_sums.h"
#include "models/backend/host_sums.h"

namespace avsr::backend::cuda {
namespace {

class HostRankSums final : public RankSums {
 public:
  HostRankSums(Stream& stream, Communicator& ranks) : stream_(stream), ranks_(ranks), sums_(ranks) {}

  const char* name() const override { return "the host's memory"; }
  void start(std::span<float> values) override {
    if (begun_.size() == used_) begun_.emplace_back();
    Begun& begun = begun_[used_++];
    begun.device = values;
    begun.host.resize(values.size());
    stream_.download(values.data(), begun.host.data(), values.size_bytes());
    sums_.start(begun.host);
  }

  void finish() override {
    sums_.finish();
    for (size_t i = 0; i < used_; ++i)
      stream_.upload(begun_[i].host.data(), begun_[i].device.data(), begun_[i].device.size_bytes());
    used_ = 0;
  }

  void sum(std::span<double> values) override {
    std::vector<double> host(values.size());
    stream_.download(values.data(), host.data(), values.size_bytes());
    ranks_.sum(std::span(host));
    stream_.upload(host.data(), values.data(), values.size_bytes());
  }

 private:
  struct Begun {
    std::span<float> device;
    std::vector<float> host;
  };

  Stream& stream_;
  Communicator& ranks_;
  std::deque<Begun> begun_;  // memory is kept from step to step
  size_t used_ = 0;
  HostSums sums_;  // last: its thread ends before what it writes to
};

}  // namespace

std::unique_ptr<RankSums> make_host_rank_sums(Stream& stream, Communicator& ranks) {
  return std::make_unique<HostRankSums>(stream, ranks);
}

}  // namespace avsr::backend::cuda
