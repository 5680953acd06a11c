// What reads one stream's embedding over time: recurrent layers, an MS-TCN or nothing, told or not where the word is.
#pragma once

#include <optional>
#include <string>

#include "models/layers/ms_tcn.h"
#include "models/layers/recurrent_stack.h"
#include "models/network_config.h"

namespace avsr::models {

layers::RecurrentStack::Options stack_options(const RecurrentConfig& config, int input);

// Parameters: <stream>/recurrent/… or <stream>/ms_tcn/… . With BackEnd::none the features are the embedding (and the
// word boundary beside it).
class StreamBackEnd {
 public:
  // width: E of the embedding.
  StreamBackEnd(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
                const std::string& stream, const NetworkConfig& config, int width);

  int width() const { return width_; }  // D of the features
  bool frozen() const { return (!ms_tcn_ || ms_tcn_->frozen()) && (!stack_ || stack_->frozen()); }

  struct Call {
    bool training = false, want_dx = false, move_frozen_statistics = false;
    uint64_t step_seed = 0;
  };
  // embedding: (B, T, E), zero beyond lengths (null: all steps valid); it stays as it is until backward. word_boundary:
  // (B, T, 1), read where the network has that input; throws std::invalid_argument when its shape is another. The
  // result (B, T, D) lives until the next forward, as the embedding does, and is zero beyond lengths.
  const backend::Tensor& forward(const backend::Tensor& embedding, const backend::Tensor& word_boundary,
                                 const backend::Lengths* lengths, const Call& call);
  // Gradients += ; the result: of the embedding, where it was asked for. dy may be overwritten.
  backend::Tensor& backward(backend::Tensor& dy);
  void visit_outputs(const layers::OutputVisitor& visit) const {
    if (ms_tcn_) ms_tcn_->visit_outputs(visit);
    if (stack_) stack_->visit_outputs(visit);
  }

 private:
  backend::Backend& backend_;
  int width_ = 0;
  bool boundary_, want_dx_ = false;
  std::optional<layers::RecurrentStack> stack_;
  std::optional<layers::MsTcn> ms_tcn_;
  backend::Tensor joined_, d_joined_, d_embedding_, d_boundary_;
};

}  // namespace avsr::models
