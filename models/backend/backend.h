// A device and its operations. One implementation per device: models/backend/cpu (oneDNN) and, as a plug-in loaded at
// run time, models/backend/cuda. The device is chosen when the program runs (pipeline/device.h), so that this folder
// knows no back end.
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/backend/kernels.h"
#include "models/backend/tensor.h"

namespace avsr::backend {

class Communicator;  // models/backend/communicator.h

// Optimizer steps, as PyTorch computes them. All tensors are flat, of equal count. gradient_scale multiplies the
// gradient first (clipping). weight_decay is added to the gradient as weight_decay x value, or, when `decoupled`,
// shrinks the value by rate x weight_decay before the step (Loshchilov and Hutter 2019). step counts from 1.
struct AdamStep {  // Kingma and Ba 2015; decoupled: AdamW
  float rate = 3e-4f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  float weight_decay = 0;
  bool decoupled = false;
  int64_t step = 1;  // for the bias correction
  float gradient_scale = 1;
};
struct SgdStep {
  float rate = 0.1f, momentum = 0.9f, weight_decay = 0, gradient_scale = 1;
  int64_t step = 1;  // step 1 sets the momentum buffer to the gradient, as PyTorch
  bool decoupled = false;
};
struct AdagradStep {  // Duchi, Hazan and Singer 2011
  float rate = 0.01f, epsilon = 1e-10f, weight_decay = 0, gradient_scale = 1;
  bool decoupled = false;
};
struct RmsPropStep {  // Tieleman and Hinton 2012; momentum: of the scaled gradient
  float rate = 0.01f, smoothing = 0.99f, epsilon = 1e-8f, momentum = 0, weight_decay = 0, gradient_scale = 1;
  bool decoupled = false;
};

// How matrix products and convolutions compute, and in what activations are kept. tf32: f32 activations, products of
// f32 rounded to 10 bits of mantissa (GPU only). bf16: bf16 activations and products, summed in f32. Parameters, their
// gradients, batch-norm statistics and losses are f32 in all of them.
enum class Precision : uint8_t { f32, tf32, bf16 };
inline constexpr std::pair<Precision, const char*> kPrecisionNames[] = {
    {Precision::f32, "f32"}, {Precision::tf32, "tf32"}, {Precision::bf16, "bf16"}};
const char* name_of(Precision precision);

// How a GPU is used.
struct GpuSettings {
  int device = 0;
  Precision precision = Precision::f32;
  bool deterministic = false;  // equal runs on one device are equal to the bit; somewhat slower
  bool wraps = false;          // `device` is counted round the GPUs that there are: of 4, 5 is the second
};

// Memory in bytes.
struct MemoryUse {
  size_t used = 0;   // what the back end holds now: its tensors, and on a GPU its kernels' workspaces
  size_t peak = 0;   // the most that this was since the back end was opened or restart_peak() called
  size_t total = 0;  // that it may use of the device, others' use taken off
};

// The device has no room for an allocation. The text names its size, what is in use and what the device has.
class OutOfMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;         // "cpu", "cuda:0"
  virtual std::string description() const = 0;  // one line for logs: the device, its library and version
  virtual Precision precision() const = 0;

  // ---- memory
  virtual std::shared_ptr<Buffer> allocate(size_t bytes) = 0;  // uninitialised; throws OutOfMemory
  virtual MemoryUse memory() const = 0;
  virtual void restart_peak() = 0;  // MemoryUse::peak = used
  // A back end like this one that computes nothing and counts the memory that it would take; null where there is none
  // (CPU). Values read from it are zero.
  virtual std::unique_ptr<Backend> rehearsal() const { return nullptr; }
  // Gives t this shape and type, channels last; keeps its memory when large enough, else replaces it (contents lost).
  void resize(Tensor& t, const Shape& shape, DType dtype = DType::f32);
  Tensor zeros(const Shape& shape);
  // Host memory is channels last, `count` elements of t's type. download accepts private layouts.
  virtual void upload(const void* host, const Tensor& t) = 0;
  virtual void download(const Tensor& t, void* host) = 0;
  std::vector<float> values(const Tensor& t);  // download of an f32 or bf16 tensor
  Tensor from_values(const Shape& shape, std::span<const float> values);
  virtual void synchronize() = 0;

  // ---- kernels, cached by specification and shape
  virtual std::shared_ptr<Conv> conv(const ConvSpec& spec, const Shape& x) = 0;
  virtual std::shared_ptr<BatchNorm> batch_norm(const BatchNormSpec& spec) = 0;
  virtual std::shared_ptr<Pool> pool(const PoolSpec& spec, const Shape& x) = 0;
  virtual std::shared_ptr<Linear> linear(int in, int out) = 0;
  virtual std::shared_ptr<Recurrent> recurrent(const RecurrentSpec& spec, int64_t batch, int64_t steps) = 0;
  virtual std::shared_ptr<CrossEntropy> cross_entropy(const CrossEntropySpec& spec) = 0;
  virtual std::shared_ptr<CtcLoss> ctc_loss();  // unless the back end has one of its own, computed on the host
  // Images that a chain of convolutions best gets at once, where it may have fewer than all.
  virtual int64_t images_at_once() const = 0;

