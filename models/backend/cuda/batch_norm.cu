// Batch norm fused with residual and ReLU, in few passes over memory: forward reads x twice, backward reads x and dy
// twice.
#include <algorithm>

#include "models/backend/checks.h"
#include "models/backend/cuda/batch_norm_items.h"
#include "models/backend/cuda/cuda_backend.h"

namespace avsr::backend::cuda {
namespace {

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
    const RankTotals totals = totals_over_ranks<JoinedMoments>(parts, count, valid_rows(x, lengths));
    launch(backend_.stream(), spec_.channels,
           FinishMoments{parts, count, spec_.momentum, spec_.epsilon, gamma.data(), beta.data(), running_mean.data(),
                         running_variance.data(), factors(saved), totals});
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

  // The strips' sums of all ranks; empty where this one is alone.
  template <typename Joined, typename Part>
  RankTotals totals_over_ranks(const Part* parts, int64_t count, double rows) {
    RankSums* ranks = backend_.statistics_ranks();
    if (!ranks) return {};
    const auto values = static_cast<size_t>(1 + 2 * spec_.channels);
    if (!totals_) totals_ = backend_.allocate(values * sizeof(double));
    const RankTotals totals{static_cast<double*>(totals_->data()), spec_.channels};
    launch(backend_.stream(), spec_.channels, CollectTotals<Part, Joined>{parts, count, rows, totals});
    ranks->sum({totals.values, values});
    return totals;
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
    const RankTotals totals = rows > 0 ? totals_over_ranks<JoinedSums>(parts, count, rows) : RankTotals{};
    launch(
        backend_.stream(), spec_.channels,
        FinishGradients{parts, count, rows, gamma.data(), gate.factors, dgamma.data(), dbeta.data(), slopes, totals});
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
  std::shared_ptr<Buffer> totals_;  // RankTotals
};

}  // namespace

std::shared_ptr<BatchNorm> make_batch_norm(CudaBackend& backend, const BatchNormSpec& spec) {
  return std::make_shared<CudaBatchNorm>(backend, spec);
}

}  // namespace avsr::backend::cuda
