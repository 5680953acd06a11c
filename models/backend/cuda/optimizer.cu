// Optimizer steps and sums over flat ranges, one pass over memory each.
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"
#include "models/backend/weight_decay.h"

namespace avsr::backend::cuda {
namespace {

struct Adam {
  float gradient_scale;
  Decay decay;
  float beta1, beta2, rate, root_correction, epsilon;
  const float* g;
  float *m, *v, *p;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float gradient = g[i] * gradient_scale + decay.coupled * p[i];
    const float first = beta1 * m[i] + (1 - beta1) * gradient;
    const float second = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * decay.shrink - rate * first / (sqrtf(second) * root_correction + epsilon);
  }
};

struct Sgd {
  float gradient_scale;
  Decay decay;
  float rate, kept;  // kept: of the momentum; 0 on the first step, when it may hold anything
  const float* g;
  float *momentum, *p;  // momentum: null when there is none
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    float step = g[i] * gradient_scale + decay.coupled * p[i];
    if (momentum) {
      if (kept != 0) step += kept * momentum[i];
      momentum[i] = step;
    }
    p[i] = p[i] * decay.shrink - rate * step;
  }
};

struct Adagrad {
  float gradient_scale;
  Decay decay;
  float rate, epsilon;
  const float* g;
  float *squares, *p;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float gradient = g[i] * gradient_scale + decay.coupled * p[i], sum = squares[i] + gradient * gradient;
    squares[i] = sum;
    p[i] = p[i] * decay.shrink - rate * gradient / (sqrtf(sum) + epsilon);
  }
};

struct RmsProp {
  float gradient_scale;
  Decay decay;
  float rate, smoothing, epsilon, kept;
  const float* g;
  float *mean_square, *momentum, *p;  // momentum: null when there is none
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float gradient = g[i] * gradient_scale + decay.coupled * p[i];
    const float square = smoothing * mean_square[i] + (1 - smoothing) * gradient * gradient;
    mean_square[i] = square;
    float step = gradient / (sqrtf(square) + epsilon);
    if (momentum) momentum[i] = step += kept * momentum[i];
    p[i] = p[i] * decay.shrink - rate * step;
  }
};

// A sum of squares in rounds: strip i of kStrips takes the elements i, i + kStrips, …, so that neighbouring threads
// read neighbours; kJoined threads join the strips alike, kLast threads these, and one thread what is left.
constexpr int64_t kStrips = 1 << 17, kJoined = 1024, kLast = 32;

struct SumSquares {
  Elements x;
  int64_t count;
  bool more;  // of what lies in sums already
  double* sums;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    double sum = more ? sums[i] : 0;
    for (int64_t at = i; at < count; at += kStrips) {
      const double value = x.load(at);
      sum += value * value;
    }
    sums[i] = sum;
  }
};

struct JoinSums {
  const double* sums;
  int64_t count, into;
  double* joined;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t at = i; at < count; at += into) sum += sums[at];
    joined[i] = sum;
  }
};

struct Root {
  const double* sums;
  float* norm;
  AVSR_HOST_DEVICE void operator()(int64_t) const {
    double sum = 0;
    for (int64_t at = 0; at < kLast; ++at) sum += sums[at];
    *norm = static_cast<float>(sqrt(sum));
  }
};

void check_flat(const char* operation, const Tensor& value, std::initializer_list<const Tensor*> others) {
  for (const Tensor* other : others)
    if (other->shape.count() != value.shape.count())
      reject(operation,
             {"expected tensors of ", std::to_string(value.shape.count()), " values, got shape ", other->shape.text()});
}

}  // namespace

void CudaBackend::norm(std::span<const Tensor> parts, Tensor& result) {
  resize(result, {1});
  if (parts.empty()) return fill(result, 0);
  auto* sums = static_cast<double*>(scratch(Slot::partial, (kStrips + kJoined + kLast) * sizeof(double)));
  for (const Tensor& part : parts)
    launch(*stream_, kStrips, SumSquares{Elements(part), part.shape.count(), &part != parts.data(), sums});
  double *joined = sums + kStrips, *last = joined + kJoined;
  launch(*stream_, kJoined, JoinSums{sums, kStrips, kJoined, joined});
  launch(*stream_, kLast, JoinSums{joined, kJoined, kLast, last});
  launch(*stream_, 1, Root{last, result.data()});
}

void CudaBackend::adam(const AdamStep& step, const Tensor& gradient, Tensor& first, Tensor& second, Tensor& value) {
  check_flat("adam", value, {&gradient, &first, &second});
  const double correction1 = 1 - std::pow(static_cast<double>(step.beta1), static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(static_cast<double>(step.beta2), static_cast<double>(step.step));
  launch(*stream_, value.shape.count(),
         Adam{step.gradient_scale, decay_of(step), step.beta1, step.beta2, static_cast<float>(step.rate / correction1),
              static_cast<float>(1 / std::sqrt(correction2)), step.epsilon, gradient.data(), first.data(),
              second.data(), value.data()});
}

void CudaBackend::sgd(const SgdStep& step, const Tensor& gradient, Tensor& momentum, Tensor& value) {
  check_flat("sgd", value, {&gradient});
  if (step.momentum != 0) check_flat("sgd", value, {&momentum});
  launch(*stream_, value.shape.count(),
         Sgd{step.gradient_scale, decay_of(step), step.rate, step.step <= 1 ? 0 : step.momentum, gradient.data(),
             step.momentum != 0 ? momentum.data() : nullptr, value.data()});
}

void CudaBackend::adagrad(const AdagradStep& step, const Tensor& gradient, Tensor& squares, Tensor& value) {
  check_flat("adagrad", value, {&gradient, &squares});
  launch(*stream_, value.shape.count(),
         Adagrad{step.gradient_scale, decay_of(step), step.rate, step.epsilon, gradient.data(), squares.data(),
                 value.data()});
}

void CudaBackend::rmsprop(const RmsPropStep& step, const Tensor& gradient, Tensor& mean_square, Tensor& momentum,
                          Tensor& value) {
  check_flat("rmsprop", value, {&gradient, &mean_square});
  if (step.momentum != 0) check_flat("rmsprop", value, {&momentum});
  launch(*stream_, value.shape.count(),
         RmsProp{step.gradient_scale, decay_of(step), step.rate, step.smoothing, step.epsilon, step.momentum,
                 gradient.data(), mean_square.data(), step.momentum != 0 ? momentum.data() : nullptr, value.data()});
}

}  // namespace avsr::backend::cuda
