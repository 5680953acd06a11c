// Batch norm fused with residual and ReLU, in few passes over memory: forward reads x twice, backward reads x and dy
// twice.
//
// Note [Strips]
// A sum over all rows of (rows, C) is cut into strips of rows; one thread sums the strip of kLanes channels, so that
// neighbouring threads read neighbouring channels. The strips' sums are joined kFan at a time, then all. The cut
// depends on the shape alone and nothing is added atomically, so results are the same from run to run.
#include <algorithm>
#include <cmath>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

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
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    JoinedMoments joined;
    for (int64_t p = 0; p < count; ++p) joined.add(parts[p * factors.channels + c]);
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
  AVSR_HOST_DEVICE void operator()(int64_t c) const {
    JoinedSums joined;
    for (int64_t p = 0; p < count; ++p) joined.add(parts[p * factors.channels + c]);
    const double inverse = factors.inverse(c), scale = static_cast<double>(gamma[c]) * inverse;
    const double slope = joined.dz_x * inverse;  // = dgamma
    dgamma[c] += static_cast<float>(slope);
    dbeta[c] += static_cast<float>(joined.dz);
    slopes.a(c) = static_cast<float>(scale);
    slopes.b(c) = rows > 0 ? static_cast<float>(-scale * slope * inverse / rows) : 0.f;
    slopes.c(c) = rows > 0 ? static_cast<float>(-scale * joined.dz / rows) : 0.f;
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

class CudaBatchNorm final : public BatchNorm {
  // Lanes that one thread takes: as many as one load of 16 bytes of bf16 holds, where the channels allow it.
  template <typename Call>
  auto by_lanes(const Call& call) const {
    return spec_.channels % 8 == 0 ? call.template operator()<8>() : call.template operator()<1>();
  }

 public:
  CudaBatchNorm(CudaBackend& backend, const BatchNormSpec& spec) : backend_(backend), spec_(spec) {}

  void forward(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
               Tensor& running_variance, const Lengths* lengths, Tensor& saved, Tensor& y) override {
    const Strips strips = strips_of(x, lengths);
    backend_.resize(saved, {4, spec_.channels});
    const auto [parts, count] = by_lanes([&]<int kLanes>() {
      return sums<Moments, JoinedMoments>(strips, kLanes,
                                          [&](Moments* out) { return StripMoments<kLanes>{strips, Elements(x), out}; });
    });
    launch(backend_.stream(), spec_.channels,
           FinishMoments{parts, count, spec_.momentum, spec_.epsilon, gamma.data(), beta.data(), running_mean.data(),
                         running_variance.data(), factors(saved)});
    apply(strips.rows, x, residual, factors(saved), y);
  }

  void infer(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
             const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths, Tensor& y) override {
    const Strips strips = strips_of(x, lengths);
    apply(strips.rows, x, residual, fixed_factors(gamma, beta.data(), running_mean, running_variance), y);
  }

  void backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma, const Tensor& saved,
                const Lengths* lengths, Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) override {
    if (saved.shape != Shape{4, spec_.channels})
      reject("batch norm", {"backward wants what forward saved for the same x"});
    const Gate gate{factors(saved), spec_.residual ? Elements(y) : Elements(), spec_.relu};
    gradients(x, y, dy, gamma, gate, lengths, valid_rows(x, lengths), dx, dresidual, dgamma, dbeta);
  }

  void backward_fixed(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma,
                      const Tensor& running_mean, const Tensor& running_variance, const Lengths* lengths, Tensor& dx,
                      Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) override {
    const Gate gate{fixed_factors(gamma, nullptr, running_mean, running_variance), Elements(y), spec_.relu};
    gradients(x, y, dy, gamma, gate, lengths, 0, dx, dresidual, dgamma, dbeta);
  }

 private:
  Factors factors(const Tensor& t) const { return {t.data(), spec_.channels}; }

  Strips strips_of(const Tensor& x, const Lengths* lengths) {
    if (x.shape.rank() < 2 || x.shape.back() != spec_.channels)
      reject("batch norm", {"expected x with ", std::to_string(spec_.channels), " channels, got ", x.shape.text()});
    const size_t rank = x.shape.rank();
    if (lengths &&
        (rank < 3 || (rank == 4 && x.shape[1] != 1) || rank > 4 || static_cast<int64_t>(lengths->size()) != x.shape[0]))
      reject("batch norm",
             {std::to_string(lengths->size()), " lengths do not fit x ", x.shape.text(), ", expected (N, [1,] W, C)"});
    Strips strips;
    strips.channels = spec_.channels;
    strips.rows.count = x.shape.count() / spec_.channels;
    strips.rows.steps = rank > 2 ? x.shape[rank - 2] : 1;
    if (lengths) strips.rows.lengths = backend_.on_device(*lengths);
    // About 2^17 threads fill a GPU; a strip of fewer than 16 rows does not pay for its sum.
    const int64_t groups = std::max<int64_t>(1, spec_.channels / 8);
    strips.length = std::clamp<int64_t>(strips.rows.count * groups >> 17, 16, 1024);
    strips.count = (strips.rows.count + strips.length - 1) / strips.length;
    return strips;
  }

  double valid_rows(const Tensor& x, const Lengths* lengths) const {
    if (!lengths) return static_cast<double>(x.shape.count() / spec_.channels);
    double count = 0;
    for (const int length : *lengths) count += length;
    return count;
  }

  // The strips' sums by channel, (count, C), joined until they are few.
  template <typename Part, typename Joined, typename MakeItem>
  std::pair<const Part*, int64_t> sums(const Strips& strips, int lanes, const MakeItem& make_item) {
    const auto bytes = static_cast<size_t>(strips.count * strips.channels) * sizeof(Part);
    auto* from = static_cast<Part*>(backend_.scratch(CudaBackend::Slot::partial, bytes));
    auto* to = static_cast<Part*>(backend_.scratch(CudaBackend::Slot::partial2, bytes / kFan + (1 << 16)));
    launch(backend_.stream(), strips.count * (strips.channels / lanes), make_item(from));
    int64_t count = strips.count;
    while (count > kFan) {
      const int64_t fewer = (count + kFan - 1) / kFan;
      launch(backend_.stream(), fewer * strips.channels, Join<Part, Joined>{from, count, strips.channels, to});
      std::swap(from, to);
      count = fewer;
    }
    return {from, count};
  }

  Factors fixed_factors(const Tensor& gamma, const float* beta, const Tensor& mean, const Tensor& variance) {
    backend_.resize(fixed_, {4, spec_.channels});
    launch(backend_.stream(), spec_.channels,
           FixedFactors{mean.data(), variance.data(), gamma.data(), beta, spec_.epsilon, factors(fixed_)});
    return factors(fixed_);
  }

  void apply(const Rows& rows, const Tensor& x, const Tensor& residual, const Factors& by, Tensor& y) {
    if (spec_.residual != !residual.empty())
      reject("batch norm", {"a residual is given exactly when the specification has one"});
    const Tensor source = x;  // holds the memory when y is x
    backend_.resize_activation(y, source.shape);
    by_lanes([&]<int kLanes>() {
      launch(backend_.stream(), rows.count * (spec_.channels / kLanes),
             Apply<kLanes>{rows, by, Elements(source), Elements(residual), Elements(y), spec_.relu});
    });
  }

  void gradients(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma, Gate gate,
                 const Lengths* lengths, double rows, Tensor& dx, Tensor& dresidual, Tensor& dgamma, Tensor& dbeta) {
    const Strips strips = strips_of(x, lengths);
    for (const auto& [name, t] : {std::pair("y", &y), std::pair("dy", &dy)})
      if (t->shape != x.shape)
        reject("batch norm", {"expected ", name, " of shape ", x.shape.text(), ", got ", t->shape.text()});
    Tensor gradient = dy;  // holds the memory when dresidual is dy
    if (spec_.residual) backend_.resize(dresidual, x.shape, dy.dtype);
    const Elements dz = spec_.residual ? Elements(dresidual) : Elements();
    const auto [parts, count] = by_lanes([&]<int kLanes>() {
      return sums<GradientSums, JoinedSums>(strips, kLanes, [&](GradientSums* out) {
        return StripGradients<kLanes>{strips, gate, Elements(x), Elements(gradient), dz, out};
      });
    });
    backend_.resize(slopes_, {3, spec_.channels});
    const Slopes slopes{slopes_.data(), spec_.channels};
    launch(backend_.stream(), spec_.channels,
           FinishGradients{parts, count, rows, gamma.data(), gate.factors, dgamma.data(), dbeta.data(), slopes});
    if (spec_.residual) {  // the first pass has left dz there
      gradient = dresidual;
      gate.relu = false;
    }
    backend_.resize_activation(dx, x.shape);
    by_lanes([&]<int kLanes>() {
      launch(backend_.stream(), strips.rows.count * (spec_.channels / kLanes),
             ApplyGradients<kLanes>{strips.rows, gate, slopes, Elements(x), Elements(gradient), Elements(dx)});
    });
  }

  CudaBackend& backend_;
  BatchNormSpec spec_;
  Tensor fixed_, slopes_;
};

}  // namespace

std::shared_ptr<BatchNorm> make_batch_norm(CudaBackend& backend, const BatchNormSpec& spec) {
  return std::make_shared<CudaBatchNorm>(backend, spec);
}

}  // namespace avsr::backend::cuda
