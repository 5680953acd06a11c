// cuDNN's errors as exceptions, and its descriptors as objects.
#pragma once

#include <cudnn.h>
#include <fmt/format.h>

#include <stdexcept>

namespace avsr::backend::cuda {

inline void check(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw std::runtime_error(fmt::format("[cuDNN] {}: {}", what, cudnnGetErrorString(status)));
}

// A descriptor that is destroyed with its owner.
template <typename Handle, cudnnStatus_t (*kCreate)(Handle*), cudnnStatus_t (*kDestroy)(Handle)>
class Descriptor {
 public:
  Descriptor() { check(kCreate(&handle_), "a descriptor"); }
  ~Descriptor() { kDestroy(handle_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using TensorDescriptor = Descriptor<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;

}  // namespace avsr::backend::cuda
