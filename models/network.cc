#include "models/network.h"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>

#include "models/audio_stream.h"
#include "models/layers/dropout.h"
#include "models/layers/linear.h"
#include "models/layers/recurrent_stack.h"
#include "models/layers/temporal_conv.h"
#include "models/step_layout.h"
#include "models/video_stream.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Tensor;
using layers::RecurrentStack;

RecurrentStack::Options stack_options(const RecurrentConfig& c, int input) {
  return {c.cell, input, c.hidden, c.layers, c.input_dropout, c.hidden_dropout, c.forget_bias};
}

// Recurrent layers over one stream's embedding.
struct StreamRecurrent {
  std::optional<RecurrentStack> stack;
  Tensor d_embedding;
};

class AvsrNetwork final : public Network {
 public:
  AvsrNetwork(backend::Backend& backend, const NetworkConfig& config) : Network(config), backend_(backend) {
    if (config.streams != Streams::audio) video_.emplace(backend, arena_, scratch_, config.video);
    if (video_) build_back_end("video", config.video.embedding, video_recurrent_);
    if (config.streams != Streams::video) audio_.emplace(backend, arena_, scratch_, config.audio);
    if (audio_) build_back_end("audio", audio_->width(), audio_recurrent_);
    if (audiovisual()) {
      fusion_.emplace(backend, arena_, "fusion/recurrent", stack_options(config.fusion, 4 * config.recurrent.hidden));
      build_head("fusion", config.fusion);
    }
  }

  const Tensor& forward(const Inputs& inputs, Mode mode, uint64_t step_seed, Lengths& steps) override;
  void backward(const Tensor& dlogits) override;
  const Tensor& features(const std::string& part) const override;

 private:
  bool audiovisual() const { return config_.streams == Streams::audiovisual; }
  void build_back_end(const std::string& stream, int width, StreamRecurrent& recurrent);
  void build_head(const std::string& path, const RecurrentConfig& recurrent);
  Lengths common_steps(const Inputs& inputs) const;
  void forward_temporal_conv(const Tensor& embedding, const Lengths& steps, bool training, bool move);
  const Tensor& forward_recurrent(RecurrentStack& stack, const Tensor& x, bool training, uint64_t seed, bool below);
  void forward_head(const Tensor& x, bool training, uint64_t seed, bool below);
  template <typename Stream>
  void backward_stream(Stream& stream, StreamRecurrent& recurrent, Tensor& dy);

  backend::Backend& backend_;
  layers::Scratch scratch_;
  std::optional<VideoStream> video_;
  std::optional<AudioStream> audio_;
  StreamRecurrent video_recurrent_, audio_recurrent_;
  std::optional<RecurrentStack> fusion_;
  std::optional<layers::Chain> temporal_conv_;
  std::optional<layers::Dropout> head_dropout_;
  std::optional<layers::Linear> head_;

  Lengths steps_;
  bool ragged_ = false;
  bool below_head_ = false;                           // something under the head trains
  bool video_trains_ = false, audio_trains_ = false;  // the stream, its recurrent layers included
  Tensor video_embedding_, audio_embedding_, video_features_, audio_features_, fused_, fusion_features_;
  Tensor logits_, d_features_, d_fused_, d_video_, d_audio_, d_embedding_;
};

void AvsrNetwork::build_back_end(const std::string& stream, int width, StreamRecurrent& recurrent) {
  if (config_.back_end == BackEnd::temporal_conv) {
    temporal_conv_.emplace(backend_, scratch_);
    layers::add_temporal_conv(*temporal_conv_, backend_, arena_, stream + "/temporal_conv", width, config_.labels);
    return;
  }
  recurrent.stack.emplace(backend_, arena_, stream + "/recurrent", stack_options(config_.recurrent, width));
  if (!audiovisual()) build_head(stream, config_.recurrent);
}

void AvsrNetwork::build_head(const std::string& path, const RecurrentConfig& recurrent) {
  head_dropout_.emplace(backend_, recurrent.hidden_dropout);
  head_.emplace(backend_, arena_, path + "/head", 2 * recurrent.hidden, config_.labels);
}

