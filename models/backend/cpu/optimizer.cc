// Optimizer steps over flat ranges of the parameter arena.
#include <cmath>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/weight_decay.h"

namespace avsr::backend::cpu {
namespace {

// Eight running sums: a fixed order of additions, and one vector register.
AVSR_CLONES double sum_of_squares_range(const float* x, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int k = 0; k < 8; ++k) {
      const double value = x[i + k];
      sums[k] += value * value;
    }
  for (int k = 0; i < count; ++i, ++k) sums[k] += static_cast<double>(x[i]) * x[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

struct AdamFactors {
  float gradient_scale, decay, shrink, beta1, beta2, rate, root_correction, epsilon;
};

AVSR_CLONES void adam_range(AdamFactors f, const float* __restrict g, float* __restrict m, float* __restrict v,
                            float* __restrict p, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = g[i] * f.gradient_scale + f.decay * p[i];
    const float first = f.beta1 * m[i] + (1 - f.beta1) * gradient;
    const float second = f.beta2 * v[i] + (1 - f.beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * f.shrink - f.rate * first / (__builtin_sqrtf(second) * f.root_correction + f.epsilon);
  }
}

AVSR_CLONES void sgd_range(const SgdStep& s, Decay decay, float kept, const float* g, float* momentum, float* p,
                           int64_t count) {
  const float scale = s.gradient_scale, rate = s.rate;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = g[i] * scale + decay.coupled * p[i];
    // Not kept * momentum: on the first step the buffer may hold anything, a NaN included.
    const float buffer = kept == 0 ? gradient : kept * momentum[i] + gradient;
    momentum[i] = buffer;
    p[i] = p[i] * decay.shrink - rate * buffer;
  }
}

AVSR_CLONES void plain_sgd_range(const SgdStep& s, Decay decay, const float* g, float* p, int64_t count) {
  const float scale = s.gradient_scale, rate = s.rate;
  for (int64_t i = 0; i < count; ++i) p[i] = p[i] * decay.shrink - rate * (g[i] * scale + decay.coupled * p[i]);
}

AVSR_CLONES void adagrad_range(const AdagradStep& s, Decay decay, const float* g, float* squares, float* p,
                               int64_t count) {
  const float scale = s.gradient_scale, rate = s.rate, epsilon = s.epsilon;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = g[i] * scale + decay.coupled * p[i], sum = squares[i] + gradient * gradient;
    squares[i] = sum;
    p[i] = p[i] * decay.shrink - rate * gradient / (__builtin_sqrtf(sum) + epsilon);
  }
}

AVSR_CLONES void rmsprop_range(const RmsPropStep& s, Decay decay, const float* g, float* mean_square, float* momentum,
                               float* p, int64_t count) {
  const float scale = s.gradient_scale, rate = s.rate, epsilon = s.epsilon, old = s.smoothing, kept = s.momentum;
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = g[i] * scale + decay.coupled * p[i];
    const float square = old * mean_square[i] + (1 - old) * gradient * gradient;
    mean_square[i] = square;
    float step = gradient / (__builtin_sqrtf(square) + epsilon);
    if (momentum) momentum[i] = step += kept * momentum[i];
    p[i] = p[i] * decay.shrink - rate * step;
  }
}

void check_flat(const char* operation, const Tensor& value, std::initializer_list<const Tensor*> others) {
  for (const Tensor* other : others)
    if (other->shape.count() != value.shape.count())
      throw std::invalid_argument("[" + std::string(operation) + "] expected tensors of " +
                                  std::to_string(value.shape.count()) + " values, got shape " + other->shape.text());
}

}  // namespace

void CpuBackend::norm(std::span<const Tensor> parts, Tensor& result) {
  double total = 0;
  for (const Tensor& part : parts) {
    const int64_t count = storage_count(part);
    std::vector<double> sums(static_cast<size_t>((count + kBlock - 1) / kBlock));
    const float* x = part.data();
    for_blocks(count, [&](int64_t first, int64_t last) {
      sums[static_cast<size_t>(first / kBlock)] = sum_of_squares_range(x + first, last - first);
    });
    for (double sum : sums) total += sum;  // block by block, so that the number of threads changes nothing
  }
  resize(result, {1});
  *result.data() = static_cast<float>(std::sqrt(total));
}

void CpuBackend::adam(const AdamStep& step, const Tensor& gradient, Tensor& first, Tensor& second, Tensor& value) {
  check_flat("adam", value, {&gradient, &first, &second});
  const double correction1 = 1 - std::pow(static_cast<double>(step.beta1), static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(static_cast<double>(step.beta2), static_cast<double>(step.step));
  const Decay decay = decay_of(step);
  const AdamFactors factors{step.gradient_scale,
                            decay.coupled,
                            decay.shrink,
                            step.beta1,
                            step.beta2,
                            static_cast<float>(step.rate / correction1),
                            static_cast<float>(1 / std::sqrt(correction2)),
                            step.epsilon};
  const float* g = gradient.data();
  float *m = first.data(), *v = second.data(), *p = value.data();
  for_blocks(value.shape.count(),
             [&](int64_t from, int64_t to) { adam_range(factors, g + from, m + from, v + from, p + from, to - from); });
}

void CpuBackend::sgd(const SgdStep& step, const Tensor& gradient, Tensor& momentum, Tensor& value) {
  check_flat("sgd", value, {&gradient});
  const Decay decay = decay_of(step);
  const float* g = gradient.data();
  float* p = value.data();
  if (step.momentum == 0) {  // then the buffer is not needed and may be empty
    for_blocks(value.shape.count(),
               [&](int64_t from, int64_t to) { plain_sgd_range(step, decay, g + from, p + from, to - from); });
    return;
  }
  check_flat("sgd", value, {&momentum});
  float* m = momentum.data();
  const float kept = step.step <= 1 ? 0 : step.momentum;
  for_blocks(value.shape.count(),
             [&](int64_t from, int64_t to) { sgd_range(step, decay, kept, g + from, m + from, p + from, to - from); });
}

void CpuBackend::adagrad(const AdagradStep& step, const Tensor& gradient, Tensor& squares, Tensor& value) {
  check_flat("adagrad", value, {&gradient, &squares});
  const Decay decay = decay_of(step);
  const float* g = gradient.data();
  float *s = squares.data(), *p = value.data();
  for_blocks(value.shape.count(),
             [&](int64_t from, int64_t to) { adagrad_range(step, decay, g + from, s + from, p + from, to - from); });
}

void CpuBackend::rmsprop(const RmsPropStep& step, const Tensor& gradient, Tensor& mean_square, Tensor& momentum,
                         Tensor& value) {
  check_flat("rmsprop", value, {&gradient, &mean_square});
  if (step.momentum != 0) check_flat("rmsprop", value, {&momentum});
  const Decay decay = decay_of(step);
  const float* g = gradient.data();
  float *s = mean_square.data(), *m = step.momentum != 0 ? momentum.data() : nullptr, *p = value.data();
  for_blocks(value.shape.count(), [&](int64_t from, int64_t to) {
    rmsprop_range(step, decay, g + from, s + from, m ? m + from : nullptr, p + from, to - from);
  });
}

}  // namespace avsr::backend::cpu
