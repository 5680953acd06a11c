// Linear layers as matrix products, and the sums over rows that give bias gradients.
#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/row_sums.h"

namespace avsr::backend::cuda {
namespace {

struct AddBias {
  Elements y;
  const float* bias;
  int64_t columns;
  AVSR_HOST_DEVICE void operator()(int64_t i) const { y.store(i, y.load(i) + bias[divide(i, columns).rest]); }
};

struct Value {
  Elements x;
  AVSR_HOST_DEVICE float operator()(int64_t i) const { return x.load(i); }
};

class CudaLinear final : public Linear {
 public:
  CudaLinear(CudaBackend& backend, int in, int out) : backend_(backend), in_(in), out_(out) {}

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    const int64_t rows = check_rows(x, in_);
    check_shape("linear", "weights", w.shape, {out_, in_});
    if (!b.empty()) check_shape("linear", "a bias", b.shape, {out_});
    backend_.resize_activation(y, {rows, out_});
    if (rows == 0) return;
    Product product = of_activations(rows, out_, in_);
    product.transpose_b = true;
    multiply(product, x, w, y);
    if (!b.empty()) launch(backend_.stream(), y.shape.count(), AddBias{Elements(y), b.data(), out_});
  }

  void backward(const Tensor& x, const Tensor& dy, const Tensor& w, bool want_dx, Tensor& dx, Tensor& dw,
                Tensor& db) override {
    const int64_t rows = check_rows(x, in_);
    check_shape("linear", "dy", dy.shape, {rows, out_});
    check_shape("linear", "weight gradients", dw.shape, {out_, in_});
    if (!db.empty()) check_shape("linear", "bias gradients", db.shape, {out_});
    if (want_dx) backend_.resize_activation(dx, {rows, in_});
    if (rows == 0) return;
    if (want_dx) multiply(of_activations(rows, in_, out_), dy, w, dx);
    Product product = of_activations(out_, in_, rows);
    product.transpose_a = true;
    product.accumulate = true;
    product.output_bf16 = false;
    multiply(product, dy, x, dw);
    if (!db.empty()) backend_.add_rows(dy, rows, out_, db.data());
  }

 private:
  static int64_t check_rows(const Tensor& x, int64_t columns) {
    if (x.shape.rank() != 2 || x.shape[1] != columns)
      reject("linear", {"expected x (rows, ", std::to_string(columns), "), got ", x.shape.text()});
    return x.shape[0];
  }

  Product of_activations(int64_t m, int64_t n, int64_t k) const {
    Product product{.m = m, .n = n, .k = k};
    product.inputs_bf16 = product.output_bf16 = backend_.activation_type() == DType::bf16;
    return product;
  }

  void multiply(const Product& product, const Tensor& a, const Tensor& b, const Tensor& c) {
    const Tensor &left = backend_.as_operand(a, converted_a_), &right = backend_.as_operand(b, converted_b_);
    backend_.products().run(product, left.data<void>(), right.data<void>(), c.data<void>());
  }

  CudaBackend& backend_;
  int64_t in_, out_;
  Tensor converted_a_, converted_b_;
};

}  // namespace

void CudaBackend::add_rows(const Tensor& x, int64_t rows, int64_t columns, float* sum) {
  add_terms(*this, Value{Elements(x)}, rows, columns, sum);
}

std::shared_ptr<Linear> make_linear(CudaBackend& backend, int in, int out) {
  return std::make_shared<CudaLinear>(backend, in, out);
}

}  // namespace avsr::backend::cuda
