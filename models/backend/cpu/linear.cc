// Linear layers as oneDNN matrix products. In bf16 the operands are rounded to it, and the results are f32.
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

// c (m, n) = or += a (m, k) * b (k, n) (+ bias (n)); each operand row-major or, with tag ba, transposed in memory.
class Product {
 public:
  Product(CpuBackend& backend, memory::dims sizes, Tag a, Tag b, bool bias, bool accumulate)
      : onednn_(backend.onednn()) {
    const int64_t m = sizes[0], k = sizes[1], n = sizes[2];
    constexpr auto kF32 = memory::data_type::f32;
    const auto type = backend.precision() == Precision::bf16 ? memory::data_type::bf16 : kF32;
    a_ = {{m, k}, type, a};
    b_ = {{k, n}, type, b};
    c_ = {{m, n}, kF32, Tag::ab};
    dnnl::primitive_attr attr = user_scratchpad();
    if (accumulate) {
      dnnl::post_ops ops;
      ops.append_sum();
      attr.set_post_ops(ops);
    }
    if (bias) bias_ = {{1, n}, kF32, Tag::ab};
    const auto described = bias ? describe<dnnl::matmul>(onednn_.engine(), attr, a_, b_, bias_, c_)
                                : describe<dnnl::matmul>(onednn_.engine(), attr, a_, b_, c_);
    onednn_.note("linear", described.impl_info_str());
    scratchpad_ = described.scratchpad_desc();
    primitive_ = dnnl::matmul(described);
  }

  void run(const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& c) {
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, onednn_.memory(a_, a.data<void>())},
                                              {DNNL_ARG_WEIGHTS, onednn_.memory(b_, b.data<void>())},
                                              {DNNL_ARG_DST, onednn_.memory(c_, c.data())}};
    if (!bias.empty()) arguments.emplace(DNNL_ARG_BIAS, onednn_.memory(bias_, bias.data()));
    onednn_.run(primitive_, scratchpad_, std::move(arguments));
  }

 private:
  OneDnn& onednn_;
  memory::desc a_, b_, c_, bias_, scratchpad_;
  dnnl::matmul primitive_;
};

class CpuLinear final : public Linear {
 public:
  CpuLinear(CpuBackend& backend, int in, int out) : backend_(backend), in_(in), out_(out) {}

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    const int64_t rows = check_rows(x, in_);
    check_shape("linear", "weights", w.shape, {out_, in_});
    if (!b.empty()) check_shape("linear", "a bias", b.shape, {out_});
    backend_.resize(y, {rows, out_});
    if (rows == 0) return;
    product(b.empty() ? Kind::kForward : Kind::kForwardBias, rows)
        ->run(backend_.as(type(), x, x_), backend_.as(type(), w, w_), b, y);
  }

  void backward(const Tensor& x, const Tensor& dy, const Tensor& w, bool want_dx, Tensor& dx, Tensor& dw,
                Tensor& db) override {
    const int64_t rows = check_rows(x, in_);
    check_shape("linear", "dy", dy.shape, {rows, out_});
    check_shape("linear", "weight gradients", dw.shape, {out_, in_});
    if (want_dx) backend_.resize(dx, {rows, in_});
    if (rows == 0) return;
    const Tensor& gradient = backend_.as(type(), dy, dy_);
    if (want_dx) product(Kind::kData, rows)->run(gradient, backend_.as(type(), w, w_), {}, dx);
    product(Kind::kWeights, rows)->run(gradient, backend_.as(type(), x, x_), {}, dw);
    if (!db.empty()) {
      check_shape("linear", "bias gradients", db.shape, {out_});
      add_rows(backend_.as(DType::f32, dy, exact_dy_).data(), rows, out_, db.data());
    }
  }

 private:
  enum class Kind : uint8_t { kForward, kForwardBias, kData, kWeights };

  static int64_t check_rows(const Tensor& x, int64_t columns) {
    if (x.shape.rank() != 2 || x.shape[1] != columns || x.layout != Layout::kChannelsLast)
      throw std::invalid_argument("[linear] expected x (rows, " + std::to_string(columns) + "), got " + x.shape.text());
    return x.shape[0];
  }

  std::shared_ptr<Product> product(Kind kind, int64_t rows) {
    return products_.get({kind, rows}, [&] {
      switch (kind) {
        case Kind::kForward:
        case Kind::kForwardBias:
          return std::make_shared<Product>(backend_, memory::dims{rows, in_, out_}, Tag::ab, Tag::ba,
                                           kind == Kind::kForwardBias, false);
        case Kind::kData:
          return std::make_shared<Product>(backend_, memory::dims{rows, out_, in_}, Tag::ab, Tag::ab, false, false);
        case Kind::kWeights:
          break;
      }
      return std::make_shared<Product>(backend_, memory::dims{out_, rows, in_}, Tag::ba, Tag::ab, false, true);
    });
  }

  DType type() const { return backend_.map_type(); }  // of the operands

  CpuBackend& backend_;
  int64_t in_, out_;
  Tensor x_, dy_, exact_dy_, w_;                                 // converted
  KernelCache<std::pair<Kind, int64_t>, Product> products_{64};  // the rows change from batch to batch
};

}  // namespace

std::shared_ptr<Linear> CpuBackend::linear(int in, int out) {
  return linears_.get({in, out}, [&] { return std::make_shared<CpuLinear>(*this, in, out); });
}

}  // namespace avsr::backend::cpu
