// Pooling on oneDNN.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <stdexcept>

#include "models/backend/checks.h"
#include "models/backend/cpu/cpu_backend.h"
#include "models/backend/cpu/layout.h"
#include "models/backend/cpu/onednn.h"

namespace avsr::backend::cpu {
namespace {

using dnnl::memory;

class CpuPool final : public Pool {
 public:
  CpuPool(CpuBackend& backend, const PoolSpec& spec, const Shape& x)
      : backend_(backend), onednn_(backend.onednn()), spec_(spec), x_shape_(x), y_shape_(pool_output_shape(spec, x)) {
    // Channels rounded up to whole blocks: fast kernels exist for those, and zeros pool to zeros.
    const int64_t block = backend.map_block();
    Shape padded_x = x_shape_, padded_y = y_shape_;
    padded_x[3] = padded_y[3] = (x[3] + block - 1) / block * block;
    const auto src = map_desc(backend, padded_x);
    const auto dst = map_desc(backend, padded_y);
    const memory::dims stride{spec.stride[0], spec.stride[1]}, kernel{spec.kernel[0], spec.kernel[1]}, dilation{0, 0},
        padding{spec.padding[0], spec.padding[1]};
    const auto how =
        spec.kind == PoolSpec::Kind::max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_include_padding;
    forward_ = describe<PoolingForward>(onednn_.engine(), user_scratchpad(), dnnl::prop_kind::forward_training, how,
                                        src, dst, stride, kernel, dilation, padding, padding);
    backward_ = describe_backward<PoolingBackward>(onednn_.engine(), user_scratchpad(), forward_, how, src, dst, stride,
                                                   kernel, dilation, padding, padding);
    const std::string label = fmt::format("pool {} k{}x{}", x.text(), spec.kernel[0], spec.kernel[1]);
    onednn_.note(label + " forward", forward_.impl_info_str());
    onednn_.note(label + " backward", backward_.impl_info_str());
    run_forward_ = PoolingForward(forward_);
    run_backward_ = PoolingBackward(backward_);
  }

  Shape output_shape() const override { return y_shape_; }

  void forward(const Tensor& x, Tensor& saved, Tensor& y) override {
    const Tensor& input = map_input(x, x_shape_, "x");
    backend_.resize_map(y, y_shape_);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, onednn_.memory(forward_.src_desc(), input.data<void>())},
                                              {DNNL_ARG_DST, onednn_.memory(forward_.dst_desc(), y.data<void>())}};
    if (spec_.kind == PoolSpec::Kind::max) {
      const auto positions = forward_.workspace_desc();
      backend_.resize(saved, {static_cast<int64_t>(positions.get_size())}, DType::u8);
      arguments.emplace(DNNL_ARG_WORKSPACE, onednn_.memory(positions, saved.data<void>()));
    }
    onednn_.run(run_forward_, forward_.scratchpad_desc(), std::move(arguments));
  }

  void backward(const Tensor& dy, const Tensor& saved, Tensor& dx) override {
    const Tensor& gradient = map_input(dy, y_shape_, "dy");
    backend_.resize_map(dx, x_shape_);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_DIFF_DST, onednn_.memory(backward_.diff_dst_desc(), gradient.data<void>())},
        {DNNL_ARG_DIFF_SRC, onednn_.memory(backward_.diff_src_desc(), dx.data<void>())}};
    if (spec_.kind == PoolSpec::Kind::max) {
      const auto positions = forward_.workspace_desc();
      if (saved.empty() || static_cast<size_t>(saved.shape.count()) != positions.get_size())
        throw std::invalid_argument("[pool] backward wants what forward saved for the same shape");
      arguments.emplace(DNNL_ARG_WORKSPACE, onednn_.memory(positions, saved.data<void>()));
    }
    onednn_.run(run_backward_, backward_.scratchpad_desc(), std::move(arguments));
  }

 private:
  const Tensor& map_input(const Tensor& t, const Shape& expected, const char* name) {
    if (t.shape != expected)
      throw std::invalid_argument(
          fmt::format("[pool] expected {} of shape {}, got {}", name, expected.text(), t.shape.text()));
    return backend_.as_map(t, converted_);
  }

  CpuBackend& backend_;
  OneDnn& onednn_;
  PoolSpec spec_;
  Shape x_shape_, y_shape_;
  PoolingForward::primitive_desc forward_;
  PoolingBackward::primitive_desc backward_;
  dnnl::primitive run_forward_, run_backward_;
  Tensor converted_;
};

}  // namespace

std::shared_ptr<Pool> CpuBackend::pool(const PoolSpec& spec, const Shape& x) {
  return pools_.get({spec, x.sizes()}, [&] { return std::make_shared<CpuPool>(*this, spec, x); });
}

}  // namespace avsr::backend::cpu
