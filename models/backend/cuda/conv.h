// Convolution: cuDNN where it has one for the shape, else columns and a matrix product.
#pragma once

#include <memory>

#include "models/backend/backend.h"
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

class CudaBackend;

// Any convolution: the inputs under the kernel are gathered as the rows of a matrix ("im2col"), for as many images at a
// time as a bounded scratch memory holds. On a GPU it serves the few shapes that cuDNN has no fast kernel for, above
// all audio's first layer (one channel, 80 taps).
std::shared_ptr<Conv> make_column_conv(CudaBackend& backend, const ConvSpec& spec, const Shape& x);

// cuDNN (conv_cudnn.cc); on the host (conv_emulated.cc) there is none.
class FastConvs {
 public:
  explicit FastConvs(CudaBackend& backend);
  ~FastConvs();
  // Null where columns serve better, or the library has no kernel.
  std::shared_ptr<Conv> make(const ConvSpec& spec, const Shape& x);

 private:
  struct Library;
  CudaBackend& backend_;
  std::unique_ptr<Library> library_;
};

// y = act(y + bias (+ residual)) over rows of `channels`; bias and residual may be empty, residual may be y.
void add_bias_and_activate(CudaBackend& backend, const Tensor& bias, const Tensor& residual, bool relu, Tensor& y);
// to = w[o] * scale[o], in the activation type; scale: (out) or empty.
void scale_weights(CudaBackend& backend, const Tensor& w, const Tensor& scale, Tensor& to);

}  // namespace avsr::backend::cuda
