#include "bench/limits.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "bench/random_values.h"
#include "bench/timing.h"

namespace avsr::bench {
namespace {

using backend::Tensor;

// Random factors: constant ones draw less power, and a GPU then runs faster than it does on data. Their size is such
// that a product of products neither grows nor vanishes.
Tensor random_matrix(backend::Backend& backend, int64_t rows, int64_t columns, double bound) {
  return backend.from_values({rows, columns}, random_floats(static_cast<size_t>(rows * columns), bound));
}

void measure_product(backend::Backend& backend, int64_t rows, int side, int repeats, Limits& limits) {
  const Tensor weights = random_matrix(backend, side, side, std::sqrt(3.0 / side));
  Tensor x = random_matrix(backend, rows, side, 1), y;
  const auto kernel = backend.linear(side, side);
  // Each product's result is the next one's factor, and so has the type in which the back end keeps activations. The
  // many rows keep the share of preparing the weights small.
  const auto multiply = [&] {
    kernel->forward(x, weights, {}, y);
    std::swap(x, y);
  };
  const double flop = 2.0 * static_cast<double>(rows) * side * side;
  for (const double ms : time_ms(backend, multiply, repeats)) limits.flop_per_second.push_back(1e3 * flop / ms);
  limits.product = fmt::format("{} x {} x {}", rows, side, side);
}

void measure_copy(backend::Backend& backend, int64_t bytes, int repeats, Limits& limits) {
  const Tensor from = backend.zeros({bytes / static_cast<int64_t>(sizeof(float))});
  Tensor to;
  const auto copy = [&] { backend.copy(from, to); };
  for (const double ms : time_ms(backend, copy, repeats))
    limits.bytes_per_second.push_back(2e3 * static_cast<double>(bytes) / ms);
}

}  // namespace

Limits measure_limits(backend::Backend& backend, int repeats) {
  Limits limits;
  limits.precision = backend::name_of(backend.precision());
  const bool gpu = backend.name() != "cpu";
  measure_product(backend, gpu ? 32768 : 8192, gpu ? 4096 : 2048, repeats, limits);
  measure_copy(backend, gpu ? int64_t{1} << 30 : int64_t{256} << 20, repeats, limits);
  return limits;
}

}  // namespace avsr::bench
