// What batch norm does for one index of its launches (batch_norm.cu).
//
// Note [Strips]
// A sum over all rows of (rows, C) is cut into strips of rows; one thread sums the strip of kLanes channels, so that
// neighbouring threads read neighbouring channels. The strips' sums are joined kFan at a time, then all. The cut
// depends on the shape alone and nothing is added atomically, so results are the same from run to run.
#pragma once

#include <cmath>

#include "models/backend/cuda/elements.h"
#include "models/backend/cuda/launch.h"
#include "models/backend/kernels.h"

namespace avsr::backend::cuda {

constexpr int64_t kFan = 16;

// Rows of a (rows, C) view; lengths: null, or the valid rows of each clip of `steps` rows.
struct Rows {
  int64_t count = 0, steps = 0;
  const int* lengths = nullptr;
  AVSR_HOST_DEVICE bool valid(int64_t row) const {
    if (!lengths) return true;
    const auto [clip, step] = divide(row, steps);
    return step < lengths[clip];
  }
};

struct Strips {
  Rows rows;
  int64_t channels = 0, length = 0, count = 0;  // length: rows of a strip; count: of strips
};

struct Moments {
  float count, mean, squares;  // squares: the sum of (x - mean)^2
};
struct GradientSums {
  float dz, dz_x;  // of dz and of dz * (x - mean)
};

// Chan, Golub and LeVeque 1979.
struct JoinedMoments {
  double count = 0, mean = 0, squares = 0;
  AVSR_HOST_DEVICE void add(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, apart = other.mean - mean;
    squares += other.squares + apart * apart * count * other.count / total;
    mean += apart * other.count / total;
    count = total;
  }
  // Of x and of x^2: about zero, but in double precision.
  AVSR_HOST_DEVICE double first_sum() const { return count * mean; }
  AVSR_HOST_DEVICE double second_sum() const { return squares + count * mean * mean; }
  AVSR_HOST_DEVICE Moments result() const {
    return {static_cast<float>(count), static_cast<float>(mean), static_cast<float>(squares)};
  }
};
struct JoinedSums {
  double dz = 0, dz_x = 0;
  AVSR_HOST_DEVICE void add(const GradientSums& other) {
    dz += other.dz;
    dz_x += other.dz_x;
  }
  AVSR_HOST_DEVICE double first_sum() const { return dz; }
  AVSR_HOST_DEVICE double second_sum() const { return dz_x; }
  AVSR_HOST_DEVICE GradientSums result() const { return {static_cast<float>(dz), static_cast<float>(dz_x)}; }
};

template <int kLanes>
struct StripMoments {
  Strips strips;
  Elements x;
  Moments* out;  // (strips, C)
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [strip, group] = divide(i, strips.channels / kLanes);
    const int64_t channel = group * kLanes, first = strip * strips.length;
    const int64_t last = first + strips.length < strips.rows.count ? first + strips.length : strips.rows.count;
    // Sums about the first value: squares of what is far from zero would lose their digits.
    Lanes<kLanes> origin{}, sum{}, squares{};
    int64_t count = 0;
    for (int64_t row = first; row < last; ++row) {
      if (!strips.rows.valid(row)) continue;
      const Lanes<kLanes> value = x.load_lanes<kLanes>(row * strips.channels + channel);
      if (count++ == 0) origin = value;
      for (int k = 0; k < kLanes; ++k) {
        const float apart = value.of[k] - origin.of[k];
        sum.of[k] += apart;
        squares.of[k] += apart * apart;
      }
    }
    const auto n = static_cast<float>(count);
    for (int k = 0; k < kLanes; ++k)
      out[strip * strips.channels + channel + k] =
          count > 0 ? Moments{n, origin.of[k] + sum.of[k] / n, squares.of[k] - sum.of[k] * sum.of[k] / n} : Moments{};
  }
};

// (parts, C) -> (ceil(parts / kFan), C)
template <typename Part, typename Joined>
struct Join {
  const Part* parts;
  int64_t count, channels;
  Part* out;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [group, channel] = divide(i, channels);
    Joined joined;
    for (int64_t p = group * kFan; p < count && p < (group + 1) * kFan; ++p) joined.add(parts[p * channels + channel]);
    out[i] = joined.result();
  }
};

// What ranks that share statistics add up: the number of valid rows, then two sums of each channel.
struct RankTotals {
  double* values = nullptr;  // (1 + 2 C); null: this rank is alone
  int64_t channels = 0;
  AVSR_HOST_DEVICE double& rows() const { return values[0]; }
  AVSR_HOST_DEVICE double& first(int64_t c) const { return values[1 + c]; }
  AVSR_HOST_DEVICE double& second(int64_t c) const { return values[1 + channels + c]; }
};