Lengths AvsrNetwork::common_steps(const Inputs& inputs) const {
  if (!audio_) return video_->steps(inputs);
  const Lengths audio = audio_->steps(inputs);
  if (!video_) return audio;
  const Lengths video = video_->steps(inputs);
  if (audio.size() != video.size())
    throw std::invalid_argument(
        fmt::format("[network] {} clips of video, {} of audio in one batch", video.size(), audio.size()));
  for (size_t b = 0; b < video.size(); ++b)
    if (video[b] != audio[b])
      throw std::invalid_argument(fmt::format(
          "[network] clip {}: {} frames of video, but its sound gives {} steps of 40 ms; cut or pad the sound to 640 "
          "samples a frame",
          b, video[b], audio[b]));
  return video;
}

const Tensor& AvsrNetwork::forward_recurrent(RecurrentStack& stack, const Tensor& x, bool training, uint64_t seed,
                                             bool below) {
  return stack.forward(x, ragged_ ? &steps_ : nullptr, training, seed, training && below);
}

void AvsrNetwork::forward_head(const Tensor& x, bool training, uint64_t seed, bool below) {
  below_head_ = below;
  const bool drop = training && !head_->frozen();
  const Tensor& dropped = head_dropout_->forward(x, drop, layers::dropout_seed(seed, "head"));
  const Tensor& y = head_->forward(dropped, {.scratch = &scratch_});
  logits_ = y.reshaped({x.shape[0], x.shape[1], config_.labels});
  if (ragged_) backend_.mask(logits_, steps_);
}

void AvsrNetwork::forward_temporal_conv(const Tensor& embedding, const Lengths& steps, bool training, bool move) {
  for (int n : steps)
    if (n < layers::kTemporalConvSteps)
      throw std::invalid_argument(fmt::format("[temporal_conv] expected clips of {} steps or more, got one of {}",
                                              layers::kTemporalConvSteps, n));
  const auto& s = embedding.shape;
  const Tensor x = embedding.reshaped({s[0], 1, s[1], s[2]});
  below_head_ = video_trains_ || audio_trains_;
  const Lengths* lengths = ragged_ ? &steps : nullptr;
  if (training) {
    const Tensor& y = temporal_conv_->forward(x, lengths, {.want_dx = below_head_, .move_frozen_statistics = move});
    logits_ = y.reshaped({s[0], 1, config_.labels});
  } else {
    temporal_conv_->infer(x, lengths, fused_);
    logits_ = fused_.reshaped({s[0], 1, config_.labels});
  }
}

const Tensor& AvsrNetwork::forward(const Inputs& inputs, Mode mode, uint64_t step_seed, Lengths& steps) {
  const bool training = mode == Mode::training;
  const bool move = training && statistics_move_;
  steps_ = common_steps(inputs);
  ragged_ = is_ragged(steps_, longest(steps_));
  video_trains_ = training && video_ && !video_->frozen();
  audio_trains_ = training && audio_ && !audio_->frozen();
  if (video_) video_embedding_ = video_->forward(inputs, steps_, training, move);
  if (audio_) audio_embedding_ = audio_->forward(inputs, steps_, training, move);
  if (temporal_conv_) {
    forward_temporal_conv(video_ ? video_embedding_ : audio_embedding_, steps_, training, move);
  } else {
    if (video_) {
      video_features_ =
          forward_recurrent(*video_recurrent_.stack, video_embedding_, training, step_seed, video_trains_);
      video_trains_ = video_trains_ || (training && !video_recurrent_.stack->frozen());
    }
    if (audio_) {
      audio_features_ =
          forward_recurrent(*audio_recurrent_.stack, audio_embedding_, training, step_seed, audio_trains_);
      audio_trains_ = audio_trains_ || (training && !audio_recurrent_.stack->frozen());
    }
    const bool below = video_trains_ || audio_trains_;
    if (audiovisual()) {
      const int64_t clips = video_features_.shape[0], frames = video_features_.shape[1], rows = clips * frames;
      backend_.concatenate(video_features_.reshaped({rows, video_features_.shape[2]}),
                           audio_features_.reshaped({rows, audio_features_.shape[2]}), fused_);
      fused_ = fused_.reshaped({clips, frames, fused_.shape.back()});
      fusion_features_ = forward_recurrent(*fusion_, fused_, training, step_seed, below);
      forward_head(fusion_features_, training, step_seed, below || !fusion_->frozen());
    } else {
      forward_head(video_ ? video_features_ : audio_features_, training, step_seed, below);
    }
  }
  if (move)
    arena_.touch();
  else if (training)
    arena_.touch_trainable();
  steps = temporal_conv_ ? Lengths(steps_.size(), 1) : steps_;
  return logits_;
}

