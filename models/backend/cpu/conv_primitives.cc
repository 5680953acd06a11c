#include "models/backend/cpu/conv_primitives.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/backend/cpu/layout.h"

namespace avsr::backend::cpu {

using dnnl::algorithm;
using dnnl::memory;

ConvPrimitives::ConvPrimitives(CpuBackend& backend, const ConvSpec& spec, const Shape& x, const Shape& y)
    : onednn_(backend.onednn()),
      label_(fmt::format("conv {} k{}x{}x{} s{}x{}x{} -> {}", x.text(), spec.kernel[0], spec.kernel[1], spec.kernel[2],
                         spec.stride[0], spec.stride[1], spec.stride[2], y.back())) {
  if (spec.dilated()) label_ += fmt::format(" d{}x{}x{}", spec.dilation[0], spec.dilation[1], spec.dilation[2]);
  const bool three_d = x.rank() == 5;
  const size_t first = three_d ? 0 : 1;
  memory::dims weights{y.back(), x.back()};
  for (size_t i = first; i < 3; ++i) {
    weights.push_back(spec.kernel[i]);
    stride_.push_back(spec.stride[i]);
    padding_.push_back(spec.padding[i]);
    dilation_.push_back(spec.dilation[i] - 1);  // oneDNN counts the positions left out
  }
  // Of one row, any vertical stride means the same, but some of 2.6's kernels want both strides equal.
  if (!three_d && x[1] == 1 && spec.kernel[1] == 1 && spec.padding[1] == 0) stride_[0] = stride_[1];
  // A 3-D output of depth 1 has lost its depth axis; the memory is the same.
  const Shape y_full = three_d && y.rank() == 4 ? Shape{y[0], 1, y[1], y[2], y[3]} : y;
  src_ = map_desc(backend, x);
  dst_ = map_desc(backend, y_full);
  const bool bf16 = backend.precision() == Precision::bf16;
  weights_ = {weights, bf16 ? memory::data_type::bf16 : memory::data_type::f32, memory::format_tag::any};
  dweights_ = {weights, memory::data_type::f32, memory::format_tag::any};
  bias_ = {{y.back()}, memory::data_type::f32, memory::format_tag::a};

  const bool three_by_three = !three_d && spec.kernel == std::array{1, 3, 3} && spec.stride == std::array{1, 1, 1} &&
                              spec.padding == std::array{0, 1, 1} && !spec.dilated();
  const int64_t channels = std::min(x.back(), y.back());
  // Where Winograd is the faster: measured with oneDNN 2.6 on AVX-512. (Trying at run time would make results, and so
  // resumed trainings, depend on the machine's mood.)
  winograd_ = !bf16 && three_by_three && channels >= 32 && x[1] >= 3;
  winograd_weights_ = winograd_ && channels >= 96;
}

template <typename Make>
auto ConvPrimitives::with_algorithm(bool winograd, Make&& make) {
  if (winograd) {
    try {
      return make(algorithm::convolution_winograd);
    } catch (const dnnl::error&) {  // not in this library or not for this CPU
    }
  }
  try {
    return make(algorithm::convolution_direct);
  } catch (const dnnl::error& error) {
    throw std::runtime_error(fmt::format("[conv] oneDNN has no kernel for {}: {}", label_, error.what()));
  }
}

dnnl::convolution_forward::primitive_desc ConvPrimitives::describe_forward(algorithm how,
                                                                           const ForwardOptions& options) {
  dnnl::primitive_attr attr = user_scratchpad();
  dnnl::post_ops ops;
  if (options.residual) ops.append_sum(1.0f);
  if (options.relu) append_relu(ops);
  attr.set_post_ops(ops);
  const auto kind = options.inference ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  if (options.bias)
    return describe<dnnl::convolution_forward>(onednn_.engine(), attr, kind, how, src_, weights_, bias_, dst_, stride_,
                                               dilation_, padding_, padding_);
  return describe<dnnl::convolution_forward>(onednn_.engine(), attr, kind, how, src_, weights_, dst_, stride_,
                                             dilation_, padding_, padding_);
}

const ConvOperation& ConvPrimitives::forward(const ForwardOptions& options) {
  if (auto found = forward_.find(options); found != forward_.end()) return found->second;
  const auto pd = with_algorithm(winograd_, [&](algorithm how) { return describe_forward(how, options); });
  onednn_.note(label_ + " forward", pd.impl_info_str());
  return forward_
      .emplace(options, ConvOperation{dnnl::convolution_forward(pd), pd.src_desc(), pd.weights_desc(), pd.dst_desc(),
                                      pd.scratchpad_desc()})
      .first->second;
}

const ConvOperation& ConvPrimitives::backward_data() {
  if (backward_data_) return *backward_data_;
  const auto pd = with_algorithm(winograd_, [&](algorithm how) {
    return describe_backward<dnnl::convolution_backward_data>(onednn_.engine(), user_scratchpad(),
                                                              describe_forward(how, {}), how, src_, weights_, dst_,
                                                              stride_, dilation_, padding_, padding_);
  });
  onednn_.note(label_ + " backward data", pd.impl_info_str());
  backward_data_ = ConvOperation{dnnl::convolution_backward_data(pd), pd.diff_src_desc(), pd.weights_desc(),
                                 pd.diff_dst_desc(), pd.scratchpad_desc()};
  return *backward_data_;
}

const ConvOperation& ConvPrimitives::backward_weights(bool bias) {
  if (auto found = backward_weights_.find(bias); found != backward_weights_.end()) return found->second;
  using Operation = dnnl::convolution_backward_weights;
  const auto pd = with_algorithm(winograd_weights_, [&](algorithm how) {
    const auto hint = describe_forward(how, {.bias = bias});
    if (bias)
      return describe_backward<Operation>(onednn_.engine(), user_scratchpad(), hint, how, src_, dweights_, bias_, dst_,
                                          stride_, dilation_, padding_, padding_);
    return describe_backward<Operation>(onednn_.engine(), user_scratchpad(), hint, how, src_, dweights_, dst_, stride_,
                                        dilation_, padding_, padding_);
  });
  onednn_.note(label_ + " backward weights", pd.impl_info_str());
  return backward_weights_
      .emplace(bias, ConvOperation{Operation(pd), pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc(),
                                   pd.scratchpad_desc()})
      .first->second;
}

}  // namespace avsr::backend::cpu
