#include "models/video_stream.h"

#include <fmt/format.h>

#include <stdexcept>

#include "models/layers/conv_bn.h"
#include "models/layers/linear.h"
#include "models/layers/pool.h"
#include "models/layers/residual_block.h"
#include "models/layers/steps.h"
#include "models/step_layout.h"

namespace avsr::models {

using backend::Lengths;
using backend::PoolSpec;
using backend::Tensor;

namespace {

constexpr int kDepth = 5;  // frames that the first convolution sees

}  // namespace

VideoStream::VideoStream(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
                         const VideoConfig& config)
    : backend_(backend), config_(config), chain_(backend, arena, scratch) {
  if (dct()) return;
  // Conv3d k(5,7,7) p(2,3,3) over windows of 5 frames: no padding in depth is left.
  const backend::ConvSpec conv{.in_channels = 1,
                               .out_channels = config.frontend_width,
                               .kernel = {kDepth, 7, 7},
                               .stride = {1, 2, 2},
                               .padding = {0, 3, 3}};
  chain_.add<layers::ConvBn>(backend, arena, "video/frontend/conv", "video/frontend/bn", conv,
                             layers::ConvBn::Options{.activation = config.activation});
  chain_.add<layers::Pool>(
      backend, "video/frontend/pool",
      PoolSpec{.kind = PoolSpec::Kind::max, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  int width = config.frontend_width;
  for (size_t i = 0; i < config.widths.size(); ++i)
    for (int j = 0; j < config.blocks[i]; ++j) {
      chain_.add<layers::ResidualBlock>(
          backend, arena, fmt::format("video/trunk/layer{}/{}", i + 1, j),
          layers::ResidualBlock::Shape{width, config.widths[i], i > 0 && j == 0 ? 2 : 1, 2, config.activation});
      width = config.widths[i];
    }
  const std::array<int, 2> window = config.global_pooling ? std::array{0, 0} : std::array{2, 2};
  chain_.add<layers::Pool>(backend, "video/embed/pool",
                           PoolSpec{.kind = PoolSpec::Kind::average, .kernel = window, .stride = window});
  if (config.embedding > 0)
    chain_.add<layers::LinearBn>(backend, arena, "video/embed/linear", "video/embed/bn", width, config.embedding,
                                 false);
  else
    chain_.add<layers::PackSteps>(backend);  // each frame's map has become one step
}

void VideoStream::check_video(const Inputs& inputs) const {
  const auto& shape = inputs.video.shape;
  const std::string found = inputs.video.empty() ? "nothing" : shape.text();
  if (dct()) {
    if (inputs.video.empty() || shape.rank() != 3 || shape[2] != config_.features() ||
        inputs.video.dtype != backend::DType::f32)
      throw std::invalid_argument(
          fmt::format("[video] expected DCT features (B, T, {}), got {}", config_.features(), found));
    return;
  }
  if (inputs.video.empty() || shape.rank() != 4 || shape[2] != config_.crop || shape[3] != config_.crop ||
      inputs.video.dtype != backend::DType::u8)
    throw std::invalid_argument(fmt::format("[video] expected bytes (B, T, {0}, {0}), got {1}", config_.crop, found));
  const auto clips = static_cast<size_t>(shape[0]);
  if (inputs.video_scale.size() != clips || inputs.video_shift.size() != clips)
    throw std::invalid_argument(fmt::format("[video] expected a scale and a shift for each of {} clips, got {} and {}",
                                            clips, inputs.video_scale.size(), inputs.video_shift.size()));
}

Lengths VideoStream::steps(const Inputs& inputs) const {
  check_video(inputs);
  const auto& shape = inputs.video.shape;
  const auto clips = static_cast<size_t>(shape[0]);
  if (inputs.frames.empty()) return Lengths(clips, static_cast<int>(shape[1]));
  if (inputs.frames.size() != clips)
    throw std::invalid_argument(fmt::format("[video] expected {} lengths, got {}", clips, inputs.frames.size()));
  for (int n : inputs.frames)
    if (n < 1 || n > shape[1])
      throw std::invalid_argument(fmt::format("[video] expected 1 to {} valid frames, got {}", shape[1], n));
  return inputs.frames;
}

void VideoStream::windows(const Inputs& inputs, const Lengths& steps, size_t first, size_t last) {
  const Lengths lengths(steps.begin() + static_cast<int64_t>(first), steps.begin() + static_cast<int64_t>(last));
  const size_t clips = last - first;
  backend_.time_windows(rows_of(inputs.video, static_cast<int64_t>(first), static_cast<int64_t>(clips)),
                        std::span(inputs.video_scale).subspan(first, clips),
                        std::span(inputs.video_shift).subspan(first, clips), inputs.mean_image, lengths, kDepth,
                        windows_);
}

void VideoStream::infer_in_chunks(const Inputs& inputs, const Lengths& steps) {
  const int64_t most = backend_.images_at_once();
  int64_t row = 0;
  for (size_t first = 0; first < steps.size();) {
    size_t last = first + 1;
    int64_t frames = steps[first];
    while (last < steps.size() && frames + steps[last] <= most) frames += steps[last++];
    windows(inputs, steps, first, last);
    for (int64_t start = 0; start < frames; start += most) {  // more than one only for a single long clip
      const int64_t count = std::min(most, frames - start);
      chain_.infer(rows_of(windows_, start, count), nullptr, chunk_);
      backend_.resize(packed_, {total(steps), config_.features()}, chunk_.dtype);  // the same memory for every chunk
      Tensor target = rows_of(packed_, row + start, count);
      backend_.copy(chunk_, target);
    }
    row += frames;
    first = last;
  }
}

const Tensor& VideoStream::forward(const Inputs& inputs, const Lengths& steps, bool training,
                                   bool move_frozen_statistics) {
  steps_ = steps;
  if (dct()) {
    embedding_ = valid_steps(backend_, inputs.video, steps, packed_, padded_);
  } else if (!training || (frozen() && !move_frozen_statistics)) {
    infer_in_chunks(inputs, steps);
    embedding_ = spread(backend_, packed_, steps, padded_);
  } else {
    windows(inputs, steps, 0, steps.size());
    const Tensor& packed =
        chain_.forward(windows_, nullptr, {.want_dx = false, .move_frozen_statistics = move_frozen_statistics});
    embedding_ = spread(backend_, packed, steps, padded_);
  }
  return embedding_;
}

void VideoStream::backward(Tensor& dy) {
  if (dct()) return;
  Tensor d_packed = gather(backend_, dy, steps_, d_packed_);
  chain_.backward(d_packed, unused_);
}

}  // namespace avsr::models
