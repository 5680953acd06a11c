// Softmax cross-entropy over the counted steps of a clip (Szegedy et al. 2016 for label smoothing).
#include <algorithm>
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

// The batch. With mean_logits a clip has one row of scores, the mean over its counted steps; with per_frame one for
// each counted step. Rows are (B, rows a clip, V).
struct Batch {
  const int* lengths;  // null: all steps are valid
  int64_t batch, steps, classes, rows;
  int middle;
  float smoothing;
  bool per_frame;
  Elements logits;
  const float* targets;

  AVSR_HOST_DEVICE CountedSteps counted(int64_t clip) const {
    return counted_steps(lengths ? lengths[clip] : static_cast<int>(steps), middle);
  }
  AVSR_HOST_DEVICE float target(int64_t clip, int64_t k) const {
    return (1 - smoothing) * targets[clip * classes + k] + smoothing / static_cast<float>(classes);
  }
  AVSR_HOST_DEVICE float logit(int64_t clip, int64_t step, int64_t k) const {
    return logits.load((clip * steps + step) * classes + k);
  }
  AVSR_HOST_DEVICE int64_t rows_of(int64_t clip) const { return per_frame ? counted(clip).count : 1; }
};

// An index counts (clip, row, class).
struct Scores {
  Batch all;
  float* scores;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [at, k] = divide(i, all.classes);
    const auto [clip, row] = divide(at, all.rows);
    const CountedSteps steps = all.counted(clip);
    if (row >= all.rows_of(clip)) return;
    if (all.per_frame) {
      scores[i] = all.logit(clip, steps.first + row, k);
      return;
    }
    float sum = 0;
    for (int t = steps.first; t < steps.first + steps.count; ++t) sum += all.logit(clip, t, k);
    scores[i] = sum / static_cast<float>(steps.count);
  }
};

// An index counts (clip, row): its loss and the sum of its exponentials.
struct RowLosses {
  Batch all;
  const float* scores;
  float *highest, *log_sum, *loss, *mass;  // mass: of the smoothed targets, 1 where they are probabilities
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [clip, row] = divide(i, all.rows);
    if (row >= all.rows_of(clip)) return;
    const float* z = scores + i * all.classes;
    float top = z[0];
    for (int64_t k = 1; k < all.classes; ++k) top = z[k] > top ? z[k] : top;
    double sum = 0, given = 0, targets = 0;
    for (int64_t k = 0; k < all.classes; ++k) sum += expf(z[k] - top);
    const double log_of_sum = log(sum);
    for (int64_t k = 0; k < all.classes; ++k) {
      const float target = all.target(clip, k);
      given += target * (log_of_sum - (z[k] - top));
      targets += target;
    }
    highest[i] = top;
    log_sum[i] = static_cast<float>(log_of_sum);
    loss[i] = static_cast<float>(given);
    mass[i] = static_cast<float>(targets);
  }
};

AVSR_HOST_DEVICE float probability(const float* scores, const float* highest, const float* log_sum, int64_t row,
                                   int64_t classes, int64_t k) {
  return expf(scores[row * classes + k] - highest[row] - log_sum[row]);
}

// An index counts (clip, class).
struct Probabilities {
  Batch all;
  const float *scores, *highest, *log_sum, *row_loss;
  float *probabilities, *losses;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [clip, k] = divide(i, all.classes);
    const int64_t first = clip * all.rows, count = all.rows_of(clip);
    float sum = 0, loss = 0;
    for (int64_t row = first; row < first + count; ++row) {
      sum += probability(scores, highest, log_sum, row, all.classes, k);
      loss += row_loss[row];
    }
    probabilities[i] = sum / static_cast<float>(count);
    if (k == 0) losses[clip] = loss / static_cast<float>(count);
  }
};

// An index counts dlogits' elements (clip, step, class).
struct Gradients {
  Batch all;
  const float *scores, *highest, *log_sum, *mass;
  float* dlogits;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [at, k] = divide(i, all.classes);
    const auto [clip, step] = divide(at, all.steps);
    const CountedSteps steps = all.counted(clip);
    if (step < steps.first || step >= steps.first + steps.count) {
      dlogits[i] = 0;
      return;
    }
    const int64_t row = clip * all.rows + (all.per_frame ? step - steps.first : 0);
    dlogits[i] = (probability(scores, highest, log_sum, row, all.classes, k) * mass[row] - all.target(clip, k)) /
                 static_cast<float>(all.batch * steps.count);
  }
};

class CudaCrossEntropy final : public CrossEntropy {
 public:
  CudaCrossEntropy(CudaBackend& backend, const CrossEntropySpec& spec) : backend_(backend), spec_(spec) {}

  void run(const Tensor& logits, const Tensor& targets, const Lengths* lengths, Tensor& losses, Tensor& probabilities,
           Tensor& dlogits) override {
    if (logits.shape.rank() != 3) reject("cross entropy", {"expected logits (B, T, V), got ", logits.shape.text()});
    const int64_t batch = logits.shape[0], steps = logits.shape[1], classes = logits.shape[2];
    check_shape("cross entropy", "targets", targets.shape, {batch, classes});
    if (lengths) check_lengths("cross entropy", *lengths, batch, steps);
    if (lengths && std::find(lengths->begin(), lengths->end(), 0) != lengths->end())
      reject("cross entropy", {"a clip has no valid frame"});
    backend_.resize(losses, {batch});
    backend_.resize(probabilities, {batch, classes});
    backend_.resize(dlogits, logits.shape);
    const bool per_frame = spec_.form == CrossEntropySpec::Form::per_frame;
    const Batch all{lengths ? backend_.on_device(*lengths) : nullptr,
                    batch,
                    steps,
                    classes,
                    per_frame ? steps : 1,
                    spec_.middle_steps,
                    spec_.label_smoothing,
                    per_frame,
                    Elements(logits),
                    targets.data()};
    const int64_t rows = batch * all.rows;
    backend_.resize(scores_, {rows, classes});
    backend_.resize(of_rows_, {4, rows});
    float *scores = scores_.data(), *highest = of_rows_.data(), *log_sum = highest + rows, *loss = log_sum + rows,
          *mass = loss + rows;
    Stream& stream = backend_.stream();
    launch(stream, rows * classes, Scores{all, scores});
    launch(stream, rows, RowLosses{all, scores, highest, log_sum, loss, mass});
    launch(stream, batch * classes,
           Probabilities{all, scores, highest, log_sum, loss, probabilities.data(), losses.data()});
    launch(stream, dlogits.shape.count(), Gradients{all, scores, highest, log_sum, mass, dlogits.data()});
  }

 private:
  CudaBackend& backend_;
  CrossEntropySpec spec_;
  Tensor scores_, of_rows_;
};

}  // namespace

std::shared_ptr<CrossEntropy> make_cross_entropy(CudaBackend& backend, const CrossEntropySpec& spec) {
  return std::make_shared<CudaCrossEntropy>(backend, spec);
}

}  // namespace avsr::backend::cuda
