#include "models/layers/recurrent_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace avsr::layers {

using backend::DirectionParameters;
using backend::Lengths;
using backend::Tensor;

uint64_t dropout_seed(uint64_t step_seed, const std::string& name) {
  uint64_t h = step_seed ^ 0xcbf29ce484222325ULL;
  for (unsigned char c : name) h = (h ^ c) * 0x100000001b3ULL;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

RecurrentStack::RecurrentStack(backend::Backend& backend, ParameterArena& arena, const std::string& path,
                               Options options)
    : backend_(backend), arena_(arena) {
  const Init init{Init::Kind::uniform, 1 / std::sqrt(static_cast<float>(options.hidden))};
  Init bias_init = init;
  if (options.cell == backend::Cell::lstm) bias_init.forget = options.forget_bias;
  const int64_t gates = int64_t{backend::gates_of(options.cell)} * options.hidden;
  for (int i = 0; i < options.layers; ++i) {
    OneLayer& layer = layers_.emplace_back();
    const int input = i == 0 ? options.input : 2 * options.hidden;
    layer.path = fmt::format("{}/layer{}", path, i);
    layer.spec = {options.cell, input, options.hidden};
    layer.dropout = i == 0 ? options.input_dropout : options.hidden_dropout;
    for (size_t d = 0; d < 2; ++d) {
      const std::string base = fmt::format("{}/{}/", layer.path, d == 0 ? "forward" : "backward");
      layer.parameters[d] = {arena.declare(base + "w_ih", {gates, input}, init),
                             arena.declare(base + "w_hh", {gates, options.hidden}, init),
                             arena.declare(base + "b_ih", {gates}, bias_init),
                             arena.declare(base + "b_hh", {gates}, init)};
    }
  }
}

bool RecurrentStack::OneLayer::frozen() const {
  for (const auto& direction : parameters)
    for (const Parameter* p : direction)
      if (!p->frozen) return false;
  return true;
}

std::array<DirectionParameters, 2> RecurrentStack::OneLayer::values() const {
  std::array<DirectionParameters, 2> v;
  for (size_t d = 0; d < 2; ++d) {
    const auto& p = parameters[d];
    v[d] = {p[0]->value, p[1]->value, p[2]->value, p[3]->value};
  }
  return v;
}

std::array<DirectionParameters, 2> RecurrentStack::OneLayer::gradients() const {
  std::array<DirectionParameters, 2> g;
  for (size_t d = 0; d < 2; ++d) {
    const auto& p = parameters[d];
    g[d] = {p[0]->gradient, p[1]->gradient, p[2]->gradient, p[3]->gradient};
  }
  return g;
}

bool RecurrentStack::frozen() const {
  return std::all_of(layers_.begin(), layers_.end(), [](const OneLayer& l) { return l.frozen(); });
}

const Tensor& RecurrentStack::run_layer(OneLayer& layer, const Tensor& x, bool keep, bool drop, uint64_t seed) {
  layer.dropped = drop && layer.dropout > 0;
  layer.seed = seed;
  layer.x = x;
  if (layer.dropped) {
    backend_.dropout(x, layer.dropout, seed, layer.dropped_x);
    layer.x = layer.dropped_x;
  }
  const auto kernel = backend_.recurrent(layer.spec, x.shape[0], x.shape[1]);
  const Lengths* lengths = ragged_ ? &lengths_ : nullptr;
  if (keep)
    kernel->forward(layer.x, layer.values(), lengths, layer.saved, layer.y);
  else
    kernel->infer(layer.x, packed_for(layer, *kernel), lengths, layer.y);
  return layer.y;
}

// Two forms: of full batches and of the remainder. More would be dear, as recurrent weights are large.
const Tensor& RecurrentStack::packed_for(OneLayer& layer, backend::Recurrent& kernel) {
  auto& [latest, other] = layer.packed;
  if (!arena_.still_holds(layer.packed_version, layer.frozen())) {
    latest.shape = other.shape = {};
    layer.packed_version = arena_.version();
  }
  if (latest.shape != layer.x.shape) std::swap(latest, other);
  if (latest.shape != layer.x.shape) {
    kernel.pack(layer.values(), latest.weights);
    latest.shape = layer.x.shape;
  }
  return latest.weights;
}

const Tensor& RecurrentStack::forward(const Tensor& x, const Lengths* lengths, bool training, uint64_t step_seed,
                                      bool want_dx) {
  ragged_ = lengths != nullptr;
  if (ragged_) lengths_ = *lengths;
  want_dx_ = want_dx;
  const auto lowest = std::find_if(layers_.begin(), layers_.end(), [](const OneLayer& l) { return !l.frozen(); });
  first_kept_ = want_dx ? 0 : static_cast<size_t>(lowest - layers_.begin());
  const Tensor* y = &x;
  for (size_t i = 0; i < layers_.size(); ++i) {
    OneLayer& layer = layers_[i];
    const std::string name = layer.parameters[0][0]->name;
    y = &run_layer(layer, *y, training && i >= first_kept_, training && !layer.frozen(), dropout_seed(step_seed, name));
  }
  return *y;
}

void RecurrentStack::visit_outputs(const OutputVisitor& visit) const {
  for (const OneLayer& layer : layers_) visit({layer.path, &layer.y, ragged_ ? &lengths_ : nullptr});
}

void RecurrentStack::backward(Tensor& dy, Tensor& dx) {
  Tensor *from = &dy, *to = &ping_;
  for (size_t i = layers_.size(); i-- > first_kept_;) {
    OneLayer& layer = layers_[i];
    const bool last = i == first_kept_;
    Tensor& out = last && want_dx_ ? dx : *to;
    auto gradients = layer.gradients();
    backend_.recurrent(layer.spec, layer.x.shape[0], layer.x.shape[1])
        ->backward(layer.x, layer.y, *from, layer.values(), ragged_ ? &lengths_ : nullptr, layer.saved, out, gradients);
    if (layer.dropped && (!last || want_dx_)) {
      const Tensor in_place = out;
      backend_.dropout(in_place, layer.dropout, layer.seed, out);
    }
    from = &out;
    to = to == &ping_ ? &pong_ : &ping_;
  }
}

}  // namespace avsr::layers
