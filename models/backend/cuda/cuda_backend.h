// The CUDA back end: kernels of our own (launch.h), cuBLASLt for matrix products, cuDNN for convolutions. Tensors are
// channels last throughout. All work but sums over ranks goes to one stream; only download waits for it.
//
// The type of an activation (f32, or bf16 in that precision) is a property of the tensor; kernels read both. What this
// back end writes: bf16 activations in Precision::bf16, f32 otherwise; parameters, gradients of parameters, statistics
// and losses are f32.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/backend/backend.h"
#include "models/backend/cuda/conv.h"
#include "models/backend/cuda/elements.h"
#include "models/backend/cuda/products.h"
#include "models/backend/cuda/rank_sums.h"
#include "models/backend/cuda/stream.h"
#include "models/backend/kernel_cache.h"

namespace avsr::backend::cuda {

class CudaBackend final : public Backend {
 public:
  // Throws std::runtime_error with one line when the device cannot be used.
  explicit CudaBackend(const GpuSettings& settings, bool rehearsal = false);
  ~CudaBackend() override;
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string name() const override { return stream_->facts().name; }
  std::string description() const override;
  Precision precision() const override { return settings_.precision; }

  std::shared_ptr<Buffer> allocate(size_t bytes) override;
  MemoryUse memory() const override;
  void restart_peak() override { stream_->restart_peak(); }
  std::unique_ptr<Backend> rehearsal() const override { return std::make_unique<CudaBackend>(settings_, true); }
  void upload(const void* host, const Tensor& t) override;
  void download(const Tensor& t, void* host) override;
  void synchronize() override { stream_->synchronize(); }

  std::shared_ptr<Conv> conv(const ConvSpec& spec, const Shape& x) override;
  std::shared_ptr<BatchNorm> batch_norm(const BatchNormSpec& spec) override;
  std::shared_ptr<Pool> pool(const PoolSpec& spec, const Shape& x) override;
  std::shared_ptr<Linear> linear(int in, int out) override;
  std::shared_ptr<Recurrent> recurrent(const RecurrentSpec& spec, int64_t batch, int64_t steps) override;
  std::shared_ptr<CrossEntropy> cross_entropy(const CrossEntropySpec& spec) override;
  std::shared_ptr<CtcLoss> ctc_loss() override;
  int64_t images_at_once() const override { return int64_t{1} << 40; }  // all

  void fill(Tensor& t, float value) override;
  void copy(const Tensor& x, Tensor& y) override;
  void to_channels_last(const Tensor& x, Tensor& y) override { copy(x, y); }
  void add(const Tensor& x, Tensor& y) override;
  void relu(Tensor& y) override;
  void relu_backward(const Tensor& y, Tensor& dy) override;
  void prelu(const Tensor& x, const Tensor& slope, Tensor& y) override;
  void prelu_backward(const Tensor& x, const Tensor& slope, const Tensor& dy, Tensor& dx, Tensor& dslope) override;
  void swish(const Tensor& x, Tensor& y) override;
  void swish_backward(const Tensor& x, const Tensor& dy, Tensor& dx) override;
  void scale(Tensor& t, float factor) override;
  void dropout(const Tensor& x, float p, uint64_t seed, Tensor& y) override;
  void concatenate(const Tensor& a, const Tensor& b, Tensor& y) override;
  void split(const Tensor& y, int64_t first_columns, Tensor& a, Tensor& b) override;
  void pad(const Tensor& packed, const Lengths& lengths, int64_t steps, Tensor& padded) override;
  void pack(const Tensor& padded, const Lengths& lengths, Tensor& packed) override;
  void mask(Tensor& t, const Lengths& lengths) override;
  void mean_over_time(const Tensor& x, const Lengths* lengths, Tensor& y) override;
  void mean_over_time_backward(const Tensor& dy, const Lengths* lengths, int64_t steps, Tensor& dx) override;
  void time_windows(const Tensor& frames, std::span<const float> scale, std::span<const float> shift,
                    const Tensor& mean_image, const Lengths& lengths, int depth, Tensor& y) override;

