#include "models/backend/cuda/ctc.h"

#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

// An index counts the elements of y.
struct StepsFirst {
  Elements x;
  float* y;
  int64_t batch, padded_steps, symbols;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, symbol] = divide(i, symbols);
    const auto [step, clip] = divide(row, batch);
    y[i] = x.load((clip * padded_steps + step) * symbols + symbol);
  }
};

AVSR_HOST_DEVICE float labels_counted(int text_length) {
  return text_length > 1 ? static_cast<float>(text_length) : 1.f;
}

// An index counts the clips.
struct Losses {
  CtcSums sums;
  float* losses;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    losses[i] = sums.costs[i] / labels_counted(sums.text_lengths[i]);
  }
};

// An index counts the elements of dlogits.
struct Gradients {
  CtcSums sums;
  float* dlogits;
  int64_t batch, padded_steps, symbols;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, symbol] = divide(i, symbols);
    const auto [clip, step] = divide(row, padded_steps);
    dlogits[i] = step < sums.lengths[clip] ? sums.gradient[(step * batch + clip) * symbols + symbol] /
                                                 (labels_counted(sums.text_lengths[clip]) * static_cast<float>(batch))
                                           : 0.f;
  }
};

}  // namespace

void steps_first(CudaBackend& backend, const Tensor& x, int64_t steps, Tensor& y) {
  const int64_t batch = x.shape[0], symbols = x.shape[2];
  backend.resize(y, {steps, batch, symbols});
  launch(backend.stream(), y.shape.count(), StepsFirst{Elements(x), y.data(), batch, x.shape[1], symbols});
}

void losses_of_labels(CudaBackend& backend, const CtcSums& sums, Tensor& losses, Tensor& dlogits) {
  const Shape& s = dlogits.shape;
  backend.resize(losses, {s[0]});
  launch(backend.stream(), s[0], Losses{sums, losses.data()});
  launch(backend.stream(), s.count(), Gradients{sums, dlogits.data(), s[0], s[1], s[2]});
}

bool cudnn_takes(const Lengths& lengths, const std::vector<std::vector<int>>& labels, int64_t symbols) {
  if (labels.size() != lengths.size()) return false;
  for (size_t b = 0; b < labels.size(); ++b) {
    const std::vector<int>& text = labels[b];
    if (text.empty() || text.size() > kLongestCudnnText) return false;
    size_t steps = text.size();
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] < 1 || text[i] >= symbols) return false;
      steps += i > 0 && text[i] == text[i - 1] ? 1 : 0;
    }
    if (steps > static_cast<size_t>(lengths[b])) return false;
  }
  return !labels.empty();
}

}  // namespace avsr::backend::cuda
