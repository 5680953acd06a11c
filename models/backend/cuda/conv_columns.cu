// Convolution as a matrix product over gathered inputs (conv.h).
#include <algorithm>

#include "models/backend/checks.h"
#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {
namespace {

constexpr int64_t kColumnBytes = int64_t{1} << 28;  // of scratch memory for gathered inputs
constexpr int64_t kFewWeights = 1 << 15;

// All axes of a convolution; a 2-D one has depth 1.
struct Geometry {
  int64_t n, d, h, w, c;
  int64_t od, oh, ow;
  int kernel[3], stride[3], padding[3], dilation[3];
  AVSR_HOST_DEVICE int64_t taps() const { return int64_t{kernel[0]} * kernel[1] * kernel[2]; }
  AVSR_HOST_DEVICE int64_t columns() const { return taps() * c; }
  AVSR_HOST_DEVICE int64_t positions() const { return od * oh * ow; }  // of one image's output
};

// out[row, tap, channel] = the input under the kernel's tap, 0 in the padding. An index counts out's elements; rows
// count (image, depth, height, width) of the output, from image `first` on.
struct GatherColumns {
  Geometry g;
  int64_t first;
  Elements x, out;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [row, column] = divide(i, g.columns());
    const auto [tap, channel] = divide(column, g.c);
    const auto [image, position] = divide(row, g.positions());
    const auto [plane, ox] = divide(position, g.ow);
    const auto [oz, oy] = divide(plane, g.oh);
    const auto [tap_row, kx] = divide(tap, g.kernel[2]);
    const auto [kz, ky] = divide(tap_row, g.kernel[1]);
    const int64_t z = oz * g.stride[0] + kz * g.dilation[0] - g.padding[0],
                  y = oy * g.stride[1] + ky * g.dilation[1] - g.padding[1],
                  at = ox * g.stride[2] + kx * g.dilation[2] - g.padding[2];
    const bool inside = z >= 0 && z < g.d && y >= 0 && y < g.h && at >= 0 && at < g.w;
    out.store(i, inside ? x.load(((((first + image) * g.d + z) * g.h + y) * g.w + at) * g.c + channel) : 0.f);
  }
};

// dx[element] = the sum of the column gradients of all places that it was gathered to. An index counts dx's elements of
// the images from `first` on.
struct ScatterColumns {
  Geometry g;
  int64_t first;
  Elements columns, dx;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [position, channel] = divide(i, g.c);
    const auto [line, x] = divide(position, g.w);
    const auto [plane, y] = divide(line, g.h);
    const auto [image, z] = divide(plane, g.d);
    float sum = 0;
    for (int kz = 0; kz < g.kernel[0]; ++kz) {
      const int at_z = static_cast<int>(z) + g.padding[0] - kz * g.dilation[0];
      if (at_z < 0 || at_z % g.stride[0] != 0 || at_z / g.stride[0] >= g.od) continue;
      for (int ky = 0; ky < g.kernel[1]; ++ky) {
        const int at_y = static_cast<int>(y) + g.padding[1] - ky * g.dilation[1];
        if (at_y < 0 || at_y % g.stride[1] != 0 || at_y / g.stride[1] >= g.oh) continue;
        for (int kx = 0; kx < g.kernel[2]; ++kx) {
          const int at_x = static_cast<int>(x) + g.padding[2] - kx * g.dilation[2];
          if (at_x < 0 || at_x % g.stride[2] != 0 || at_x / g.stride[2] >= g.ow) continue;
          const int64_t row =
              ((image * g.od + at_z / g.stride[0]) * g.oh + at_y / g.stride[1]) * g.ow + at_x / g.stride[2];
          const int64_t tap = (int64_t{kz} * g.kernel[1] + ky) * g.kernel[2] + kx;
          sum += columns.load(row * g.columns() + tap * g.c + channel);
        }
      }
    }
    dx.store(first * g.d * g.h * g.w * g.c + i, sum);
  }
};

// y = act(y + bias + residual).
struct Finish {
  Elements y, residual;
  const float* bias;
  int64_t channels;
  bool relu;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    float value = y.load(i);
    if (bias) value += bias[divide(i, channels).rest];
    if (residual) value += residual.load(i);
    y.store(i, relu && !(value > 0) ? 0.f : value);
  }
};

