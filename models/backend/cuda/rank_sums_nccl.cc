// Sums over ranks by NCCL, from GPU to GPU. NCCL is loaded when ranks join: the plug-in needs none on a machine where
// one rank trains alone.
//
// Order. NCCL's calls must follow each other alike on all ranks, so all go to one stream of their own. Events tie it to
// the stream of the work: a sum starts when the work queued before it is done. Gradients are added up while backward
// goes on; batch norm's sums the work waits for.
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <nccl.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/backend/cuda/check_cuda.h"
#include "models/backend/cuda/rank_sums.h"

namespace avsr::backend::cuda {
namespace {

// What is used of NCCL.
struct Nccl {
  decltype(&ncclGetErrorString) error_text = nullptr;
  decltype(&ncclGetUniqueId) unique_id = nullptr;
  decltype(&ncclCommInitRank) join = nullptr;
  decltype(&ncclCommDestroy) leave = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;

  void check(ncclResult_t status, const char* what) const {
    if (status != ncclSuccess) throw std::runtime_error(fmt::format("[ranks] NCCL: {}: {}", what, error_text(status)));
  }
};

// Null members where there is no NCCL of this interface. Stays loaded.
Nccl load_nccl() {
  Nccl nccl;
  void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library) return nccl;
  nccl.error_text = reinterpret_cast<decltype(nccl.error_text)>(dlsym(library, "ncclGetErrorString"));
  nccl.unique_id = reinterpret_cast<decltype(nccl.unique_id)>(dlsym(library, "ncclGetUniqueId"));
  nccl.join = reinterpret_cast<decltype(nccl.join)>(dlsym(library, "ncclCommInitRank"));
  nccl.leave = reinterpret_cast<decltype(nccl.leave)>(dlsym(library, "ncclCommDestroy"));
  nccl.all_reduce = reinterpret_cast<decltype(nccl.all_reduce)>(dlsym(library, "ncclAllReduce"));
  if (!nccl.error_text || !nccl.unique_id || !nccl.join || !nccl.leave || !nccl.all_reduce) return {};
  return nccl;
}

class NcclRankSums final : public RankSums {
 public:
  NcclRankSums(const Nccl& nccl, Stream& stream, Communicator& ranks)
      : nccl_(nccl), work_(static_cast<cudaStream_t>(stream.handle())) {
    ncclUniqueId id{};
    if (ranks.rank() == 0) nccl_.check(nccl_.unique_id(&id), "a name for the ranks");
    ranks.broadcast(std::as_writable_bytes(std::span(&id, 1)));
    check(cudaStreamCreateWithFlags(&sums_, cudaStreamNonBlocking), "a stream");
    for (cudaEvent_t* event : {&ready_, &done_})
      check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "an event");
    nccl_.check(nccl_.join(&channel_, ranks.size(), id, ranks.rank()), "joining the ranks");
  }
  ~NcclRankSums() override {
    cudaStreamSynchronize(sums_);
    nccl_.leave(channel_);
    cudaEventDestroy(ready_);
    cudaEventDestroy(done_);
    cudaStreamDestroy(sums_);
  }
  NcclRankSums(const NcclRankSums&) = delete;
  NcclRankSums& operator=(const NcclRankSums&) = delete;

  const char* name() const override { return "NCCL"; }
  void start(std::span<float> values) override { start(values.data(), values.size(), ncclFloat32); }
  void finish() override {
    check(cudaEventRecord(done_, sums_), "an event");
    check(cudaStreamWaitEvent(work_, done_, 0), "waiting for sums");
  }
  void sum(std::span<double> values) override {
    start(values.data(), values.size(), ncclFloat64);
    finish();
  }

 private:
  void start(void* values, size_t count, ncclDataType_t type) {
    check(cudaEventRecord(ready_, work_), "an event");
    check(cudaStreamWaitEvent(sums_, ready_, 0), "waiting for what is added up");
    nccl_.check(nccl_.all_reduce(values, values, count, type, ncclSum, channel_, sums_), "a sum");
  }

  Nccl nccl_;
  cudaStream_t work_, sums_ = nullptr;
  cudaEvent_t ready_ = nullptr, done_ = nullptr;
  ncclComm_t channel_ = nullptr;
};

// Whether every rank has NCCL and a GPU of its own, without which NCCL does not work. Collective.
bool usable(const Nccl& nccl, Communicator& ranks) {
  int device = 0;
  std::array<char, 32> address{};  // of the device on its machine
  check(cudaGetDevice(&device), "the device");
  check(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), device), "the device's address");
  const std::string own = fmt::format("{} {}", ranks.place().machine, address.data());
  const auto size = static_cast<size_t>(ranks.size()), at = static_cast<size_t>(ranks.rank());
  // Numbers of 32 bits are exact as double.
  uint32_t hash = 2166136261U;
  for (const char c : own) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  std::vector<double> all(2 * size, 0);
  all[at] = nccl.join ? 1 : 0;
  all[size + at] = hash;
  ranks.sum(std::span(all));
  for (size_t a = 0; a < size; ++a) {
    if (all[a] == 0) return false;
    for (size_t b = 0; b < a; ++b)
      if (all[size + a] == all[size + b]) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<RankSums> make_rank_sums(Stream& stream, Communicator& ranks) {
  const Nccl nccl = load_nccl();
  if (!usable(nccl, ranks)) return make_host_rank_sums(stream, ranks);
  return std::make_unique<NcclRankSums>(nccl, stream, ranks);
}

}  // namespace avsr::backend::cuda
