// Batch norm in few passes over memory, which is what it costs: forward reads x twice (the statistics, then the
// result), backward reads x and dy twice; residual, ReLU and their gradients ride along.
//
// Note [Batch norm strips]
// The work is cut into strips of one channel group and about kStripPositions positions, small enough that the second
// look at a strip (its mean is subtracted before squaring) finds it in cache. The cut depends on the shape alone and
// the strips' sums are joined in order in double precision, so results do not depend on the number of threads.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "models/backend/communicator.h"
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/simd_kernels.h"

namespace avsr::backend::cpu {
namespace {

constexpr int64_t kStripPositions = 512;
constexpr int64_t kMostLanes = 64;

struct StripPlan {
  std::vector<Strip> strips;     // strips of one group lie together
  std::vector<int64_t> channel;  // first channel of each strip
  int64_t channels = 0;          // padded to whole groups
  double count = 0;              // valid positions of one channel
};

void add_group(StripPlan& plan, const ChannelView& v, const Lengths* lengths, int64_t channel, int64_t offset,
               int64_t row_distance, int64_t step_distance, int lanes) {
  const int64_t steps = std::min(v.steps, kStripPositions);
  const int64_t rows = std::max<int64_t>(1, kStripPositions / std::max<int64_t>(1, steps));
  for (int64_t n = 0; n < v.outer; n += rows) {
    for (int64_t s = 0; s < v.steps; s += steps) {
      plan.strips.push_back({.offset = offset + n * row_distance,
                             .rows = std::min(rows, v.outer - n),
                             .row_distance = row_distance,
                             .step_distance = step_distance,
                             .first = s,
                             .last = std::min(v.steps, s + steps),
                             .lengths = lengths ? lengths->data() + n : nullptr,
                             .lanes = lanes});
      plan.channel.push_back(channel);
    }
  }
}

// Lanes of the next strip of channels-last values, of which `channels` are left. Wide ones of bf16 are whole cache
// lines.
int lanes_of(int64_t channels, DType type) {
  if (type == DType::bf16 && channels >= 64) return 64;
  if (type == DType::bf16 && channels >= 32) return 32;
  return channels >= 16 ? 16 : channels >= 8 ? 8 : 1;
}

StripPlan plan_strips(const ChannelView& view, bool blocked, DType type, const Lengths* lengths) {
  StripPlan plan;
  ChannelView v = view;
  if (v.outer == 1 && !lengths && !blocked) {  // plain rows: cut them like clips
    v.outer = v.steps;
    v.steps = 1;
  }
  const int64_t row_distance = v.blocks * v.steps * v.width;
  if (blocked) {
    for (int64_t b = 0; b < v.blocks; ++b)
      add_group(plan, v, lengths, b * v.width, b * v.steps * v.width, row_distance, v.width, static_cast<int>(v.width));
  } else {
    for (int64_t c = 0; c < v.width;) {
      const int lanes = lanes_of(v.width - c, type);
      add_group(plan, v, lengths, c, c, row_distance, v.width, lanes);
      c += lanes;
    }
  }
  plan.channels = v.blocks * v.width;
  plan.count = static_cast<double>(v.outer * v.steps);
  if (lengths) {
    plan.count = 0;
    for (int length : *lengths) plan.count += static_cast<double>(std::min<int64_t>(length, v.steps));
  }
  return plan;
}

class CpuBatchNorm final : public BatchNorm {
 public:
  CpuBatchNorm(CpuBackend& backend, const BatchNormSpec& spec) : backend_(backend), spec_(spec) {}

  void forward(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
               Tensor& running_variance, const Lengths* lengths, Tensor& saved, Tensor& y) override {
    const StripPlan& plan = plan_for(x, lengths);
    backend_.resize(saved, {4, plan.channels});  // mean, 1 / deviation, scale, shift
    float *mean = saved.data(), *inverse = mean + plan.channels;
    const double steps = statistics(plan, x, mean, inverse);  // inverse holds the variance for now
    const double unbiased = steps > 1 ? steps / (steps - 1) : 1;
    for (int64_t c = 0; c < spec_.channels; ++c) {
      running_mean.data()[c] += spec_.momentum * (mean[c] - running_mean.data()[c]);
      running_variance.data()[c] +=
          spec_.momentum * (static_cast<float>(inverse[c] * unbiased) - running_variance.data()[c]);
    }
    for (int64_t c = 0; c < plan.channels; ++c) inverse[c] = 1.0f / std::sqrt(inverse[c] + spec_.epsilon);
    set_affine(plan, mean, inverse, gamma, beta);
    std::copy(scale_.begin(), scale_.end(), saved.data() + 2 * plan.channels);
    std::copy(shift_.begin(), shift_.end(), saved.data() + 3 * plan.channels);
    apply(plan, x, residual, y);
  }

