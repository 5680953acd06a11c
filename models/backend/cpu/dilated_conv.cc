#include <algorithm>
#include <cstring>

#include "models/backend/cpu/conv.h"

// Note [Dilation along time]
// oneDNN's fast kernels take dilation in some passes only, depending on padding and CPU; the rest falls to its
// reference code, a thousand times slower. But steps whose number leaves the same rest on division by the dilation d
// only meet each other: with T padded to a multiple of d, the same memory seen as (N, T / d, d, C) makes it a plain
// convolution along the second axis.
namespace avsr::backend::cpu {
namespace {

int64_t round_up(int64_t n, int64_t block) { return (n + block - 1) / block * block; }

class TimeDilatedConv final : public Conv {
 public:
  TimeDilatedConv(CpuBackend& backend, const ConvSpec& spec, const Shape& x)
      : backend_(backend), x_shape_(x), y_shape_(conv_output_shape(spec, x)), phases_(spec.dilation[2]) {
    ConvSpec plain = spec;
    plain.kernel = {1, spec.kernel[2], 1};
    plain.padding = {0, spec.padding[2] / spec.dilation[2], 0};
    plain.dilation = {1, 1, 1};
    conv_ = backend.conv(plain, folded(x_shape_, round_up(x[2], phases_)));
  }

  static bool serves(const ConvSpec& spec, const Shape& x) {
    return spec.in_channels > 1 && x.rank() == 4 && x[1] == 1 && spec.kernel[1] == 1 && spec.padding[1] == 0 &&
           spec.stride[2] == 1 && spec.dilation[2] > 1 && spec.padding[2] % spec.dilation[2] == 0;
  }

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    conv_->forward(fold(x, x_shape_, x_), w, b, y_);
    unfold(y_, y_shape_, y);
  }

  void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) override {
    conv_->backward_data(fold(dy, y_shape_, y_), w, x_);
    unfold(x_, x_shape_, dx);
  }

  void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) override {
    conv_->backward_weights(fold(x, x_shape_, x_), fold(dy, y_shape_, y_), dw, db);
  }

  void pack(const Tensor& w, const Tensor& scale, Tensor& packed) override { conv_->pack(w, scale, packed); }

  void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
             Tensor& y) override {
    const Tensor added = residual.empty() ? Tensor{} : fold(residual, y_shape_, residual_);
    conv_->infer(fold(x, x_shape_, x_), packed, b, added, relu, y_);
    unfold(y_, y_shape_, y);
  }

 private:
  // (N, 1, T, C) with T made `steps`, as the plain convolution sees it.
  Shape folded(const Shape& shape, int64_t steps) const { return {shape[0], steps / phases_, phases_, shape[3]}; }
  int64_t folded_steps(const Shape& shape) const {
    const int64_t more = round_up(x_shape_[2], phases_) - x_shape_[2];  // the output grows by as many steps
    return shape[2] + more;
  }

  // t (N, 1, T, C) as a map of `storage`, with zeros beyond T.
  const Tensor& fold(const Tensor& t, const Shape& expected, Tensor& storage) {
    check_shape("conv", "a tensor", t.shape, expected);
    const Tensor& map = backend_.as_map(t, converted_);
    const int64_t steps = folded_steps(expected);
    backend_.resize_map(storage, folded(expected, steps));
    copy_steps(map, expected[2], storage, steps);
    return storage;
  }

  void unfold(const Tensor& from, const Shape& shape, Tensor& to) {
    backend_.resize_map(to, shape);
    copy_steps(from, folded_steps(shape), to, shape[2]);
  }

  // Steps that `from` lacks become zero.
  void copy_steps(const Tensor& from, int64_t from_steps, Tensor& to, int64_t to_steps) const {
    const ChannelView view = backend_.view(to);
    const size_t step = static_cast<size_t>(view.width) * bytes_of(to.dtype);
    const size_t read = static_cast<size_t>(from_steps) * step, written = static_cast<size_t>(to_steps) * step;
    const size_t kept = std::min(read, written);
    const auto* source = static_cast<const std::byte*>(from.data<void>());
    auto* target = static_cast<std::byte*>(to.data<void>());
    for (int64_t row = 0; row < view.outer * view.blocks; ++row, source += read, target += written) {
      std::memcpy(target, source, kept);
      std::memset(target + kept, 0, written - kept);
    }
  }

  CpuBackend& backend_;
  Shape x_shape_, y_shape_;
  int64_t phases_;
  std::shared_ptr<Conv> conv_;
  Tensor converted_, x_, y_, residual_;
};

}  // namespace

std::shared_ptr<Conv> make_time_dilated_conv(CpuBackend& backend, const ConvSpec& spec, const Shape& x) {
  return TimeDilatedConv::serves(spec, x) ? std::make_shared<TimeDilatedConv>(backend, spec, x) : nullptr;
}

}  // namespace avsr::backend::cpu
