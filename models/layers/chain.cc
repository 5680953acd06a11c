#include "models/layers/chain.h"

#include <algorithm>

namespace avsr::layers {

using backend::Lengths;
using backend::Tensor;

bool Chain::frozen() const { return lowest_trainable() == layers_.size(); }

size_t Chain::lowest_trainable() const {
  const auto lowest = std::find_if(layers_.begin(), layers_.end(), [](const auto& l) { return !l->frozen(); });
  return static_cast<size_t>(lowest - layers_.begin());
}

Lengths Chain::out_lengths(Lengths lengths) const {
  for (const auto& layer : layers_) lengths = layer->out_lengths(lengths);
  return lengths;
}

void Chain::propagate(const Lengths* lengths) {
  lengths_.clear();
  if (!lengths) return;
  lengths_.push_back(*lengths);
  for (const auto& layer : layers_) lengths_.push_back(layer->out_lengths(lengths_.back()));
}

Pass Chain::pass(size_t layer) const {
  Pass p{.move_frozen_statistics = options_.move_frozen_statistics, .scratch = &scratch_};
  if (!lengths_.empty()) {
    p.in = &lengths_[layer];
    p.out = &lengths_[layer + 1];
  }
  return p;
}

// Runs the layers [0, last); the result is in the returned one of the two scratch tensors.
Tensor* Chain::run_inference(const Tensor& x, size_t last) {
  Tensor *from = &x_, *to = &scratch_.ping;
  x_ = x;
  for (size_t i = 0; i < last; ++i) {
    Pass p = pass(i);
    p.keep_x = i == 0;
    layers_[i]->infer(*from, p, *to);
    from = to;
    to = to == &scratch_.ping ? &scratch_.pong : &scratch_.ping;
  }
  return from;
}

void Chain::infer(const Tensor& x, const Lengths* lengths, Tensor& y) {
  propagate(lengths);
  first_run_ = layers_.size();
  backend_.copy(*run_inference(x, layers_.size()), y);
}

const Tensor& Chain::forward(const Tensor& x, const Lengths* lengths, Options options) {
  options_ = options;
  propagate(lengths);
  first_kept_ = options.want_dx ? 0 : lowest_trainable();
  first_run_ = options.move_frozen_statistics ? 0 : first_kept_;
  const Tensor* y = &x;
  if (first_run_ > 0) {
    // Out of the scratch: the first layer that trains reads its input again in backward.
    std::swap(frozen_out_, *run_inference(x, first_run_));
    y = &frozen_out_;
  }
  for (size_t i = first_run_; i < layers_.size(); ++i) y = &layers_[i]->forward(*y, pass(i));
  return *y;
}

void Chain::visit_outputs(const OutputVisitor& visit) const {
  for (size_t i = first_run_; i < layers_.size(); ++i) layers_[i]->visit_outputs(visit);
}

void Chain::backward(Tensor& dy, Tensor& dx) {
  Tensor *from = &dy, *to = &scratch_.ping;
  for (size_t i = layers_.size(); i-- > first_kept_;) {
    const bool last = i == first_kept_;
    layers_[i]->backward(*from, !last || options_.want_dx, last ? dx : *to);
    arena_.gradients_final(parameters_[i].first, parameters_[i].second);
    from = to;
    to = to == &scratch_.ping ? &scratch_.pong : &scratch_.ping;
  }
}

}  // namespace avsr::layers