struct ScaleRows {
  const float *w, *scale;  // scale: null is 1
  int64_t columns;
  Elements to;
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    to.store(i, scale ? w[i] * scale[divide(i, columns).whole] : w[i]);
  }
};

class ColumnConv final : public Conv {
 public:
  ColumnConv(CudaBackend& backend, const ConvSpec& spec, const Shape& x)
      : backend_(backend), spec_(spec), x_shape_(x), y_shape_(conv_output_shape(spec, x)) {
    const bool deep = x.rank() == 5;
    g_ = {.n = x[0], .d = deep ? x[1] : 1, .h = x[x.rank() - 3], .w = x[x.rank() - 2], .c = x.back()};
    const int64_t in[3] = {g_.d, g_.h, g_.w};
    int64_t* const out[3] = {&g_.od, &g_.oh, &g_.ow};
    for (size_t i = 0; i < 3; ++i) {
      g_.kernel[i] = spec.kernel[i];
      g_.stride[i] = spec.stride[i];
      g_.padding[i] = spec.padding[i];
      g_.dilation[i] = spec.dilation[i];
      *out[i] = (in[i] + 2 * spec.padding[i] - spec.reach(i)) / spec.stride[i] + 1;
    }
    const int64_t image_bytes = g_.positions() * g_.columns() * static_cast<int64_t>(bytes_of(type()));
    images_ = std::clamp<int64_t>(kColumnBytes / std::max<int64_t>(1, image_bytes), 1, std::max<int64_t>(1, g_.n));
  }

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) override {
    check_weights(w);
    convolve(x, backend_.as_operand(w, converted_w_), y);
    if (!b.empty()) add_bias_and_activate(backend_, b, {}, false, y);
  }

  void backward_data(const Tensor& dy, const Tensor& w, Tensor& dx) override {
    check_shape("conv", "dy", dy.shape, y_shape_);
    check_weights(w);
    const Tensor &gradient = backend_.as_operand(dy, converted_dy_), &weights = backend_.as_operand(w, converted_w_);
    backend_.resize_activation(dx, x_shape_);
    for_chunks([&](int64_t first, int64_t images, const Tensor& columns) {
      Product product = of_type({.m = images * g_.positions(), .n = g_.columns(), .k = spec_.out_channels});
      backend_.products().run(product, at(gradient, first * g_.positions() * spec_.out_channels), weights.data<void>(),
                              columns.data<void>());
      launch(backend_.stream(), images * g_.d * g_.h * g_.w * g_.c,
             ScatterColumns{g_, first, Elements(columns), Elements(dx)});
    });
  }

  void backward_weights(const Tensor& x, const Tensor& dy, Tensor& dw, Tensor& db) override {
    check_shape("conv", "x", x.shape, x_shape_);
    check_shape("conv", "dy", dy.shape, y_shape_);
    check_weights(dw);
    const Tensor& gradient = backend_.as_operand(dy, converted_dy_);
    for_chunks([&](int64_t first, int64_t images, const Tensor& columns) {
      gather(x, first, images, columns);
      sum_weight_gradients(at(gradient, first * g_.positions() * spec_.out_channels), columns, images, dw);
    });
    if (!db.empty()) backend_.add_rows(dy, dy.shape.count() / spec_.out_channels, spec_.out_channels, db.data());
  }

  void pack(const Tensor& w, const Tensor& scale, Tensor& packed) override {
    check_weights(w);
    scale_weights(backend_, w, scale, packed);
  }

  void infer(const Tensor& x, const Tensor& packed, const Tensor& b, const Tensor& residual, bool relu,
             Tensor& y) override {
    check_weights(packed);
    Tensor added = residual;
    if (!residual.empty()) {
      check_shape("conv", "a residual", residual.shape, y_shape_);
      if (!y.empty() && residual.data<void>() == y.data<void>()) {  // the product is about to write there
        backend_.copy(residual, kept_residual_);
        added = kept_residual_;
      }
    }
    convolve(x, packed, y);
    if (!b.empty() || !residual.empty() || relu) add_bias_and_activate(backend_, b, added, relu, y);
  }

 private:
  DType type() const { return backend_.activation_type(); }

  void check_weights(const Tensor& w) const {
    const Shape expected{spec_.out_channels, spec_.kernel[0], spec_.kernel[1], spec_.kernel[2], spec_.in_channels};
    if (w.shape.count() != expected.count())
      reject("conv", {"expected weights ", expected.text(), ", got ", w.shape.text()});
  }

  Product of_type(Product product) const {
    product.inputs_bf16 = product.output_bf16 = type() == DType::bf16;
    return product;
  }

  static void* at(const Tensor& t, int64_t element) {
    return static_cast<std::byte*>(t.data<void>()) + static_cast<size_t>(element) * bytes_of(t.dtype);
  }

  template <typename Run>
  void for_chunks(const Run& run) {
    for (int64_t first = 0; first < g_.n; first += images_) {
      const int64_t images = std::min(images_, g_.n - first);
      run(first, images,
          backend_.scratch(CudaBackend::Slot::workspace, {images * g_.positions(), g_.columns()}, type()));
    }
  }

  void gather(const Tensor& x, int64_t first, int64_t images, const Tensor& columns) {
    launch(backend_.stream(), images * g_.positions() * g_.columns(),
           GatherColumns{g_, first, Elements(x), Elements(columns)});
  }

  // dw += dy^T columns.
  void sum_weight_gradients(const void* dy, const Tensor& columns, int64_t images, Tensor& dw) {
    Product product = of_type({.m = spec_.out_channels, .n = g_.columns(), .k = images * g_.positions()});
    product.transpose_a = true;
    product.output_bf16 = false;
    if (product.m * product.n > kFewWeights) {
      product.accumulate = true;
      backend_.products().run(product, dy, columns.data<void>(), dw.data<void>());
      return;
    }
    // A small product but for its sum over all positions would keep few of a GPU's multiprocessors busy: one an image,
    // then their sum.
    product.k = g_.positions();
    product.count = images;
    product.a_step = g_.positions() * spec_.out_channels;
    product.b_step = g_.positions() * g_.columns();
    product.c_step = product.m * product.n;
    const Tensor parts = backend_.scratch(CudaBackend::Slot::gradient, {images, product.c_step}, DType::f32);
    backend_.products().run(product, dy, columns.data<void>(), parts.data());
    backend_.add_rows(parts, images, product.c_step, dw.data());
  }

  void convolve(const Tensor& x, const Tensor& weights, Tensor& y) {
    check_shape("conv", "x", x.shape, x_shape_);
    backend_.resize_activation(y, y_shape_);
    for_chunks([&](int64_t first, int64_t images, const Tensor& columns) {
      gather(x, first, images, columns);
      Product product = of_type({.m = images * g_.positions(), .n = spec_.out_channels, .k = g_.columns()});
      product.transpose_b = true;
      backend_.products().run(product, columns.data<void>(), weights.data<void>(),
                              at(y, first * g_.positions() * spec_.out_channels));
    });
  }

  CudaBackend& backend_;
  ConvSpec spec_;
  Shape x_shape_, y_shape_;
  Geometry g_{};
  int64_t images_ = 1;  // gathered at once
  Tensor converted_w_, converted_dy_, kept_residual_;
};

}  // namespace

void add_bias_and_activate(CudaBackend& backend, const Tensor& bias, const Tensor& residual, bool relu, Tensor& y) {
  launch(backend.stream(), y.shape.count(),
         Finish{Elements(y), Elements(residual), bias.empty() ? nullptr : bias.data(), y.shape.back(), relu});
}

void scale_weights(CudaBackend& backend, const Tensor& w, const Tensor& scale, Tensor& to) {
  backend.resize_activation(to, w.shape);
  launch(backend.stream(), w.shape.count(),
         ScaleRows{w.data(), scale.empty() ? nullptr : scale.data(), w.shape.count() / w.shape[0], Elements(to)});
}

std::shared_ptr<Conv> make_column_conv(CudaBackend& backend, const ConvSpec& spec, const Shape& x) {
  return std::make_shared<ColumnConv>(backend, spec, x);
}

}  // namespace avsr::backend::cuda
