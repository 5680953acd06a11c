#include "models/backend/cpu/cpu_backend.h"

#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <stdexcept>

#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {

// Buffers share it with their back end, which they may outlive.
class BufferBytes {
 public:
  void add(size_t bytes) {
    const size_t used = used_ += bytes;
    peak_ = std::max<size_t>(peak_, used);
  }
  void remove(size_t bytes) { used_ -= bytes; }
  void restart_peak() { peak_ = used_.load(); }
  size_t used() const { return used_; }
  size_t peak() const { return peak_; }

 private:
  std::atomic<size_t> used_ = 0, peak_ = 0;
};

namespace {

class CpuBuffer final : public Buffer {
 public:
  CpuBuffer(size_t bytes, std::shared_ptr<BufferBytes> count) : bytes_(bytes), count_(std::move(count)) {
    memory_.reserve(bytes);
    count_->add(bytes);
  }
  ~CpuBuffer() override { count_->remove(bytes_); }
  CpuBuffer(const CpuBuffer&) = delete;
  CpuBuffer& operator=(const CpuBuffer&) = delete;
  void* data() override { return memory_.reserve(bytes_); }
  size_t bytes() const override { return bytes_; }

 private:
  HostMemory memory_;
  size_t bytes_;
  std::shared_ptr<BufferBytes> count_;
};

size_t bytes_of_machine() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

bool onednn_uses(dnnl::cpu_isa isa) {
  const auto bits = static_cast<unsigned>(isa);  // an instruction set's bits hold those of the ones that it includes
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

bool has_bf16() { return __builtin_cpu_supports("avx512bf16") && onednn_uses(dnnl::cpu_isa::avx512_core_bf16); }

void check_precision(Precision precision) {
  if (precision == Precision::tf32)
    throw std::runtime_error("[device] the CPU has no tf32; use --precision f32, or a GPU");
  if (precision == Precision::bf16 && !has_bf16())
    throw std::runtime_error("[device] this CPU has no bf16 (neither AVX512-BF16 nor AMX); use --precision f32");
}

std::string instruction_set(Precision precision) {
  if (precision == Precision::bf16) return onednn_uses(dnnl::cpu_isa::avx512_core_amx) ? "AMX" : "AVX512-BF16";
  if (__builtin_cpu_supports("avx512bw")) return "AVX-512";
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  return "SSE";
}

}  // namespace

CpuBackend::CpuBackend(int threads, int channel_block, Precision precision)
    : threads_(threads > 0 ? threads : omp_get_num_procs()),
      channel_block_(channel_block > 0                    ? channel_block
                     : __builtin_cpu_supports("avx512bw") ? 16
                                                          : 8),
      precision_(precision),
      buffer_bytes_(std::make_shared<BufferBytes>()),
      onednn_(std::make_unique<OneDnn>()) {
  check_precision(precision);
  omp_set_num_threads(threads_);
}

CpuBackend::~CpuBackend() = default;

std::string CpuBackend::description() const {
  const dnnl_version_t& v = *dnnl_version();
  return fmt::format("cpu: {} threads, {}{}, oneDNN {}.{}.{}", threads_, instruction_set(precision_),
                     precision_ == Precision::bf16 ? " in bf16" : "", v.major, v.minor, v.patch);
}

std::shared_ptr<Buffer> CpuBackend::allocate(size_t bytes) {
  try {
    return std::make_shared<CpuBuffer>(bytes, buffer_bytes_);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(fmt::format("[device] out of memory: no room for {} bytes; {} are in use of the machine's {}",
                                  bytes, buffer_bytes_->used(), bytes_of_machine()));
  }
}

MemoryUse CpuBackend::memory() const { return {buffer_bytes_->used(), buffer_bytes_->peak(), bytes_of_machine()}; }

void CpuBackend::restart_peak() { buffer_bytes_->restart_peak(); }

std::string CpuBackend::join(Communicator& ranks, bool synchronised_batch_norm) {
  statistics_ranks_ = synchronised_batch_norm && ranks.size() > 1 ? &ranks : nullptr;
  sums_ = std::make_unique<HostSums>(ranks);
  return ranks.place().library;
}

void CpuBackend::start_sum(const Tensor& t) {
  if (!sums_) throw std::logic_error("[ranks] a sum over ranks before join()");
  sums_->start({t.data(), static_cast<size_t>(t.shape.count())});
}

void CpuBackend::finish_sums() {
  if (sums_) sums_->finish();
}

std::unique_ptr<Backend> make_cpu_backend(int threads, Precision precision) {
  return std::make_unique<CpuBackend>(threads, 0, precision);
}

}  // namespace avsr::backend::cpu
