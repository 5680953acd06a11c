#include "models/stream_back_end.h"

#include <fmt/format.h>

#include <stdexcept>

namespace avsr::models {

using backend::Lengths;
using backend::Tensor;

layers::RecurrentStack::Options stack_options(const RecurrentConfig& c, int input) {
  return {c.cell, input, c.hidden, c.layers, c.input_dropout, c.hidden_dropout, c.forget_bias};
}

StreamBackEnd::StreamBackEnd(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
                             const std::string& stream, const NetworkConfig& config, int width)
    : backend_(backend), boundary_(config.word_boundary) {
  const int input = width + (boundary_ ? 1 : 0);
  const BackEnd kind = config.back_end_of(stream == "audio" ? Streams::audio : Streams::video);
  if (kind == BackEnd::ms_tcn) {
    const MsTcnConfig& c = config.ms_tcn;
    ms_tcn_.emplace(backend, arena, scratch, stream + "/ms_tcn",
                    layers::MsTcn::Options{input, c.branch_width, c.kernels, c.blocks, c.dropout, c.activation});
    width_ = ms_tcn_->width();
  } else if (kind == BackEnd::recurrent) {
    stack_.emplace(backend, arena, stream + "/recurrent", stack_options(config.recurrent, input));
    width_ = 2 * config.recurrent.hidden;
  } else {
    width_ = input;
  }
}

const Tensor& StreamBackEnd::forward(const Tensor& embedding, const Tensor& word_boundary, const Lengths* lengths,
                                     const Call& call) {
  want_dx_ = call.want_dx;
  const Tensor* x = &embedding;
  if (boundary_) {
    const backend::Shape expected{embedding.shape[0], embedding.shape[1], 1};
    if (word_boundary.empty() || word_boundary.shape != expected)
      throw std::invalid_argument(
          fmt::format("[network] expected a word boundary of shape {}, got {}: this network is told at each step "
                      "whether it lies in "
                      "the word",
                      expected.text(), word_boundary.empty() ? "nothing" : word_boundary.shape.text()));
    backend_.concatenate(embedding, word_boundary, joined_);
    x = &joined_;
  }
  if (ms_tcn_)
    return ms_tcn_->forward(*x, lengths, {call.training, call.want_dx, call.move_frozen_statistics, call.step_seed});
  return stack_ ? stack_->forward(*x, lengths, call.training, call.step_seed, call.want_dx) : *x;
}

Tensor& StreamBackEnd::backward(Tensor& dy) {
  Tensor& dx = boundary_ ? d_joined_ : d_embedding_;
  if (ms_tcn_)
    ms_tcn_->backward(dy, dx);
  else if (stack_)
    stack_->backward(dy, dx);
  else
    dx = dy;
  if (boundary_ && want_dx_) backend_.split(d_joined_, d_joined_.shape.back() - 1, d_embedding_, d_boundary_);
  return d_embedding_;
}

}  // namespace avsr::models
