// The operations that a back end provides: one small abstract kernel each, made once per specification and shape
// (Backend::conv and so on, cached there) and run many times. Descriptors, workspaces and scratch memory are members of
// the implementation, freed by its destructor. A kernel is not thread-safe.
//
// Conventions. Inputs come first, outputs last. Each output tensor is resized by the kernel ("=", overwritten) except
// parameter gradients, which the kernel adds to ("+="). Shapes are channels last; activations may be in the back end's
// private layout, parameters and their gradients never are. `lengths` gives the valid steps of each clip of a padded
// batch; what lies beyond is read as zero and written as zero. A null `lengths` means that all steps are valid.
//
// Element types. Activations and their gradients are f32, or, where the back end's precision is bf16, either f32 or
// bf16: a kernel reads both and writes the one that suits it. Always f32: parameters and their gradients, statistics,
// optimizer state, targets, losses, probabilities and dlogits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "decoding/ctc.h"
#include "models/backend/host_device.h"
#include "models/backend/tensor.h"

namespace avsr::backend {

using Lengths = std::vector<int>;

// ---- convolution: 1-D is (N, 1, W, C), 2-D is (N, H, W, C), 3-D is (N, D, H, W, C) --------------------------------
struct ConvSpec {
  int in_channels = 0, out_channels = 0;
  std::array<int, 3> kernel{1, 1, 1}, stride{1, 1, 1}, padding{0, 0, 0};  // depth, height, width; 2-D: depth 1, 1, 0
  std::array<int, 3> dilation{1, 1, 1};                                   // distance of neighbouring taps; 1: none
  bool bias = false;
  // Input positions from a kernel's first tap to its last, both counted.
  int reach(size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
  bool dilated() const { return dilation != std::array{1, 1, 1}; }
  auto operator<=>(const ConvSpec&) const = default;
};

class Conv {
 public:
  virtual ~Conv() = default;
  virtual Shape output_shape() const = 0;
  // y = conv(x, w) + b. w: (out, kd, kh, kw, in); b: (out) or empty. A 3-D output of depth 1 has shape (N, H, W, C).
  virtual void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) = 0;
  // dx = the gradient with respect to x.
  virtual void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) = 0;
  // dw += , db += (db may be empty).
  virtual void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) = 0;
  // Inference. pack: weights with a per-channel factor folded in, in whatever form infer wants (opaque).
  // packed = w[o] * scale[o]; scale: (out) or empty.
  virtual void pack(const Tensor& w, const Tensor& scale, Tensor& packed) = 0;
  // y = act(conv(x, packed) + b (+ residual)); act is ReLU or nothing. residual may be empty; it may share memory with
  // y.
  virtual void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
                     Tensor& y) = 0;
};

// ---- activations
// ---------------------------------------------------------------------------------------------------------------------
// relu: max(x, 0), which batch norm and convolutions compute along. Backend has prelu and swish, which stand alone.
enum class Activation : uint8_t { none, relu, prelu, swish };

// ---- batch norm over all axes but the last, fused with residual and ReLU -------------------------------------------
struct BatchNormSpec {
  int channels = 0;
  float epsilon = 1e-5f, momentum = 0.1f;  // running = (1 - momentum) * running + momentum * batch
  bool relu = false;
  bool residual = false;
  auto operator<=>(const BatchNormSpec&) const = default;
};

class BatchNorm {
 public:
  virtual ~BatchNorm() = default;
  // y = act(gamma * (x - mean) / sqrt(var + epsilon) + beta (+ residual)) with the batch's biased mean and variance
  // over the valid steps; the running variance is updated with the unbiased one, as PyTorch does. lengths: valid steps
  // of axis W of an (N, 1, W, C) or (N, W, C) tensor, or null. saved: what backward needs, opaque.
  virtual void forward(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                       Tensor& running_mean, Tensor& running_variance, const Lengths* lengths, Tensor& saved,
                       Tensor& y) = 0;
  // dx = ; dresidual = (only with spec.residual; may share memory with dy); dgamma +=, dbeta +=.
  virtual void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma, const Tensor& saved,
                        const Lengths* lengths, Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) = 0;
  // y = the same with the running statistics instead of the batch's. May be in place.
  virtual void infer(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                     const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths, Tensor& y) = 0;
  // Gradient of infer with respect to x (and residual): for fine-tuning with fixed statistics. dgamma, dbeta +=.
  virtual void backward_fixed(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma,
                              const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths,
                              Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) = 0;
};

// ---- pooling over H and W of (N, H, W, C), or over W of (N, 1, W, C)
// -------------------------------------------------
struct PoolSpec {
  enum class Kind : uint8_t { max, average } kind = Kind::max;   // average counts the padding
  std::array<int, 2> kernel{1, 1}, stride{1, 1}, padding{0, 0};  // height, width
  auto operator<=>(const PoolSpec&) const = default;
};

class Pool {
 public:
  virtual ~Pool() = default;
  virtual Shape output_shape() const = 0;
  // saved: what backward needs (positions of the maxima), opaque; empty tensor object on first use.
  virtual void forward(const Tensor& x, Tensor& saved, Tensor& y) = 0;
  virtual void backward(const Tensor& dy, const Tensor& saved, Tensor& dx) = 0;
};

