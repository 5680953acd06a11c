#include "models/backend/cuda/cuda_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "models/backend/checks.h"

namespace avsr::backend::cuda {
namespace {

class CudaBuffer final : public Buffer {
 public:
  CudaBuffer(std::shared_ptr<Stream> stream, size_t bytes)
      : stream_(std::move(stream)), memory_(stream_->allocate(bytes)), bytes_(bytes) {}
  ~CudaBuffer() override { stream_->free(memory_, bytes_); }
  CudaBuffer(const CudaBuffer&) = delete;
  CudaBuffer& operator=(const CudaBuffer&) = delete;
  void* data() override { return memory_; }
  size_t bytes() const override { return bytes_; }

 private:
  std::shared_ptr<Stream> stream_;  // tensors may outlive the back end
  void* memory_;
  size_t bytes_;
};

}  // namespace

CudaBackend::CudaBackend(const GpuSettings& settings, bool rehearsal)
    : settings_(settings),
      stream_(std::make_shared<Stream>(settings.device, rehearsal)),
      products_(std::make_unique<Products>(*stream_, settings.precision)),
      fast_convs_(std::make_unique<FastConvs>(*this)) {}

CudaBackend::~CudaBackend() = default;

std::string CudaBackend::description() const {
  return fmt::format("{}, {}{}", stream_->facts().description, name_of(settings_.precision),
                     deterministic() ? ", equal runs are equal to the bit" : "");
}

std::shared_ptr<Buffer> CudaBackend::allocate(size_t bytes) { return std::make_shared<CudaBuffer>(stream_, bytes); }

MemoryUse CudaBackend::memory() const {
  return {stream_->bytes_in_use(), stream_->peak_bytes(), stream_->total_bytes()};
}

void CudaBackend::upload(const void* host, const Tensor& t) {
  stream_->upload(host, t.data<void>(), static_cast<size_t>(t.shape.count()) * bytes_of(t.dtype));
}

void CudaBackend::download(const Tensor& t, void* host) {
  stream_->download(t.data<void>(), host, static_cast<size_t>(t.shape.count()) * bytes_of(t.dtype));
}

const int* CudaBackend::small_upload(const std::vector<int>& values) {
  const size_t bytes = values.size() * sizeof(int);
  const auto buffer = small_uploads_.get(values, [&] {
    // Written over, not freed: that is queued behind the kernels that read it, while freeing waits for them.
    auto memory = small_uploads_.take_oldest();
    if (!memory || memory->bytes() < bytes) memory = allocate(std::max(bytes, kSmallBytes));
    stream_->upload(values.data(), memory->data(), bytes);
    return memory;
  });
  return static_cast<const int*>(buffer->data());
}

const int* CudaBackend::on_device(const Lengths& lengths) { return small_upload(lengths); }

const int* CudaBackend::starts_on_device(const Lengths& lengths) {
  std::vector<int> starts(lengths.size() + 1, 0);
  std::partial_sum(lengths.begin(), lengths.end(), starts.begin() + 1);
  return small_upload(starts);
}

void* CudaBackend::scratch(Slot slot, size_t bytes) {
  auto& buffer = scratch_[static_cast<size_t>(slot)];
  if (!buffer || buffer->bytes() < bytes) {
    buffer.reset();  // first, so that both are never there at once
    buffer = allocate(bytes);
  }
  return buffer->data();
}

Tensor CudaBackend::scratch(Slot slot, const Shape& shape, DType type) {
  scratch(slot, static_cast<size_t>(shape.count()) * bytes_of(type));
  return {.shape = shape, .dtype = type, .buffer = scratch_[static_cast<size_t>(slot)]};
}

std::string CudaBackend::join(Communicator& ranks, bool synchronised_batch_norm) {
  rank_sums_ = make_rank_sums(*stream_, ranks);
  synchronised_batch_norm_ = synchronised_batch_norm && ranks.size() > 1;
  return rank_sums_->name();
}

void CudaBackend::start_sum(const Tensor& t) {
  if (!rank_sums_) throw std::logic_error("[ranks] a sum over ranks before join()");
  rank_sums_->start({t.data(), static_cast<size_t>(t.shape.count())});
}

void CudaBackend::finish_sums() {
  if (rank_sums_) rank_sums_->finish();
}

std::shared_ptr<Conv> CudaBackend::conv(const ConvSpec& spec, const Shape& x) {
  return convs_.get({spec, x.sizes()}, [&] {
    static_cast<void>(conv_output_shape(spec, x));  // throws where x does not fit
    if (auto fast = fast_convs_->make(spec, x)) return fast;
    return make_column_conv(*this, spec, x);
  });
}

std::shared_ptr<BatchNorm> CudaBackend::batch_norm(const BatchNormSpec& spec) {
  return batch_norms_.get(spec, [&] { return make_batch_norm(*this, spec); });
}

std::shared_ptr<Pool> CudaBackend::pool(const PoolSpec& spec, const Shape& x) {
  return pools_.get({spec, x.sizes()}, [&] { return make_pool(*this, spec, x); });
}

std::shared_ptr<Linear> CudaBackend::linear(int in, int out) {
  return linears_.get({in, out}, [&] { return make_linear(*this, in, out); });
}

std::shared_ptr<Recurrent> CudaBackend::recurrent(const RecurrentSpec& spec, int64_t batch, int64_t steps) {
  if (spec.input < 1 || spec.hidden < 1 || batch < 1 || steps < 1)
    throw std::invalid_argument("[recurrent] expected sizes of 1 or more");
  return recurrents_.get({spec, {batch, steps}}, [&] { return make_recurrent(*this, spec, batch, steps); });
}

std::shared_ptr<CrossEntropy> CudaBackend::cross_entropy(const CrossEntropySpec& spec) {
  check_spec(spec);
  return cross_entropies_.get(spec, [&] { return make_cross_entropy(*this, spec); });
}

std::shared_ptr<CtcLoss> CudaBackend::ctc_loss() {
  if (!ctc_loss_) ctc_loss_ = make_ctc_loss(*this);
  return ctc_loss_;
}

}  // namespace avsr::backend::cuda