  void infer(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
             const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths, Tensor& y) override {
    const StripPlan& plan = plan_for(x, lengths);
    set_running(plan, running_mean, running_variance);
    set_affine(plan, mean_.data(), inverse_.data(), gamma, beta);
    apply(plan, x, residual, y);
  }

  void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma, const Tensor& saved,
                const Lengths* lengths, Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) override {
    const StripPlan& plan = plan_for(x, lengths);
    if (saved.shape != Shape{4, plan.channels})
      throw std::invalid_argument("[batch norm] backward wants what forward saved for the same x");
    const float *mean = saved.data(), *inverse = mean + plan.channels;
    Gradients g = gradients(x, y, dy, mean, dresidual);
    if (!spec_.residual) {
      g.strip.y = nullptr;
      g.scale = saved.data() + 2 * plan.channels;
      g.shift = saved.data() + 3 * plan.channels;
    }
    // The first pass writes dz into dresidual, which then replaces y and dy in the second.
    sum_gradients(plan, g, dresidual);
    if (spec_.residual) {
      g.strip.dy = dresidual.data<void>();
      g.strip.forward.relu = false;
    }
    // Of the parameters every rank has its own share, which are added up with all gradients.
    for (int64_t i = 0; i < spec_.channels; ++i)
      add_parameter_gradients(i, sums_[static_cast<size_t>(plan.channels + i)] * inverse[i], dgamma, dbeta);
    const double steps = sum_over_ranks(plan.count, sums_);
    std::vector<float> a = zeros(plan), b = zeros(plan), c = zeros(plan);
    for (int64_t i = 0; i < spec_.channels; ++i) {
      const double scale = static_cast<double>(gamma.data()[i]) * inverse[i];
      const double slope = sums_[static_cast<size_t>(plan.channels + i)] * inverse[i];
      a[static_cast<size_t>(i)] = static_cast<float>(scale);
      b[static_cast<size_t>(i)] = static_cast<float>(-scale * slope * inverse[i] / steps);
      c[static_cast<size_t>(i)] = static_cast<float>(-scale * sums_[static_cast<size_t>(i)] / steps);
    }
    apply_gradients(plan, g, a, b, c, x, dx);
  }

  void backward_fixed(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma,
                      const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths, Tensor& dx,
                      Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) override {
    const StripPlan& plan = plan_for(x, lengths);
    set_running(plan, running_mean, running_variance);
    Gradients g = gradients(x, y, dy, mean_.data(), dresidual);
    sum_gradients(plan, g, dresidual);
    if (spec_.residual) {
      g.strip.dy = dresidual.data<void>();
      g.strip.forward.relu = false;
    }
    std::vector<float> a = zeros(plan);
    const std::vector<float> none = zeros(plan);
    for (int64_t i = 0; i < spec_.channels; ++i) {
      const float inverse = inverse_[static_cast<size_t>(i)];
      add_parameter_gradients(i, sums_[static_cast<size_t>(plan.channels + i)] * inverse, dgamma, dbeta);
      a[static_cast<size_t>(i)] = gamma.data()[i] * inverse;
    }
    apply_gradients(plan, g, a, none, none, x, dx);
  }

 private:
  struct Gradients {
    StripGradient strip;
    const float *mean = nullptr, *scale = nullptr, *shift = nullptr;  // by channel

    StripGradient of_channel(int64_t c) const {
      StripGradient result = strip;
      result.mean = mean + c;
      result.forward.scale = scale + c;
      result.forward.shift = shift + c;
      return result;
    }
  };

  static std::vector<float> zeros(const StripPlan& plan) {
    return std::vector<float>(static_cast<size_t>(plan.channels), 0.0f);
  }

  const StripPlan& plan_for(const Tensor& x, const Lengths* lengths) {
    if (x.shape.rank() < 2 || x.shape.back() != spec_.channels)
      throw std::invalid_argument(
          fmt::format("[batch norm] expected x with {} channels, got {}", spec_.channels, x.shape.text()));
    if (lengths && (x.shape.rank() < 3 || (x.shape.rank() == 4 && x.shape[1] != 1) || x.shape.rank() > 4 ||
                    static_cast<int64_t>(lengths->size()) != x.shape[0]))
      throw std::invalid_argument(fmt::format("[batch norm] {} lengths do not fit x {}, expected (N, [1,] W, C)",
                                              lengths->size(), x.shape.text()));
    plan_ = plan_strips(backend_.view(x), x.layout == Layout::kPrivate, x.dtype, lengths);
    strips_ = x.dtype == DType::bf16 ? bf16_kernels().strips : simd_kernels().strips;
    partial_.resize(plan_.strips.size() * 2 * kMostLanes);
    return plan_;
  }

