// Softmax cross-entropy over the counted steps of a clip (Szegedy et al. 2016 for label smoothing).
#include <cmath>

#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {
namespace {

class CpuCrossEntropy final : public CrossEntropy {
 public:
  CpuCrossEntropy(CpuBackend& backend, CrossEntropySpec spec) : backend_(backend), spec_(spec) {}

  void run(const Tensor& logits, const Tensor& targets, const Lengths* lengths, Tensor& losses, Tensor& probabilities,
           Tensor& dlogits) override;

 private:
  // The counted steps of a clip: `logits` and `gradient` are (count, V), the other arrays V.
  struct Clip {
    const float* logits;
    const double* targets;  // smoothed
    int64_t count;
    float *loss, *probabilities, *gradient;
  };
  void mean_logits(const Clip& clip, int64_t classes, double scale) const;
  void per_frame(const Clip& clip, int64_t classes, double scale) const;

  CpuBackend& backend_;
  CrossEntropySpec spec_;
};

// p = softmax(z); returns -sum q log p.
double softmax_loss(const double* z, const double* q, int64_t classes, double* p) {
  double highest = z[0];
  for (int64_t k = 1; k < classes; ++k) highest = std::max(highest, z[k]);
  double sum = 0;
  for (int64_t k = 0; k < classes; ++k) sum += p[k] = std::exp(z[k] - highest);
  const double log_sum = std::log(sum) + highest;
  double loss = 0;
  for (int64_t k = 0; k < classes; ++k) {
    p[k] /= sum;
    loss += q[k] * (log_sum - z[k]);
  }
  return loss;
}

double sum_of(const double* values, int64_t count) {
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) sum += values[k];
  return sum;
}

void CpuCrossEntropy::mean_logits(const Clip& clip, int64_t classes, double scale) const {
  const auto size = static_cast<size_t>(classes);
  std::vector<double> mean(size, 0.0), p(size);
  for (int64_t t = 0; t < clip.count; ++t)
    for (int64_t k = 0; k < classes; ++k) mean[static_cast<size_t>(k)] += clip.logits[t * classes + k];
  for (double& value : mean) value /= static_cast<double>(clip.count);
  *clip.loss = static_cast<float>(softmax_loss(mean.data(), clip.targets, classes, p.data()));
  const double mass = sum_of(clip.targets, classes);
  for (int64_t k = 0; k < classes; ++k) {
    const double probability = p[static_cast<size_t>(k)];
    clip.probabilities[k] = static_cast<float>(probability);
    clip.gradient[k] = static_cast<float>((probability * mass - clip.targets[k]) * scale);
  }
  for (int64_t t = 1; t < clip.count; ++t)
    for (int64_t k = 0; k < classes; ++k) clip.gradient[t * classes + k] = clip.gradient[k];
}

void CpuCrossEntropy::per_frame(const Clip& clip, int64_t classes, double scale) const {
  const auto size = static_cast<size_t>(classes);
  std::vector<double> z(size), p(size), mean(size, 0.0);
  const double mass = sum_of(clip.targets, classes);
  double loss = 0;
  for (int64_t t = 0; t < clip.count; ++t) {
    const float* frame = clip.logits + t * classes;
    z.assign(frame, frame + classes);
    loss += softmax_loss(z.data(), clip.targets, classes, p.data());
    for (int64_t k = 0; k < classes; ++k) {
      const double probability = p[static_cast<size_t>(k)];
      mean[static_cast<size_t>(k)] += probability;
      clip.gradient[t * classes + k] = static_cast<float>((probability * mass - clip.targets[k]) * scale);
    }
  }
  *clip.loss = static_cast<float>(loss / static_cast<double>(clip.count));
  for (int64_t k = 0; k < classes; ++k)
    clip.probabilities[k] = static_cast<float>(mean[static_cast<size_t>(k)] / static_cast<double>(clip.count));
}

void CpuCrossEntropy::run(const Tensor& logits, const Tensor& targets, const Lengths* lengths, Tensor& losses,
                          Tensor& probabilities, Tensor& dlogits) {
  if (logits.shape.rank() != 3)
    throw std::invalid_argument("[cross entropy] expected logits (B, T, V), got " + logits.shape.text());
  const int64_t batch = logits.shape[0], steps = logits.shape[1], classes = logits.shape[2];
  check_shape("cross entropy", "targets", targets.shape, {batch, classes});
  const Lengths valid = lengths ? *lengths : Lengths(static_cast<size_t>(batch), static_cast<int>(steps));
  check_lengths("cross entropy", valid, batch, steps);
  for (int length : valid)
    if (length == 0) throw std::invalid_argument("[cross entropy] a clip has no valid frame");
  backend_.resize(losses, {batch});
  backend_.resize(probabilities, {batch, classes});
  backend_.resize(dlogits, logits.shape);
  float *loss = losses.data(), *p = probabilities.data(), *gradient = dlogits.data();
  Tensor converted;
  const float *z = backend_.as(DType::f32, logits, converted).data(), *given = targets.data();
#pragma omp parallel for schedule(static)
  for (int64_t b = 0; b < batch; ++b) {
    const double smoothing = spec_.label_smoothing;
    std::vector<double> q(given + b * classes, given + (b + 1) * classes);
    for (double& value : q) value = (1 - smoothing) * value + smoothing / static_cast<double>(classes);
    const auto [first, length] = counted_steps(valid[static_cast<size_t>(b)], spec_.middle_steps);
    const int64_t start = (b * steps + first) * classes, end = start + int64_t{length} * classes;
    std::fill(gradient + b * steps * classes, gradient + start, 0.0f);
    std::fill(gradient + end, gradient + (b + 1) * steps * classes, 0.0f);
    const Clip clip{z + start, q.data(), length, loss + b, p + b * classes, gradient + start};
    const double scale = 1.0 / static_cast<double>(batch * length);
    if (spec_.form == CrossEntropySpec::Form::mean_logits)
      mean_logits(clip, classes, scale);
    else
      per_frame(clip, classes, scale);
  }
}

}  // namespace

std::shared_ptr<CrossEntropy> CpuBackend::cross_entropy(const CrossEntropySpec& spec) {
  check_spec(spec);
  return cross_entropies_.get(spec, [&] { return std::make_shared<CpuCrossEntropy>(*this, spec); });
}

}  // namespace avsr::backend::cpu