// ---- linear: y = x w^T + b over the last axis
// -------------------------------------------------------------------------
class Linear {
 public:
  virtual ~Linear() = default;
  // x: (rows, in); w: (out, in); b: (out) or empty; y: (rows, out).
  virtual void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) = 0;
  // dx = , skipped when want_dx is false; dw +=, db += (db may be empty).
  virtual void backward(const Tensor& x, const Tensor& dy, const Tensor& w, bool want_dx, Tensor& dx, Tensor& dw,
                        Tensor& db) = 0;
};

// ---- one bidirectional recurrent layer
// ---------------------------------------------------------------------------------
enum class Cell : uint8_t { lstm, gru, rnn };  // gates in PyTorch's order: i f g o; r z n; tanh
int gates_of(Cell cell);

struct RecurrentSpec {
  Cell cell = Cell::lstm;
  int input = 0, hidden = 0;  // hidden per direction
  auto operator<=>(const RecurrentSpec&) const = default;
};

// Parameters of one direction, as PyTorch: w_ih (G*hidden, input), w_hh (G*hidden, hidden), b_ih, b_hh (G*hidden).
struct DirectionParameters {
  Tensor w_ih, w_hh, b_ih, b_hh;
};

class Recurrent {
 public:
  virtual ~Recurrent() = default;
  // x: (B, T, input), zero beyond lengths; y: (B, T, 2 * hidden), forward then backward direction, zero beyond lengths.
  // The backward direction of each clip starts at its own last valid step. saved: opaque.
  virtual void forward(const Tensor& x, const std::array<DirectionParameters, 2>& p, const Lengths* lengths,
                       Tensor& saved, Tensor& y) = 0;
  // dx = ; gradients += .
  virtual void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const std::array<DirectionParameters, 2>& p,
                        const Lengths* lengths, const Tensor& saved, Tensor& dx,
                        std::array<DirectionParameters, 2>& gradients) = 0;
  // Inference. pack: both directions' parameters in whatever form infer wants (opaque, for this kernel's batch and
  // steps).
  virtual void pack(const std::array<DirectionParameters, 2>& p, Tensor& packed) = 0;
  virtual void infer(const Tensor& x, const Tensor& packed, const Lengths* lengths, Tensor& y) = 0;  // y as forward
};

// ---- losses
// -------------------------------------------------------------------------------------------------------------
struct CrossEntropySpec {
  // mean_logits: cross-entropy of the mean over the counted steps of their logits (the public code).
  // per_frame: the sum over the counted steps of their losses, divided by their number (the Torch ancestor, scaled).
  enum class Form : uint8_t { mean_logits, per_frame } form = Form::mean_logits;
  float label_smoothing = 0;
  int middle_steps = 0;  // only so many steps in the middle of each clip count; 0: all
  auto operator<=>(const CrossEntropySpec&) const = default;
};

// The steps of a clip that count: [first, first + count) of its valid ones, around step valid / 2, where a window has
// its word's middle. A clip of fewer than `middle` steps counts whole.
struct CountedSteps {
  int first, count;
};
AVSR_HOST_DEVICE inline CountedSteps counted_steps(int valid, int middle) {
  const int count = middle > 0 && middle < valid ? middle : valid;
  return {(valid - count + 1) / 2, count};
}

class CrossEntropy {
 public:
  virtual ~CrossEntropy() = default;
  // logits: (B, T, V); targets: (B, V) class probabilities (one-hot, or mixed by mixup).
  // losses: (B), one per clip; probabilities: (B, V), softmax of the mean logits, or the mean of the softmax of each
  // step for per_frame; dlogits: (B, T, V), the gradient of the *mean* over the (whole) batch of losses.
  virtual void run(const Tensor& logits, const Tensor& targets, const Lengths* lengths, Tensor& losses,
                   Tensor& probabilities, Tensor& dlogits) = 0;
};

// Connectionist temporal classification (Graves et al. 2006). Symbol 0 is the blank.
class CtcLoss {
 public:
  virtual ~CtcLoss() = default;
  // logits: (B, T, V); lengths: valid steps, null: all T; labels: (B), what was said, each of 1 ... V - 1, may be
  // empty. windows: (B), of each clip the steps at which its labels may be read, one for each label, or nothing: at
  // any; empty: of all clips. losses: (B), -ln P(labels | logits) / max(1, number of labels), nats for a symbol;
  // infinite where no path reads as the labels (fewer steps than labels plus neighbours that are equal, or windows that
  // leave none). dlogits: (B, T, V), the gradient of the *mean* over the batch of losses; 0 where there is no path and
  // beyond a clip's length.
  virtual void run(const Tensor& logits, const Lengths* lengths, const std::vector<std::vector<int>>& labels,
                   const std::vector<std::vector<decoding::StepWindow>>& windows, Tensor& losses, Tensor& dlogits) = 0;
};

}  // namespace avsr::backend