  // The two sums of strip i, 2 x lanes.
  float* partial(int64_t i) { return partial_.data() + i * 2 * kMostLanes; }

  template <typename Run>
  void for_strips(const StripPlan& plan, Run&& run) const {
    const auto count = static_cast<int64_t>(plan.strips.size());
#pragma omp parallel for
    for (int64_t i = 0; i < count; ++i)
      run(i, plan.strips[static_cast<size_t>(i)], plan.channel[static_cast<size_t>(i)]);
  }

  // Adds up a count and values over the ranks that share statistics, if any; returns the count.
  double sum_over_ranks(double count, std::vector<double>& values) const {
    if (!backend_.statistics_ranks()) return count;
    values.push_back(count);
    backend_.statistics_ranks()->sum(std::span(values));
    count = values.back();
    values.pop_back();
    return count;
  }

  // Biased variance and mean over the ranks that share them; returns the number of steps. Strips are joined as Chan,
  // Golub and LeVeque (1979) join samples.
  double statistics(const StripPlan& plan, const Tensor& x, float* mean, float* variance) {
    for_strips(plan, [&](int64_t i, const Strip& s, int64_t) {
      strips_.moments(s, x.data<void>(), partial(i), partial(i) + s.lanes);
    });
    std::vector<double> count(static_cast<size_t>(plan.channels)), sum(count), squares(count);
    for (size_t i = 0; i < plan.strips.size(); ++i) {
      const Strip& s = plan.strips[i];
      double n = 0;
      for (int64_t row = 0; row < s.rows; ++row) n += static_cast<double>(s.valid_last(row) - s.first);
      if (n == 0) continue;
      const float* sums = partial(static_cast<int64_t>(i));
      for (int lane = 0; lane < s.lanes; ++lane) {
        const auto c = static_cast<size_t>(plan.channel[i] + lane);
        const double part = sums[lane];
        const double apart = count[c] > 0 ? part / n - sum[c] / count[c] : 0;
        squares[c] += sums[s.lanes + lane] + apart * apart * n * count[c] / (n + count[c]);
        sum[c] += part;
        count[c] += n;
      }
    }
    for (size_t c = 0; c < count.size(); ++c) {
      const double n = std::max(count[c], 1.0);
      mean[c] = static_cast<float>(sum[c] / n);
      variance[c] = static_cast<float>(squares[c] / n);
    }
    return backend_.statistics_ranks() ? join_ranks(plan, sum, squares, mean, variance) : plan.count;
  }

  // Sums of squares about zero lose no digit that matters: they are double.
  double join_ranks(const StripPlan& plan, const std::vector<double>& sum, const std::vector<double>& squares,
                    float* mean, float* variance) const {
    const auto channels = static_cast<size_t>(spec_.channels);
    std::vector<double> sums(sum.begin(), sum.begin() + spec_.channels);
    for (size_t c = 0; c < channels; ++c)
      sums.push_back(plan.count > 0 ? squares[c] + sum[c] * sum[c] / plan.count : 0);
    const double steps = sum_over_ranks(plan.count, sums), n = std::max(steps, 1.0);
    for (size_t c = 0; c < channels; ++c) {
      const double centre = sums[c] / n;
      mean[c] = static_cast<float>(centre);
      variance[c] = static_cast<float>(std::max(0.0, sums[channels + c] / n - centre * centre));
    }
    return steps;
  }

  void set_running(const StripPlan& plan, const Tensor& mean, const Tensor& variance) {
    mean_ = zeros(plan);
    inverse_ = zeros(plan);
    for (int64_t c = 0; c < spec_.channels; ++c) {
      mean_[static_cast<size_t>(c)] = mean.data()[c];
      inverse_[static_cast<size_t>(c)] = 1.0f / std::sqrt(variance.data()[c] + spec_.epsilon);
    }
  }

  // y = x * scale + shift. Backward finds the sign of y again from the same two numbers.
  void set_affine(const StripPlan& plan, const float* mean, const float* inverse, const Tensor& gamma,
                  const Tensor& beta) {
    scale_ = zeros(plan);
    shift_ = zeros(plan);
    for (int64_t c = 0; c < spec_.channels; ++c) {
      scale_[static_cast<size_t>(c)] = gamma.data()[c] * inverse[c];
      shift_[static_cast<size_t>(c)] = beta.data()[c] - mean[c] * scale_[static_cast<size_t>(c)];
    }
  }

