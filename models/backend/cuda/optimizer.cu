// Optimizer steps and sums over flat ranges, one pass over memory each.
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

struct Adam {
  float gradient_scale, decay, shrink, beta1, beta2, rate, root_correction, epsilon;
  const float* g;
  float *m, *v, *p;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const float gradient = g[i] * gradient_scale + decay * p[i];
    const float first = beta1 * m[i] + (1 - beta1) * gradient;
    const float second = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * shrink - rate * first / (sqrtf(second) * root_correction + epsilon);
  }
};

struct Sgd {
  float gradient_scale, decay, rate, kept;  // kept: of the momentum; 0 on the first step, when it may hold anything
  const float* g;
  float *momentum, *p;  // momentum: null when there is none
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    float step = g[i] * gradient_scale + decay * p[i];
    if (momentum) {
      if (kept != 0) step += kept * momentum[i];
      momentum[i] = step;
    }
    p[i] -= rate * step;
  }
};

// A sum of squares in two rounds: strip i of kStrips takes the elements i, i + kStrips, …, so that neighbouring threads
// read neighbours, and kJoined threads join the strips alike.
constexpr int64_t kStrips = 1 << 17, kJoined = 1024;

struct SumSquares {
  Elements x;
  int64_t count;
  double* sums;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t at = i; at < count; at += kStrips) {
      const double value = x.load(at);
      sum += value * value;
    }
    sums[i] = sum;
  }
};

struct JoinSums {
  const double* sums;
  double* joined;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    double sum = 0;
    for (int64_t at = i; at < kStrips; at += kJoined) sum += sums[at];
    joined[i] = sum;
  }
};

void check_flat(const char* operation, const Tensor& value, std::initializer_list<const Tensor*> others) {
  for (const Tensor* other : others)
    if (other->shape.count() != value.shape.count())
      reject(operation,
             {"expected tensors of ", std::to_string(value.shape.count()), " values, got shape ", other->shape.text()});
}

}  // namespace

double CudaBackend::sum_of_squares(const Tensor& t) {
  auto* sums = static_cast<double*>(scratch(Slot::partial, (kStrips + kJoined) * sizeof(double)));
  launch(*stream_, kStrips, SumSquares{Elements(t), t.shape.count(), sums});
  launch(*stream_, kJoined, JoinSums{sums, sums + kStrips});
  std::vector<double> host(kJoined);
  stream_->download(sums + kStrips, host.data(), kJoined * sizeof(double));
  double total = 0;
  for (const double sum : host) total += sum;
  return total;
}

void CudaBackend::adam(const AdamStep& step, const Tensor& gradient, Tensor& first, Tensor& second, Tensor& value) {
  check_flat("adam", value, {&gradient, &first, &second});
  const double correction1 = 1 - std::pow(static_cast<double>(step.beta1), static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(static_cast<double>(step.beta2), static_cast<double>(step.step));
  launch(*stream_, value.shape.count(),
         Adam{step.gradient_scale, step.decoupled ? 0 : step.weight_decay,
              step.decoupled ? 1 - step.rate * step.weight_decay : 1, step.beta1, step.beta2,
              static_cast<float>(step.rate / correction1), static_cast<float>(1 / std::sqrt(correction2)), step.epsilon,
              gradient.data(), first.data(), second.data(), value.data()});
}

void CudaBackend::sgd(const SgdStep& step, const Tensor& gradient, Tensor& momentum, Tensor& value) {
  check_flat("sgd", value, {&gradient});
  if (step.momentum != 0) check_flat("sgd", value, {&momentum});
  launch(*stream_, value.shape.count(),
         Sgd{step.gradient_scale, step.weight_decay, step.rate, step.step <= 1 ? 0 : step.momentum, gradient.data(),
             step.momentum != 0 ? momentum.data() : nullptr, value.data()});
}

}  // namespace avsr::backend::cuda