  // ---- element-wise and data movement. Outputs are resized unless the comment says "in place".
  virtual void fill(Tensor& t, float value) = 0;                  // in place; f32
  virtual void copy(const Tensor& x, Tensor& y) = 0;              // y = x, keeps the layout of x
  virtual void to_channels_last(const Tensor& x, Tensor& y) = 0;  // y = x in the public layout
  virtual void add(const Tensor& x, Tensor& y) = 0;               // in place: y += x (same layout)
  virtual void relu(Tensor& y) = 0;                               // in place: y = max(y, 0)
  // In place: the gradient of relu, dy = y > 0 ? dy : 0. y: what relu left; of dy's layout.
  virtual void relu_backward(const Tensor& y, Tensor& dy) = 0;
  // y = x > 0 ? x : slope[c] x, by channel (He et al. 2015, PReLU). slope: (C). y keeps the layout of x; it may be x.
  virtual void prelu(const Tensor& x, const Tensor& slope, Tensor& y) = 0;
  // dx = , in the layout of x; it may be dy. dslope += .
  virtual void prelu_backward(const Tensor& x, const Tensor& slope, const Tensor& dy, Tensor& dx, Tensor& dslope) = 0;
  // y = x sigmoid(x) (Ramachandran, Zoph and Le 2017; also SiLU), and its gradient; layouts and memory as prelu's.
  virtual void swish(const Tensor& x, Tensor& y) = 0;
  virtual void swish_backward(const Tensor& x, const Tensor& dy, Tensor& dx) = 0;
  virtual void scale(Tensor& t, float factor) = 0;  // in place: t *= factor; f32, channels last
  // y = keep ? x / (1 - p) : 0, with keep decided by (seed, element index), so that it needs no stored mask;
  // the gradient is the same call on dy. Channels-last tensors only.
  virtual void dropout(const Tensor& x, float p, uint64_t seed, Tensor& y) = 0;
  // (rows, C1), (rows, C2) <-> (rows, C1 + C2)
  virtual void concatenate(const Tensor& a, const Tensor& b, Tensor& y) = 0;
  virtual void split(const Tensor& y, int64_t first_columns, Tensor& a, Tensor& b) = 0;
  // Packed frames (N, C) <-> padded batch (B, T, C), zero beyond lengths. Null lengths: all are `steps`.
  virtual void pad(const Tensor& packed, const Lengths& lengths, int64_t steps, Tensor& padded) = 0;
  virtual void pack(const Tensor& padded, const Lengths& lengths, Tensor& packed) = 0;
  // In place: zero beyond lengths along axis 1 of (B, T, C), or along W of (B, 1, W, C) in any layout.
  virtual void mask(Tensor& t, const Lengths& lengths) = 0;
  // (B, T, C) -> (B, C), the mean over valid steps, and its gradient.
  virtual void mean_over_time(const Tensor& x, const Lengths* lengths, Tensor& y) = 0;
  virtual void mean_over_time_backward(const Tensor& dy, const Lengths* lengths, int64_t steps, Tensor& dx) = 0;
  // Video input: windows of `depth` neighbouring frames around each valid frame, absent frames zero.
  // frames: (B, T, H, W) u8; clip b's values become frame * scale[b] + shift[b]; mean_image (H, W) is subtracted first
  // when not empty. y: (N, depth, H, W, 1).
  virtual void time_windows(const Tensor& frames, std::span<const float> scale, std::span<const float> shift,
                            const Tensor& mean_image, const Lengths& lengths, int depth, Tensor& y) = 0;

  // ---- optimizer over a flat range of the parameter arena, in place
  // result (1) = the Euclidean norm of all parts together; it is read where it is wanted.
  virtual void norm(std::span<const Tensor> parts, Tensor& result) = 0;
  virtual void adam(const AdamStep& step, const Tensor& gradient, Tensor& first, Tensor& second, Tensor& value) = 0;
  // momentum: read and written unless SgdStep::momentum is 0; may be empty then.
  virtual void sgd(const SgdStep& step, const Tensor& gradient, Tensor& momentum, Tensor& value) = 0;
  // squares: the sum of the squared gradients so far; 0 before the first step.
  virtual void adagrad(const AdagradStep& step, const Tensor& gradient, Tensor& squares, Tensor& value) = 0;
  // mean_square and momentum: 0 before the first step; momentum may be empty where RmsPropStep::momentum is 0.
  virtual void rmsprop(const RmsPropStep& step, const Tensor& gradient, Tensor& mean_square, Tensor& momentum,
                       Tensor& value) = 0;

  // ---- several ranks that train one network (docs/cluster.md). All calls are collective.
  // Before the two sums below; once. The communicator must outlive the back end. With synchronised_batch_norm, batch
  // norm in training mode takes its statistics, and their gradients, over the steps of all ranks. Returns by what sums
  // travel, for logs: "NCCL".
  virtual std::string join(Communicator& ranks, bool synchronised_batch_norm) = 0;
  // Begins to add up a flat f32 tensor over all ranks, in place; what is computed meanwhile must leave it alone.
  virtual void start_sum(const Tensor& t) = 0;
  // Later work finds the sums of all that was begun.
  virtual void finish_sums() = 0;
};

}  // namespace avsr::backend
