// Linear layers as oneDNN matrix products. In bf16 the operands are rounded to it, and the results are f32.
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/loops.h"
#include "models/backend/cpu/matrix_product.h"

namespace avsr::backend::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

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
        ->run(operand(x, x_), operand(w, w_), b.empty() ? nullptr : b.data(), y.data());
  }

  void backward(const Tensor& x, const Tensor& dy, const Tensor& w, bool want_dx, Tensor& dx, Tensor& dw,
                Tensor& db) override {
    const int64_t rows = check_rows(x, in_);
    check_shape("linear", "dy", dy.shape, {rows, out_});
    check_shape("linear", "weight gradients", dw.shape, {out_, in_});
    if (want_dx) backend_.resize(dx, {rows, in_});
    if (rows == 0) return;
    const void* gradient = operand(dy, dy_);
    if (want_dx) product(Kind::kData, rows)->run(gradient, operand(w, w_), nullptr, dx.data());
    product(Kind::kWeights, rows)->run(gradient, operand(x, x_), nullptr, dw.data());
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

  std::shared_ptr<MatrixProduct> product(Kind kind, int64_t rows) {
    return products_.get({kind, rows}, [&] {
      switch (kind) {
        case Kind::kForward:
        case Kind::kForwardBias:
          return std::make_shared<MatrixProduct>(backend_, memory::dims{rows, in_, out_}, Tag::ab, Tag::ba,
                                                 kind == Kind::kForwardBias, false);
        case Kind::kData:
          return std::make_shared<MatrixProduct>(backend_, memory::dims{rows, out_, in_}, Tag::ab, Tag::ab, false,
                                                 false);
        case Kind::kWeights:
          break;
      }
      return std::make_shared<MatrixProduct>(backend_, memory::dims{out_, rows, in_}, Tag::ba, Tag::ab, false, true);
    });
  }

  const void* operand(const Tensor& t, Tensor& converted) {
    return backend_.as(backend_.map_type(), t, converted).data<void>();
  }

  CpuBackend& backend_;
  int64_t in_, out_;
  Tensor x_, dy_, exact_dy_, w_;                                       // converted
  KernelCache<std::pair<Kind, int64_t>, MatrixProduct> products_{64};  // the rows change from batch to batch
};

}  // namespace

std::shared_ptr<Linear> CpuBackend::linear(int in, int out) {
  return linears_.get({in, out}, [&] { return std::make_shared<CpuLinear>(*this, in, out); });
}

}  // namespace avsr::backend::cpu
