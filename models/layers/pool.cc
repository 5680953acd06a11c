#include "models/layers/pool.h"

#include "models/layers/conv.h"

namespace avsr::layers {

using backend::Lengths;
using backend::Shape;
using backend::Tensor;

Pool::Pool(backend::Backend& backend, std::string what, const backend::PoolSpec& spec)
    : backend_(backend), what_(std::move(what)), spec_(spec) {}

Lengths Pool::out_lengths(const Lengths& in) const {
  if (spec_.kernel[1] == 0) return Lengths(in.size(), 1);
  return window_counts(in, spec_.kernel[1], spec_.stride[1], spec_.padding[1], what_);
}

std::shared_ptr<backend::Pool> Pool::kernel(const Shape& x) {
  backend::PoolSpec spec = spec_;
  if (spec.kernel[1] == 0) spec.kernel = spec.stride = {static_cast<int>(x[1]), static_cast<int>(x[2])};
  return backend_.pool(spec, x);
}

void Pool::infer(Tensor& x, const Pass& pass, Tensor& y) {
  kernel(x.shape)->forward(x, unused_saved_, y);
  if (pass.out) backend_.mask(y, *pass.out);
}

const Tensor& Pool::forward(const Tensor& x, const Pass& pass) {
  x_shape_ = x.shape;
  kernel(x.shape)->forward(x, saved_, y_);
  if (pass.out) backend_.mask(y_, *pass.out);
  return y_;
}

void Pool::backward(Tensor& dy, bool want_dx, Tensor& dx) {
  if (want_dx) kernel(x_shape_)->backward(dy, saved_, dx);
}

}  // namespace avsr::layers
