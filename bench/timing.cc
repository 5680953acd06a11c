#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

namespace avsr::bench {
namespace {

constexpr int kWarmUps = 3;
constexpr double kLeastMs = 100;

double calls_ms(backend::Backend& backend, const std::function<void()>& work, int calls) {
  backend.synchronize();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) work();
  backend.synchronize();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / calls;
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) throw std::invalid_argument("[bench] the median of no values");
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::vector<double> time_ms(backend::Backend& backend, const std::function<void()>& work, int repeats) {
  double ms = 0;
  for (int i = 0; i < kWarmUps; ++i) ms = calls_ms(backend, work, 1);
  const int calls = static_cast<int>(std::clamp(std::ceil(kLeastMs / std::max(ms, 1e-3)), 1.0, 1000.0));
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) times.push_back(calls_ms(backend, work, calls));
  return times;
}

}  // namespace avsr::bench