  // The tensor in x's layout.
  const Tensor& as_x(const Tensor& t, const Tensor& x, const char* name, Tensor& converted) {
    if (t.shape != x.shape)
      throw std::invalid_argument(
          fmt::format("[batch norm] expected {} of shape {}, got {}", name, x.shape.text(), t.shape.text()));
    if (t.layout == x.layout && t.dtype == x.dtype) return t;
    if (x.layout == Layout::kPrivate)
      backend_.to_private(t, converted);
    else
      backend_.convert(t, x.dtype, converted);
    return converted;
  }

  void apply(const StripPlan& plan, const Tensor& x, const Tensor& residual, Tensor& y) {
    if (spec_.residual != !residual.empty())
      throw std::invalid_argument("[batch norm] a residual is given exactly when the specification has one");
    const void* added = residual.empty() ? nullptr : as_x(residual, x, "residual", converted_residual_).data<void>();
    backend_.resize_like(y, x);
    for_strips(plan, [&](int64_t, const Strip& s, int64_t c) {
      strips_.apply(
          s, {.scale = &scale_[static_cast<size_t>(c)], .shift = &shift_[static_cast<size_t>(c)], .relu = spec_.relu},
          x.data<void>(), added, y.data<void>());
    });
  }

  Gradients gradients(const Tensor& x, const Tensor& y, const Tensor& dy, const float* mean, Tensor& dresidual) {
    Gradients g{.mean = mean, .scale = mean, .shift = mean};  // scale and shift matter only where y is not read
    g.strip.x = x.data<void>();
    g.strip.y = spec_.relu ? as_x(y, x, "y", converted_y_).data<void>() : nullptr;
    g.strip.dy = as_x(dy, x, "dy", converted_dy_).data<void>();
    g.strip.forward.relu = spec_.relu;
    if (spec_.residual) backend_.resize_like(dresidual, x);
    return g;
  }

  // sums_: of dz and of dz * (x - mean), for each channel.
  void sum_gradients(const StripPlan& plan, const Gradients& g, Tensor& dresidual) {
    void* dz = spec_.residual ? dresidual.data<void>() : nullptr;
    for_strips(
        plan, [&](int64_t i, const Strip& s, int64_t c) { strips_.gradient_sums(s, g.of_channel(c), dz, partial(i)); });
    sums_.assign(static_cast<size_t>(2 * plan.channels), 0.0);
    for (size_t i = 0; i < plan.strips.size(); ++i) {
      const int lanes = plan.strips[i].lanes;
      const float* sums = partial(static_cast<int64_t>(i));
      for (int lane = 0; lane < lanes; ++lane) {
        const auto c = static_cast<size_t>(plan.channel[i] + lane);
        sums_[c] += sums[lane];
        sums_[static_cast<size_t>(plan.channels) + c] += sums[lanes + lane];
      }
    }
  }

  void add_parameter_gradients(int64_t c, double slope, Tensor& dgamma, Tensor& dbeta) const {
    dgamma.data()[c] += static_cast<float>(slope);
    dbeta.data()[c] += static_cast<float>(sums_[static_cast<size_t>(c)]);
  }

  void apply_gradients(const StripPlan& plan, const Gradients& g, const std::vector<float>& a,
                       const std::vector<float>& b, const std::vector<float>& c, const Tensor& x, Tensor& dx) {
    backend_.resize_like(dx, x);
    for_strips(plan, [&](int64_t, const Strip& s, int64_t channel) {
      const auto at = static_cast<size_t>(channel);
      strips_.gradient_apply(s, g.of_channel(channel), &a[at], &b[at], &c[at], dx.data<void>());
    });
  }

  CpuBackend& backend_;
  BatchNormSpec spec_;
  StripPlan plan_;
  StripKernels strips_{};  // of the last x's type
  std::vector<float> partial_, mean_, inverse_, scale_, shift_;
  std::vector<double> sums_;
  Tensor converted_residual_, converted_y_, converted_dy_;
};

}  // namespace

std::shared_ptr<BatchNorm> CpuBackend::batch_norm(const BatchNormSpec& spec) {
  return batch_norms_.get(spec, [&] { return std::make_shared<CpuBatchNorm>(*this, spec); });
}

}  // namespace avsr::backend::cpu
