#include "models/layers/ms_tcn.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/layers/recurrent_stack.h"

namespace avsr::layers {

using backend::Lengths;
using backend::Tensor;

MsTcnBlock::Branches::Branches(backend::Backend& backend, ParameterArena& arena, const std::string& path,
                               const Shape& shape, int in, float dropout_share, backend::Activation activation)
    : name(path), dropout(backend, dropout_share) {
  for (size_t k = 0; k < shape.kernels.size(); ++k) {
    const int kernel = shape.kernels[k];
    const backend::ConvSpec spec{.in_channels = in,
                                 .out_channels = shape.branch_width,
                                 .kernel = {1, 1, kernel},
                                 .padding = {0, 0, shape.dilation * (kernel - 1) / 2},
                                 .dilation = {1, 1, shape.dilation}};
    convs.emplace_back(backend, arena, fmt::format("{}/{}/conv", path, k), fmt::format("{}/{}/bn", path, k), spec,
                       ConvBn::Options{.activation = activation});
  }
}

bool MsTcnBlock::Branches::frozen() const {
  return std::all_of(convs.begin(), convs.end(), [](const ConvBn& conv) { return conv.frozen(); });
}

MsTcnBlock::MsTcnBlock(backend::Backend& backend, ParameterArena& arena, const std::string& path, const Shape& shape,
                       float dropout, backend::Activation activation)
    : backend_(backend),
      path_(path),
      branch_width_(shape.branch_width),
      first_(backend, arena, path + "/first", shape, shape.in_channels, dropout, activation),
      second_(backend, arena, path + "/second", shape, shape.out_channels(), dropout, activation),
      shortcut_(backend, arena, path + "/shortcut", shape.in_channels, shape.out_channels()) {
  if (Activation::stands_alone(activation)) activation_.emplace(backend, arena, path, activation, shape.out_channels());
}

bool MsTcnBlock::frozen() const {
  return first_.frozen() && second_.frozen() && shortcut_.frozen() && (!activation_ || activation_->frozen());
}

template <typename Run>
const Tensor& MsTcnBlock::join(Branches& branches, const Run& run) {
  for (size_t k = 0; k < branches.convs.size(); ++k) {
    const Tensor& y = run(branches.convs[k]);
    if (k == 0) {
      backend_.to_channels_last(y, branches.joined);
      continue;
    }
    backend_.to_channels_last(y, plain_);
    backend_.concatenate(branches.joined, plain_, branches.wider);
    std::swap(branches.joined, branches.wider);
  }
  return branches.joined;
}

const Tensor& MsTcnBlock::infer(Branches& branches, const Tensor& x, const Pass& pass) {
  return join(branches, [&](ConvBn& conv) -> const Tensor& {
    conv.infer(x, {}, pass, branch_y_);
    return branch_y_;
  });
}

const Tensor& MsTcnBlock::forward(Branches& branches, const Tensor& x, const Pass& pass, uint64_t step_seed) {
  const Tensor& joined = join(branches, [&](ConvBn& conv) -> const Tensor& { return conv.forward(x, pass); });
  return branches.dropout.forward(joined, !frozen(), dropout_seed(step_seed, branches.name));
}

const Tensor& MsTcnBlock::add_shortcut(const Tensor& x, const Tensor& joined, const Pass& pass) {
  lengths_ = pass.out;
  sum_ = shortcut_.forward(x, pass).reshaped(joined.shape);
  backend_.add(joined, sum_);
  if (activation_) {
    activation_->forward(sum_, y_);
  } else {
    backend_.relu(sum_);
    y_ = sum_;
  }
  if (pass.out) backend_.mask(y_, *pass.out);
  return y_;
}

const Tensor& MsTcnBlock::infer(const Tensor& x, const Pass& pass) {
  return add_shortcut(x, infer(second_, infer(first_, x, pass), pass), pass);
}

const Tensor& MsTcnBlock::forward(const Tensor& x, const Pass& pass, uint64_t step_seed) {
  return add_shortcut(x, forward(second_, forward(first_, x, pass, step_seed), pass, step_seed), pass);
}

void MsTcnBlock::visit_outputs(const OutputVisitor& visit) const {
  for (const Branches* branches : {&first_, &second_})
    for (const ConvBn& conv : branches->convs) conv.visit_outputs(visit);
  visit({path_, &y_, lengths_, !activation_});
}

void MsTcnBlock::backward(Branches& branches, Tensor& dy, bool want_dx, Tensor& dx) {
  branches.dropout.backward(dy);
  Tensor rest = dy;
  for (size_t k = 0; k < branches.convs.size(); ++k) {
    const bool last = k + 1 == branches.convs.size();
    if (!last) {
      Tensor& remainder = k % 2 == 0 ? d_even_ : d_odd_;
      backend_.split(rest, branch_width_, d_branch_, remainder);
      rest = remainder;
    }
    branches.convs[k].backward(last ? rest : d_branch_, want_dx, k == 0 ? d_sum_ : d_part_);
    if (want_dx && k > 0) backend_.add(d_part_, d_sum_);
  }
  if (want_dx) backend_.to_channels_last(d_sum_, dx);
}

void MsTcnBlock::backward(Tensor& d_out, bool want_dx, Tensor& dx) {
  if (activation_) {
    if (lengths_) backend_.mask(d_out, *lengths_);  // the sum is not zero there; a ReLU's output is
    activation_->backward(d_out, d_y_);
  } else {
    backend_.relu_backward(y_, d_out);
  }
  Tensor& dy = activation_ ? d_y_ : d_out;
  Tensor rows = dy.reshaped({dy.shape.count() / dy.shape.back(), dy.shape.back()});
  shortcut_.backward(rows, want_dx, d_shortcut_);
  const bool below = want_dx || !first_.frozen();
  backward(second_, dy, below, d_hidden_);
  if (!below) return;
  backward(first_, d_hidden_, want_dx, dx);
  if (want_dx) backend_.add(d_shortcut_.reshaped(dx.shape), dx);
}

MsTcn::MsTcn(backend::Backend& backend, ParameterArena& arena, Scratch& scratch, const std::string& path,
             const Options& options)
    : scratch_(scratch), width_(options.branch_width * static_cast<int>(options.kernels.size())) {
  for (int i = 0; i < options.blocks; ++i)
    blocks_.emplace_back(
        backend, arena, fmt::format("{}/block{}", path, i),
        MsTcnBlock::Shape{i == 0 ? options.input : width_, options.branch_width, 1 << i, options.kernels},
        options.dropout, options.activation);
}

bool MsTcn::frozen() const {
  return std::all_of(blocks_.begin(), blocks_.end(), [](const MsTcnBlock& block) { return block.frozen(); });
}

const Tensor& MsTcn::forward(const Tensor& x, const Lengths* lengths, const Call& call) {
  Pass pass{.move_frozen_statistics = call.move_frozen_statistics, .scratch = &scratch_};
  if (lengths) {
    lengths_ = *lengths;
    pass.in = pass.out = &lengths_;
  }
  want_dx_ = call.want_dx;
  const auto lowest = std::find_if(blocks_.begin(), blocks_.end(), [](const auto& block) { return !block.frozen(); });
  first_kept_ = want_dx_ ? 0 : static_cast<size_t>(lowest - blocks_.begin());
  first_run_ = !call.training ? blocks_.size() : call.move_frozen_statistics ? 0 : first_kept_;
  x_ = x.reshaped({x.shape[0], 1, x.shape[1], x.shape[2]});
  const Tensor* y = &x_;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    y = i >= first_run_ ? &blocks_[i].forward(*y, pass, call.step_seed) : &blocks_[i].infer(*y, pass);
  }
  y_ = y->reshaped({x.shape[0], x.shape[1], width_});
  return y_;
}

void MsTcn::visit_outputs(const OutputVisitor& visit) const {
  for (size_t i = first_run_; i < blocks_.size(); ++i) blocks_[i].visit_outputs(visit);
}

void MsTcn::backward(Tensor& dy, Tensor& dx) {
  dy_ = dy.reshaped({dy.shape[0], 1, dy.shape[1], dy.shape[2]});
  Tensor *from = &dy_, *to = &ping_;
  for (size_t i = blocks_.size(); i-- > first_kept_;) {
    const bool last = i == first_kept_;
    blocks_[i].backward(*from, !last || want_dx_, last ? dx : *to);
    from = to;
    to = to == &ping_ ? &pong_ : &ping_;
  }
  if (want_dx_) dx = dx.reshaped({dx.shape[0], dx.shape[2], dx.shape[3]});
}

}  // namespace avsr::layers