template <typename Stream>
void AvsrNetwork::backward_stream(Stream& stream, StreamRecurrent& recurrent, Tensor& dy) {
  recurrent.stack->backward(dy, recurrent.d_embedding);
  if (!stream.frozen()) stream.backward(recurrent.d_embedding);
}

void AvsrNetwork::backward(const Tensor& dlogits) {
  Tensor dy = dlogits;  // a handle: the first layer below does not write it
  if (temporal_conv_) {
    dy = dlogits.reshaped({dlogits.shape[0], config_.labels});
    temporal_conv_->backward(dy, d_embedding_);
    if (!below_head_) return;
    const auto& s = d_embedding_.shape;
    Tensor d = d_embedding_.layout == backend::Layout::kChannelsLast ? d_embedding_ : Tensor{};
    if (d.empty()) {
      backend_.to_channels_last(d_embedding_, d_features_);
      d = d_features_;
    }
    d = d.reshaped({s[0], s[2], s[3]});
    video_ ? video_->backward(d) : audio_->backward(d);
    return;
  }
  dy = dlogits.reshaped({dlogits.shape.count() / config_.labels, config_.labels});
  head_->backward(dy, below_head_, d_features_);
  if (!below_head_) return;
  head_dropout_->backward(d_features_);
  if (!audiovisual()) {
    video_ ? backward_stream(*video_, video_recurrent_, d_features_)
           : backward_stream(*audio_, audio_recurrent_, d_features_);
    return;
  }
  fusion_->backward(d_features_, d_fused_);
  if (!video_trains_ && !audio_trains_) return;
  const auto& s = d_fused_.shape;
  const int64_t width = s[2] / 2, rows = s[0] * s[1];
  backend_.split(d_fused_.reshaped({rows, s[2]}), width, d_video_, d_audio_);
  d_video_ = d_video_.reshaped({s[0], s[1], width});
  d_audio_ = d_audio_.reshaped({s[0], s[1], width});
  if (video_trains_) backward_stream(*video_, video_recurrent_, d_video_);
  if (audio_trains_) backward_stream(*audio_, audio_recurrent_, d_audio_);
}

const Tensor& AvsrNetwork::features(const std::string& part) const {
  const std::pair<const char*, const Tensor*> known[] = {{"video/embed", &video_embedding_},
                                                         {"audio/embed", &audio_embedding_},
                                                         {"video/recurrent", &video_features_},
                                                         {"audio/recurrent", &audio_features_},
                                                         {"fusion/recurrent", &fusion_features_}};
  std::string there;
  for (const auto& [name, tensor] : known) {
    if (tensor->empty()) continue;
    if (part == name) return *tensor;
    there += std::string(there.empty() ? "" : ", ") + name;
  }
  throw std::invalid_argument(fmt::format("[network] no features {}; after a forward call there are: {}", part,
                                          there.empty() ? "none" : there));
}

}  // namespace

std::unique_ptr<Network> make_network(backend::Backend& backend, const NetworkConfig& config, uint64_t seed) {
  auto network = declare_network(backend, config);
  network->parameters().allocate(backend, seed);
  return network;
}

std::unique_ptr<Network> declare_network(backend::Backend& backend, const NetworkConfig& config) {
  config.validate();
  return std::make_unique<AvsrNetwork>(backend, config);
}

}  // namespace avsr::models
