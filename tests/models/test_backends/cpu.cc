#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/test_backend.h"

namespace avsr::backend::test {

std::unique_ptr<Backend> make_test_backend(int threads, Precision precision) {
  return cpu::make_cpu_backend(threads, precision);
}

}  // namespace avsr::backend::test
