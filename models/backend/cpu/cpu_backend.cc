#include "models/backend/cpu/cpu_backend.h"

#include <fmt/format.h>
#include <omp.h>

#include <stdexcept>

#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {
namespace {

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(size_t bytes) : bytes_(bytes) { memory_.reserve(bytes); }
  void* data() override { return memory_.reserve(bytes_); }
  size_t bytes() const override { return bytes_; }

 private:
  HostMemory memory_;
  size_t bytes_;
};

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

std::shared_ptr<Buffer> CpuBackend::allocate(size_t bytes) { return std::make_shared<CpuBuffer>(bytes); }

std::unique_ptr<Backend> make_cpu_backend(int threads, Precision precision) {
  return std::make_unique<CpuBackend>(threads, 0, precision);
}

}  // namespace avsr::backend::cpu
