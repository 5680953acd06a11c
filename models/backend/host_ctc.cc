#include "models/backend/host_ctc.h"

#include <algorithm>

#include "models/backend/checks.h"

namespace avsr::backend {

void HostCtcLoss::run(const Tensor& logits, const Lengths* lengths, const std::vector<std::vector<int>>& labels,
                      const std::vector<std::vector<decoding::StepWindow>>& windows, Tensor& losses, Tensor& dlogits) {
  if (logits.shape.rank() != 3) reject("ctc", {"expected logits (B, T, V), got ", logits.shape.text()});
  const int64_t batch = logits.shape[0], steps = logits.shape[1], symbols = logits.shape[2];
  const Lengths valid = lengths ? *lengths : Lengths(static_cast<size_t>(batch), static_cast<int>(steps));
  check_lengths("ctc", valid, batch, steps);
  const std::vector<float> values = backend_.values(logits);
  gradient_.resize(values.size());
  const std::vector<double> found = decoding::ctc_loss({.logits = values,
                                                        .steps = static_cast<int>(steps),
                                                        .symbols = static_cast<int>(symbols),
                                                        .lengths = valid,
                                                        .labels = labels,
                                                        .windows = windows},
                                                       gradient_);
  std::vector<float> means;
  const size_t clip = static_cast<size_t>(steps * symbols);
  for (size_t b = 0; b < found.size(); ++b) {
    const double count = static_cast<double>(std::max<size_t>(1, labels[b].size()));
    means.push_back(static_cast<float>(found[b] / count));
    const auto scale = static_cast<float>(1 / (count * static_cast<double>(batch)));
    for (size_t i = b * clip; i < (b + 1) * clip; ++i) gradient_[i] *= scale;
  }
  backend_.resize(losses, {batch});
  backend_.resize(dlogits, logits.shape);
  backend_.upload(means.data(), losses);
  backend_.upload(gradient_.data(), dlogits);
}

}  // namespace avsr::backend