template <typename Part, typename Joined>
struct CollectTotals {
  const Part* parts;
  int64_t count;
  double rows;  // valid ones of this rank
  RankTotals totals;
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    Joined joined;
    for (int64_t p = 0; p < count; ++p) joined.add(parts[p * totals.channels + c]);
    totals.first(c) = joined.first_sum();
    totals.second(c) = joined.second_sum();
    if (c == 0) totals.rows() = rows;
  }
};

// What apply and backward need of each channel: (4, C).
struct Factors {
  float* values;
  int64_t channels;
  AVSR_HOST_DEVICE float& mean(int64_t c) const { return values[c]; }
  AVSR_HOST_DEVICE float& inverse(int64_t c) const { return values[channels + c]; }  // 1 / deviation
  AVSR_HOST_DEVICE float& scale(int64_t c) const { return values[2 * channels + c]; }
  AVSR_HOST_DEVICE float& shift(int64_t c) const { return values[3 * channels + c]; }
  AVSR_HOST_DEVICE void set(int64_t c, float mean_value, float variance, float epsilon, float gamma, float beta) const {
    mean(c) = mean_value;
    inverse(c) = 1 / sqrtf(variance + epsilon);
    scale(c) = gamma * inverse(c);
    shift(c) = beta - mean_value * scale(c);
  }
};

// The values of neighbouring channels, in one load.
template <int kLanes>
AVSR_HOST_DEVICE inline Lanes<kLanes> lanes_of(const float& first) {
  const auto packet = *reinterpret_cast<const Packet<float, kLanes>*>(&first);
  Lanes<kLanes> lanes;
  for (int k = 0; k < kLanes; ++k) lanes.of[k] = packet.of[k];
  return lanes;
}

struct FinishMoments {
  const Moments* parts;
  int64_t count;
  float momentum, epsilon;
  const float *gamma, *beta;
  float *running_mean, *running_variance;
  Factors factors;
  RankTotals totals;
  AVSR_HOST_DEVICE JoinedMoments joined_of(int64_t c) const {
    JoinedMoments joined;
    if (!totals.values) {
      for (int64_t p = 0; p < count; ++p) joined.add(parts[p * factors.channels + c]);
    } else if (totals.rows() > 0) {
      joined.count = totals.rows();
      joined.mean = totals.first(c) / joined.count;
      joined.squares = totals.second(c) - totals.first(c) * joined.mean;
      if (joined.squares < 0) joined.squares = 0;
    }
    return joined;
  }
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    const JoinedMoments joined = joined_of(c);
    const double n = joined.count > 1 ? joined.count : 1;
    const auto mean = static_cast<float>(joined.mean), variance = static_cast<float>(joined.squares / n);
    const auto unbiased = static_cast<float>(joined.squares / (joined.count > 1 ? joined.count - 1 : 1));
    running_mean[c] += momentum * (mean - running_mean[c]);
    running_variance[c] += momentum * (unbiased - running_variance[c]);
    factors.set(c, mean, variance, epsilon, gamma[c], beta[c]);
  }
};

struct FixedFactors {
  const float *mean, *variance, *gamma, *beta;  // beta: null where only gradients are wanted
  float epsilon;
  Factors factors;
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    factors.set(c, mean[c], variance[c], epsilon, gamma[c], beta ? beta[c] : 0.f);
  }
};

template <int kLanes>
struct Apply {
  Rows rows;
  Factors factors;
  Elements x, residual, y;
  bool relu;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, group] = divide(i, factors.channels / kLanes);
    const int64_t channel = group * kLanes, at = row * factors.channels + channel;
    Lanes<kLanes> value{};
    if (rows.valid(row)) {
      value = x.load_lanes<kLanes>(at);
      const auto scale = lanes_of<kLanes>(factors.scale(channel)), shift = lanes_of<kLanes>(factors.shift(channel));
      for (int k = 0; k < kLanes; ++k) value.of[k] = value.of[k] * scale.of[k] + shift.of[k];
      if (residual) {
        const Lanes<kLanes> added = residual.load_lanes<kLanes>(at);
        for (int k = 0; k < kLanes; ++k) value.of[k] += added.of[k];
      }
      for (int k = 0; k < kLanes; ++k)
        if (relu && !(value.of[k] > 0)) value.of[k] = 0;
    }
    y.store_lanes(at, value);
  }
};

