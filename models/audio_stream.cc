#include "models/audio_stream.h"

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
constexpr int kMfccPerStep = 4;  // 10 ms windows in a step of 40 ms
}

AudioStream::AudioStream(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
                         const AudioConfig& config)
    : backend_(backend), config_(config), chain_(backend, arena, scratch) {
  if (mfcc()) return;
  // 5 ms windows every 0.25 ms.
  const backend::ConvSpec conv{.in_channels = 1,
                               .out_channels = config.frontend_width,
                               .kernel = {1, 1, 80},
                               .stride = {1, 1, 4},
                               .padding = {0, 0, 38}};
  chain_.add<layers::ConvBn>(backend, arena, "audio/frontend/conv", "audio/frontend/bn", conv,
                             layers::ConvBn::Options{.activation = config.activation});
  int width = config.frontend_width;
  for (size_t i = 0; i < config.widths.size(); ++i)
    for (int j = 0; j < config.blocks[i]; ++j) {
      chain_.add<layers::ResidualBlock>(
          backend, arena, fmt::format("audio/trunk/layer{}/{}", i + 1, j),
          layers::ResidualBlock::Shape{width, config.widths[i], i > 0 && j == 0 ? 2 : 1, 1, config.activation});
      width = config.widths[i];
    }
  const auto [kernel, stride, padding] = config.pool;
  chain_.add<layers::Pool>(
      backend, "audio/embed/pool",
      PoolSpec{.kind = PoolSpec::Kind::average, .kernel = {1, kernel}, .stride = {1, stride}, .padding = {0, padding}});
  chain_.add<layers::PackSteps>(backend);
  if (config.embedding > 0) chain_.add<layers::Linear>(backend, arena, "audio/embed/linear", width, config.embedding);
}

int AudioStream::width() const { return mfcc() ? kMfccPerStep * config_.mfcc_features : config_.features(); }

Lengths AudioStream::samples(const Inputs& inputs) const {
  const auto& shape = inputs.audio.shape;
  const bool right = !inputs.audio.empty() && inputs.audio.dtype == backend::DType::f32 &&
                     (mfcc() ? shape.rank() == 3 && shape[2] == config_.mfcc_features && shape[1] % kMfccPerStep == 0
                             : shape.rank() == 2);
  if (!right)
    throw std::invalid_argument(
        fmt::format("[audio] expected {}, got {}",
                    mfcc() ? fmt::format("MFCC (B, a multiple of {}, {})", kMfccPerStep, config_.mfcc_features)
                           : "a waveform (B, S)",
                    inputs.audio.empty() ? "nothing" : shape.text()));
  const size_t clips = static_cast<size_t>(shape[0]);
  if (inputs.samples.empty()) return Lengths(clips, static_cast<int>(shape[1]));
  if (inputs.samples.size() != clips)
    throw std::invalid_argument(fmt::format("[audio] expected {} lengths, got {}", clips, inputs.samples.size()));
  for (int n : inputs.samples)
    if (n < 1 || n > shape[1])
      throw std::invalid_argument(fmt::format("[audio] expected 1 to {} valid samples, got {}", shape[1], n));
  return inputs.samples;
}

Lengths AudioStream::steps(const Inputs& inputs) const {
  Lengths lengths = samples(inputs);
  if (!mfcc()) return chain_.out_lengths(lengths);
  for (int& n : lengths) {
    if (n < kMfccPerStep)
      throw std::invalid_argument(
          fmt::format("[audio] a clip of {} MFCC frames has no whole step of {}", n, kMfccPerStep));
    n /= kMfccPerStep;
  }
  return lengths;
}

void AudioStream::join_mfcc(const Inputs& inputs, const Lengths& steps) {
  const auto& shape = inputs.audio.shape;
  const Tensor joined = inputs.audio.reshaped({shape[0], shape[1] / kMfccPerStep, width()});
  embedding_ = valid_steps(backend_, joined, steps, packed_, padded_);
}

const Tensor& AudioStream::forward(const Inputs& inputs, const Lengths& steps, bool training,
                                   bool move_frozen_statistics) {
  steps_ = steps;
  if (mfcc()) {
    join_mfcc(inputs, steps);
    return embedding_;
  }
  const Lengths valid = samples(inputs);
  const int64_t clips = inputs.audio.shape[0], padded = inputs.audio.shape[1];
  Tensor x = inputs.audio.reshaped({clips, 1, padded, 1});
  const Lengths* lengths = nullptr;
  if (is_ragged(valid, padded)) {
    lengths = &valid;
    backend_.copy(x, masked_);  // the batch is the caller's
    backend_.mask(masked_, valid);
    x = masked_;
  }
  const bool infer = !training || (frozen() && !move_frozen_statistics);
  if (infer) chain_.infer(x, lengths, packed_);
  const Tensor& packed =
      infer ? packed_
            : chain_.forward(x, lengths, {.want_dx = false, .move_frozen_statistics = move_frozen_statistics});
  embedding_ = spread(backend_, packed, steps, padded_);
  return embedding_;
}

void AudioStream::backward(Tensor& dy) {
  if (mfcc()) return;
  Tensor d_packed = gather(backend_, dy, steps_, d_packed_);
  chain_.backward(d_packed, unused_);
}

}  // namespace avsr::models