  void norm(std::span<const Tensor> parts, Tensor& result) override;
  void adam(const AdamStep& step, const Tensor& gradient, Tensor& first, Tensor& second, Tensor& value) override;
  void sgd(const SgdStep& step, const Tensor& gradient, Tensor& momentum, Tensor& value) override;
  void adagrad(const AdagradStep& step, const Tensor& gradient, Tensor& squares, Tensor& value) override;
  void rmsprop(const RmsPropStep& step, const Tensor& gradient, Tensor& mean_square, Tensor& momentum,
               Tensor& value) override;

  std::string join(Communicator& ranks, bool synchronised_batch_norm) override;
  void start_sum(const Tensor& t) override;
  void finish_sums() override;

  // ---- for the kernels of this folder
  Stream& stream() { return *stream_; }
  Products& products() { return *products_; }
  bool deterministic() const { return settings_.deterministic; }
  // The ranks over which batch norm takes its statistics; null: this one alone.
  RankSums* statistics_ranks() const { return synchronised_batch_norm_ ? rank_sums_.get() : nullptr; }
  DType activation_type() const { return precision() == Precision::bf16 ? DType::bf16 : DType::f32; }
  // y gets this shape in the activation type.
  void resize_activation(Tensor& y, const Shape& shape) { resize(y, shape, activation_type()); }
  // t itself where it has the type that products want (activation_type()), else a converted copy in `converted`.
  const Tensor& as_operand(const Tensor& t, Tensor& converted);
  // The lengths in the device's memory. Recent ones are kept, so that equal batches upload nothing.
  const int* on_device(const Lengths& lengths);
  // Where each clip's frames start in a packed tensor, and after the last their number: lengths.size() + 1 values.
  const int* starts_on_device(const Lengths& lengths);
  // Scratch memory of at least so many bytes, shared by all kernels: what a kernel puts there is gone when the next
  // kernel of this folder asks. The slots are independent.
  enum class Slot : uint8_t { workspace, gradient, partial, partial2, bias, other };
  void* scratch(Slot slot, size_t bytes);
  Tensor scratch(Slot slot, const Shape& shape, DType type);
  // sum[c] += the sum over rows of x (rows, columns), in an order that depends on the shape alone.
  void add_rows(const Tensor& x, int64_t rows, int64_t columns, float* sum);

 private:
  static constexpr size_t kSlots = 6, kSmallBytes = 4096;
  const int* small_upload(const std::vector<int>& values);

  GpuSettings settings_;
  std::shared_ptr<Stream> stream_;
  std::unique_ptr<Products> products_;
  std::unique_ptr<FastConvs> fast_convs_;
  std::unique_ptr<RankSums> rank_sums_;
  bool synchronised_batch_norm_ = false;
  std::shared_ptr<Buffer> scratch_[kSlots];
  KernelCache<std::vector<int>, Buffer> small_uploads_{64};  // by content
  KernelCache<std::pair<ConvSpec, std::vector<int64_t>>, Conv> convs_;
  KernelCache<std::pair<PoolSpec, std::vector<int64_t>>, Pool> pools_;
  KernelCache<BatchNormSpec, BatchNorm> batch_norms_;
  KernelCache<std::pair<int, int>, Linear> linears_;
  KernelCache<std::pair<RecurrentSpec, std::pair<int64_t, int64_t>>, Recurrent> recurrents_;
  KernelCache<CrossEntropySpec, CrossEntropy> cross_entropies_;
  std::shared_ptr<CtcLoss> ctc_loss_;
};

// The kernels, one file each.
std::shared_ptr<BatchNorm> make_batch_norm(CudaBackend& backend, const BatchNormSpec& spec);
std::shared_ptr<Pool> make_pool(CudaBackend& backend, const PoolSpec& spec, const Shape& x);
std::shared_ptr<Linear> make_linear(CudaBackend& backend, int in, int out);
std::shared_ptr<Recurrent> make_recurrent(CudaBackend& backend, const RecurrentSpec& spec, int64_t batch,
                                          int64_t steps);
std::shared_ptr<CrossEntropy> make_cross_entropy(CudaBackend& backend, const CrossEntropySpec& spec);
std::shared_ptr<CtcLoss> make_ctc_loss(CudaBackend& backend);

}  // namespace avsr::backend::cuda