// The gradient before the ReLU: dy where the output was positive. Its sign comes from y where there is one (residual),
// else from x once more.
struct Gate {
  Factors factors;
  Elements y;
  bool relu;
  template <int kLanes>
  AVSR_HOST_DEVICE void apply(const Lanes<kLanes>& x, int64_t at, int64_t channel, Lanes<kLanes>& dz) const {
    if (!relu) return;
    Lanes<kLanes> output;
    if (y) {
      output = y.load_lanes<kLanes>(at);
    } else {
      const auto scale = lanes_of<kLanes>(factors.scale(channel)), shift = lanes_of<kLanes>(factors.shift(channel));
      for (int k = 0; k < kLanes; ++k) output.of[k] = x.of[k] * scale.of[k] + shift.of[k];
    }
    for (int k = 0; k < kLanes; ++k)
      if (!(output.of[k] > 0)) dz.of[k] = 0;
  }
};

template <int kLanes>
struct StripGradients {
  Strips strips;
  Gate gate;
  Elements x, dy, dz;  // dz: null, or where the gradient before the ReLU is kept; may be dy
  GradientSums* out;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [strip, group] = divide(i, strips.channels / kLanes);
    const int64_t channel = group * kLanes, first = strip * strips.length;
    const int64_t last = first + strips.length < strips.rows.count ? first + strips.length : strips.rows.count;
    Lanes<kLanes> sum{}, product{};
    const auto mean = lanes_of<kLanes>(gate.factors.mean(channel));
    for (int64_t row = first; row < last; ++row) {
      const int64_t at = row * strips.channels + channel;
      Lanes<kLanes> gradient{};
      if (strips.rows.valid(row)) {
        const Lanes<kLanes> value = x.load_lanes<kLanes>(at);
        gradient = dy.load_lanes<kLanes>(at);
        gate.apply(value, at, channel, gradient);
        for (int k = 0; k < kLanes; ++k) {
          sum.of[k] += gradient.of[k];
          product.of[k] += gradient.of[k] * (value.of[k] - mean.of[k]);
        }
      }
      if (dz) dz.store_lanes(at, gradient);
    }
    for (int k = 0; k < kLanes; ++k) out[strip * strips.channels + channel + k] = {sum.of[k], product.of[k]};
  }
};

// dx = a dz + b (x - mean) + c, by channel: (3, C).
struct Slopes {
  float* values;
  int64_t channels;
  AVSR_HOST_DEVICE float& a(int64_t channel) const { return values[channel]; }
  AVSR_HOST_DEVICE float& b(int64_t channel) const { return values[channels + channel]; }
  AVSR_HOST_DEVICE float& c(int64_t channel) const { return values[2 * channels + channel]; }
};

struct FinishGradients {
  const GradientSums* parts;
  int64_t count;
  double rows;  // valid ones; 0: the statistics were fixed, so that they pass no gradient
  const float* gamma;
  Factors factors;
  float *dgamma, *dbeta;
  Slopes slopes;
  RankTotals totals;
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    JoinedSums joined;
    for (int64_t p = 0; p < count; ++p) joined.add(parts[p * factors.channels + c]);
    const double inverse = factors.inverse(c), scale = static_cast<double>(gamma[c]) * inverse;
    // Of the parameters every rank has its own share, which are added up with all gradients.
    dgamma[c] += static_cast<float>(joined.dz_x * inverse);
    dbeta[c] += static_cast<float>(joined.dz);
    double n = rows;
    if (totals.values) {
      joined.dz = totals.first(c);
      joined.dz_x = totals.second(c);
      n = totals.rows();
    }
    const double slope = joined.dz_x * inverse;
    slopes.a(c) = static_cast<float>(scale);
    slopes.b(c) = n > 0 ? static_cast<float>(-scale * slope * inverse / n) : 0.f;
    slopes.c(c) = n > 0 ? static_cast<float>(-scale * joined.dz / n) : 0.f;
  }
};

template <int kLanes>
struct ApplyGradients {
  Rows rows;
  Gate gate;
  Slopes slopes;
  Elements x, dy, dx;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, group] = divide(i, slopes.channels / kLanes);
    const int64_t channel = group * kLanes, at = row * slopes.channels + channel;
    Lanes<kLanes> result{};
    if (rows.valid(row)) {
      const Lanes<kLanes> value = x.load_lanes<kLanes>(at);
      result = dy.load_lanes<kLanes>(at);
      gate.apply(value, at, channel, result);
      const auto a = lanes_of<kLanes>(slopes.a(channel)), b = lanes_of<kLanes>(slopes.b(channel)),
                 c = lanes_of<kLanes>(slopes.c(channel)), mean = lanes_of<kLanes>(gate.factors.mean(channel));
      for (int k = 0; k < kLanes; ++k)
        result.of[k] = a.of[k] * result.of[k] + b.of[k] * (value.of[k] - mean.of[k]) + c.of[k];
    }
    dx.store_lanes(at, result);
  }
};

}  // namespace avsr::backend::cuda
