// The CPU back end with the channel blocks of a CPU without AVX-512.
#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/test_backend.h"

namespace avsr::backend::test {

std::unique_ptr<Backend> make_test_backend(int threads, Precision precision) {
  return std::make_unique<cpu::CpuBackend>(threads, 8, precision);
}

}  // namespace avsr::backend::test
