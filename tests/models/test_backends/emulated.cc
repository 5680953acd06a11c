// The CUDA back end's sources compiled for the host: its arithmetic without a GPU.
#include "models/backend/cuda/emulated.h"
#include "tests/models/test_backend.h"

namespace avsr::backend::test {

std::unique_ptr<Backend> make_test_backend(int /*threads*/, Precision precision) {
  return cuda::make_emulated_backend(precision);
}

}  // namespace avsr::backend::test
