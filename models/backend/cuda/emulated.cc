#include "models/backend/cuda/emulated.h"

#include "models/backend/cuda/cuda_backend.h"

namespace avsr::backend::cuda {

std::unique_ptr<Backend> make_emulated_backend(Precision precision) {
  return std::make_unique<CudaBackend>(GpuSettings{.precision = precision});
}

}  // namespace avsr::backend::cuda
