// The multi-scale temporal convolutional network of Martinez et al. 2020, "Lipreading using temporal convolutional
// networks": a back-end that replaces recurrent layers.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "models/layers/conv_bn.h"
#include "models/layers/dropout.h"
#include "models/layers/linear.h"

namespace avsr::layers {

// One block of K branches, as the public code's non-causal variant:
//   h = dropout(concat of act(bn(conv_k(x))) over the branches), the same again on h, then act(h + shortcut(x)).
// Each convolution has its branch's kernel, the block's dilation, `branch_width` outputs and as much padding as keeps
// the number of steps; the shortcut is a linear layer at each step, always there. Paths:
// first/<k>/{conv,bn}, second/<k>/{conv,bn}, shortcut; PReLU's slopes are the batch norms' and the block's own.
//
// Different from the public code: no bias before a batch norm (it would have no effect); training statistics over the
// clip's own steps, not over the padding around them too.
class MsTcnBlock {
 public:
  struct Shape {
    int in_channels = 0, branch_width = 0, dilation = 1;
    std::vector<int> kernels;  // odd
    int out_channels() const { return branch_width * static_cast<int>(kernels.size()); }
  };
  MsTcnBlock(backend::Backend& backend, ParameterArena& arena, const std::string& path, const Shape& shape,
             float dropout, backend::Activation activation);

  bool frozen() const;
  // x: (B, 1, T, C), channels last and zero beyond lengths (pass.in; pass.out is the same). The result is
  // (B, 1, T, out), channels last, zero beyond lengths, and lives until the next call.
  const backend::Tensor& infer(const backend::Tensor& x, const Pass& pass);
  // keeps what backward needs; x must stay as it is until then. Drops where the block trains, keyed by step_seed.
  const backend::Tensor& forward(const backend::Tensor& x, const Pass& pass, uint64_t step_seed);
  // dy is overwritten; dx = (unless want_dx is false), channels last; gradients += .
  void backward(backend::Tensor& dy, bool want_dx, backend::Tensor& dx);
  void visit_outputs(const OutputVisitor& visit) const;  // of the branches, then of the block, by its path

 private:
  // Convolutions beside each other and the dropout behind them.
  struct Branches {
    Branches(backend::Backend& backend, ParameterArena& arena, const std::string& path, const Shape& shape, int in,
             float dropout_share, backend::Activation activation);
    bool frozen() const;
    std::string name;  // keys the dropout
    std::deque<ConvBn> convs;
    Dropout dropout;
    backend::Tensor joined, wider;
  };
  // What run(branch) gives for each branch, one beside the other, channels last.
  template <typename Run>
  const backend::Tensor& join(Branches& branches, const Run& run);
  const backend::Tensor& infer(Branches& branches, const backend::Tensor& x, const Pass& pass);
  const backend::Tensor& forward(Branches& branches, const backend::Tensor& x, const Pass& pass, uint64_t step_seed);
  void backward(Branches& branches, backend::Tensor& dy, bool want_dx, backend::Tensor& dx);
  // y_ = act(joined + shortcut(x)).
  const backend::Tensor& add_shortcut(const backend::Tensor& x, const backend::Tensor& joined, const Pass& pass);

  backend::Backend& backend_;
  std::string path_;
  int branch_width_;
  const backend::Lengths* lengths_ = nullptr;
  Branches first_, second_;
  Linear shortcut_;
  std::optional<Activation> activation_;  // behind the sum, where it is no ReLU
  backend::Tensor sum_, y_, plain_, branch_y_;
  backend::Tensor d_y_, d_branch_, d_even_, d_odd_, d_sum_, d_part_, d_hidden_, d_shortcut_;
};

// Blocks one after the other, the dilation doubling from 1: <path>/block<i>/… .
class MsTcn {
 public:
  struct Options {
    int input = 0;         // D
    int branch_width = 0;  // of each kernel
    std::vector<int> kernels;
    int blocks = 4;
    float dropout = 0;
    backend::Activation activation = backend::Activation::relu;
  };
  MsTcn(backend::Backend& backend, ParameterArena& arena, Scratch& scratch, const std::string& path,
        const Options& options);

  bool frozen() const;
  int width() const { return width_; }
  // x: (B, T, D), zero beyond lengths (null: all steps valid), must stay as it is until backward. Blocks that are not
  // frozen drop, keyed by step_seed; frozen ones run as in inference, unless move_frozen_statistics. want_dx: backward
  // will be asked for dx. The result (B, T, width()) lives until the next forward and is zero beyond lengths.
  struct Call {
    bool training = false, want_dx = false, move_frozen_statistics = false;
    uint64_t step_seed = 0;
  };
  const backend::Tensor& forward(const backend::Tensor& x, const backend::Lengths* lengths, const Call& call);
  // dx = (with want_dx); gradients += ; stops at the lowest block that trains. dy may be overwritten.
  void backward(backend::Tensor& dy, backend::Tensor& dx);
  // Of the blocks that the last forward did not run as in inference.
  void visit_outputs(const OutputVisitor& visit) const;

 private:
  Scratch& scratch_;
  int width_ = 0;
  std::deque<MsTcnBlock> blocks_;
  backend::Lengths lengths_;
  bool want_dx_ = false;
  size_t first_kept_ = 0, first_run_ = 0;
  backend::Tensor x_, y_, dy_, ping_, pong_;
};

}  // namespace avsr::layers
