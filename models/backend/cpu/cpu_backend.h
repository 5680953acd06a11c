// The CPU back end: oneDNN for the matrix work, own loops for the rest, OpenMP threads for both.
//
// Note [Private layout]
// A private tensor of logical shape (N, [D,] H, W, C) lies in memory as (N, ceil(C / b), [D,] H, W, b), b =
// channel_block(): 16 floats where the CPU has AVX-512, else 8. The channels added by padding are always zero: whoever
// writes a private tensor keeps them so. Convolution and pooling write private tensors, element-wise kernels keep the
// layout of their input, and every kernel reads both layouts. Tensors of rank below 4 are always channels last.
//
// Note [bf16 on the CPU]
// bf16 tensors are always channels last: AMX kernels want that, and those of AVX512-BF16 are as fast with it. In a back
// end of that precision convolutions, pooling and recurrent inference write bf16; batch norm, element-wise kernels and
// data movement keep the type of their input; the rest writes f32: linear layers, whose outputs are few and go to
// losses or recurrent layers, means, and recurrent layers in training, which bf16 makes slower. What comes in the other
// type is converted.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/backend/backend.h"
#include "models/backend/host_sums.h"
#include "models/backend/kernel_cache.h"

namespace avsr::backend::cpu {

class BufferBytes;  // counts what is allocated: models/backend/cpu/cpu_backend.cc
class OneDnn;       // engine, stream and scratch memory: models/backend/cpu/onednn.h

// A flat view of the memory of a private or channels-last tensor: `outer` x `blocks` x `steps` x `width` elements.
// Channels last is one block as wide as C, so a kernel that loops over this view serves both layouts.
struct ChannelView {
  int64_t outer = 0;   // N
  int64_t blocks = 0;  // channel blocks
  int64_t steps = 0;   // positions: D * H * W
  int64_t width = 0;   // elements a position holds in one block
  int64_t count() const { return outer * blocks * steps * width; }
};

// Winograd reads and writes its transformed data once per call: beyond this many frames that no longer fits the caches
// and costs more than it saves (measured: it pays up to 8 clips of 29 frames).
inline constexpr int64_t kImagesAtOnce = 232;

class CpuBackend final : public Backend {
 public:
  // threads: 0 means all cores that this process may use. channel_block: 16 or 8; 0 means what suits the CPU. Throws
  // std::runtime_error with one line where the CPU has no such precision.
  explicit CpuBackend(int threads, int channel_block = 0, Precision precision = Precision::f32);
  ~CpuBackend() override;
  CpuBackend(const CpuBackend&) = delete;
  CpuBackend& operator=(const CpuBackend&) = delete;

  std::string name() const override { return "cpu"; }
  std::string description() const override;
  Precision precision() const override { return precision_; }

  std::shared_ptr<Buffer> allocate(size_t bytes) override;  // 64-byte aligned
  MemoryUse memory() const override;                        // kernels' scratch memory is not counted
  void restart_peak() override;
  void upload(const void* host, const Tensor& t) override;
  void download(const Tensor& t, void* host) override;
  void synchronize() override {}

  std::shared_ptr<Conv> conv(const ConvSpec& spec, const Shape& x) override;
  std::shared_ptr<BatchNorm> batch_norm(const BatchNormSpec& spec) override;
  std::shared_ptr<Pool> pool(const PoolSpec& spec, const Shape& x) override;
  std::shared_ptr<Linear> linear(int in, int out) override;
  std::shared_ptr<Recurrent> recurrent(const RecurrentSpec& spec, int64_t batch, int64_t steps) override;
  std::shared_ptr<CrossEntropy> cross_entropy(const CrossEntropySpec& spec) override;
  int64_t images_at_once() const override { return kImagesAtOnce; }

  void fill(Tensor& t, float value) override;
  void copy(const Tensor& x, Tensor& y) override;
  void to_channels_last(const Tensor& x, Tensor& y) override;
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
  int threads() const { return threads_; }
  // The ranks over which batch norm takes its statistics; null: this one alone.
  Communicator* statistics_ranks() const { return statistics_ranks_; }
  OneDnn& onednn() { return *onednn_; }
  int channel_block() const { return channel_block_; }
  // How t lies in memory. A channels-last tensor is {1, 1, rows, C}, except that a tensor of rank 3 or 4 is
  // {N, 1, H * W, C}.
  ChannelView view(const Tensor& t) const;
  // Elements that t occupies, channel padding included.
  int64_t storage_count(const Tensor& t) const { return view(t).count(); }
  // As Backend::resize, in the private layout. The contents are not initialised, padding included: write all of it.
  void resize_private(Tensor& t, const Shape& shape);
  // Backend::resize or resize_private, whichever gives y the layout of x.
  void resize_like(Tensor& y, const Tensor& x);
  // y = x in the private layout (x of rank 4 or 5).
  void to_private(const Tensor& x, Tensor& y);
  // y = x, channels last, as elements of `type`; y may be x.
  void convert(const Tensor& x, DType type, Tensor& y);
  // x where it is channels last of `type`, else `converted`, made so.
  const Tensor& as(DType type, const Tensor& x, Tensor& converted);

  // What convolutions and pooling exchange: f32 in the private layout, or bf16 (Note [bf16 on the CPU]).
  DType map_type() const { return precision_ == Precision::bf16 ? DType::bf16 : DType::f32; }
  Layout map_layout() const { return precision_ == Precision::bf16 ? Layout::kChannelsLast : Layout::kPrivate; }
  // Channels of a map are padded to a multiple of this.
  int64_t map_block() const { return precision_ == Precision::bf16 ? 1 : channel_block_; }
  void resize_map(Tensor& t, const Shape& shape);
  // x where it is a map, else `converted`, made one.
  const Tensor& as_map(const Tensor& x, Tensor& converted);

 private:
  int threads_ = 1;
  int channel_block_ = 8;
  Precision precision_;
  std::shared_ptr<BufferBytes> buffer_bytes_;
  std::unique_ptr<OneDnn> onednn_;
  Communicator* statistics_ranks_ = nullptr;
  std::unique_ptr<HostSums> sums_;
  // Kernels that stay alive between calls, the least recently used dropped first.
  KernelCache<std::pair<ConvSpec, std::vector<int64_t>>, Conv> convs_;
  KernelCache<std::pair<PoolSpec, std::vector<int64_t>>, Pool> pools_;
  KernelCache<BatchNormSpec, BatchNorm> batch_norms_;
  KernelCache<std::pair<int, int>, Linear> linears_;
  KernelCache<std::pair<RecurrentSpec, std::pair<int64_t, int64_t>>, Recurrent> recurrents_;
  KernelCache<CrossEntropySpec, CrossEntropy> cross_entropies_;
};

// Throws std::runtime_error with one line where the CPU has no such precision.
std::unique_ptr<Backend> make_cpu_backend(int threads, Precision precision = Precision::f32);

}  // namespace avsr::backend::cpu
