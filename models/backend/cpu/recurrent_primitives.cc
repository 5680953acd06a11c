#include "models/backend/cpu/recurrent_primitives.h"

namespace avsr::backend::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kF32 = memory::data_type::f32;
constexpr auto kDirection = dnnl::rnn_direction::unidirectional_left2right;

struct Descs {
  explicit Descs(const RecurrentSizes& s, memory::data_type type = kF32)
      : x({s.steps, s.batch, s.input}, type, Tag::tnc),
        y({s.steps, s.batch, s.hidden}, type, Tag::tnc),
        any_layer({1, 1, s.input, s.gates(), s.hidden}, type, Tag::any),
        any_iter({1, 1, s.hidden, s.gates(), s.hidden}, type, Tag::any),
        dweights_layer({1, 1, s.input, s.gates(), s.hidden}, kF32, Tag::ldigo),
        dweights_iter({1, 1, s.hidden, s.gates(), s.hidden}, kF32, Tag::ldigo),
        bias({1, 1, s.biases(), s.hidden}, kF32, Tag::ldgo),
        state({1, 1, s.batch, s.hidden}, type, Tag::ldnc),
        cells({1, 1, s.batch, s.hidden}, kF32, Tag::ldnc) {}
  memory::desc x, y, any_layer, any_iter, dweights_layer, dweights_iter, bias;
  memory::desc state, cells;  // before the first step; Note [Explicit first state]
  memory::desc none;
};

constexpr auto kForward = dnnl::prop_kind::forward_training;
constexpr auto kBackward = dnnl::prop_kind::backward;

auto lstm(OneDnn& onednn, const Descs& d) {
  return describe<dnnl::lstm_forward>(onednn.engine(), user_scratchpad(), kForward, kDirection, d.x, d.state, d.cells,
                                      d.any_layer, d.any_iter, d.bias, d.y, d.none, d.none);
}

auto gru(OneDnn& onednn, const Descs& d) {
  return describe<dnnl::lbr_gru_forward>(onednn.engine(), user_scratchpad(), kForward, kDirection, d.x, d.state,
                                         d.any_layer, d.any_iter, d.bias, d.y, d.none);
}

auto rnn(OneDnn& onednn, const Descs& d) {
  return describe<dnnl::vanilla_rnn_forward>(onednn.engine(), user_scratchpad(), kForward,
                                             dnnl::algorithm::eltwise_tanh, kDirection, d.x, d.state, d.any_layer,
                                             d.any_iter, d.bias, d.y, d.none);
}

template <typename Primitive, typename Description>
RecurrentForward forward_of(OneDnn& onednn, const Description& described, const Descs& d) {
  onednn.note("recurrent", described.impl_info_str());
  return {Primitive(described),
          described.weights_layer_desc(),
          described.weights_iter_desc(),
          d.bias,
          d.x,
          d.y,
          d.state,
          d.cells,
          described.workspace_desc(),
          described.scratchpad_desc()};
}

template <typename Primitive, typename Description>
RecurrentBackward backward_of(OneDnn& onednn, const Description& described, const Descs& d) {
  onednn.note("recurrent backward", described.impl_info_str());
  return {Primitive(described),
          described.weights_layer_desc(),
          described.weights_iter_desc(),
          described.scratchpad_desc(),
          d.dweights_layer,
          d.dweights_iter};
}

}  // namespace

RecurrentForward make_recurrent_forward(OneDnn& onednn, const RecurrentSizes& sizes, DType type) {
  const Descs d(sizes, type == DType::bf16 ? memory::data_type::bf16 : kF32);
  switch (sizes.cell) {
    case Cell::lstm:
      return forward_of<dnnl::lstm_forward>(onednn, lstm(onednn, d), d);
    case Cell::gru:
      return forward_of<dnnl::lbr_gru_forward>(onednn, gru(onednn, d), d);
    case Cell::rnn:
      break;
  }
  return forward_of<dnnl::vanilla_rnn_forward>(onednn, rnn(onednn, d), d);
}

RecurrentBackward make_recurrent_backward(OneDnn& onednn, const RecurrentSizes& sizes) {
  const Descs d(sizes);
  const dnnl::engine& engine = onednn.engine();
  const dnnl::primitive_attr attr = user_scratchpad();
  switch (sizes.cell) {
    case Cell::lstm:
      return backward_of<dnnl::lstm_backward>(
          onednn,
          describe_backward<dnnl::lstm_backward>(engine, attr, lstm(onednn, d), kBackward, kDirection, d.x, d.state,
                                                 d.state, d.any_layer, d.any_iter, d.bias, d.y, d.none, d.none, d.x,
                                                 d.state, d.state, d.dweights_layer, d.dweights_iter, d.bias, d.y,
                                                 d.none, d.none),
          d);
    case Cell::gru:
      return backward_of<dnnl::lbr_gru_backward>(
          onednn,
          describe_backward<dnnl::lbr_gru_backward>(engine, attr, gru(onednn, d), kBackward, kDirection, d.x, d.state,
                                                    d.any_layer, d.any_iter, d.bias, d.y, d.none, d.x, d.state,
                                                    d.dweights_layer, d.dweights_iter, d.bias, d.y, d.none),
          d);
    case Cell::rnn:
      break;
  }
  return backward_of<dnnl::vanilla_rnn_backward>(
      onednn,
      describe_backward<dnnl::vanilla_rnn_backward>(
          engine, attr, rnn(onednn, d), kBackward, dnnl::algorithm::eltwise_tanh, kDirection, d.x, d.state, d.any_layer,
          d.any_iter, d.bias, d.y, d.none, d.x, d.state, d.dweights_layer, d.dweights_iter, d.bias, d.y, d.none),
      d);
}

memory::desc stored_weights_desc(int64_t inputs, int64_t gates, int64_t hidden) {
  return {{1, 1, inputs, gates, hidden}, kF32, Tag::ldgoi};
}

}  // namespace avsr::backend::cpu
