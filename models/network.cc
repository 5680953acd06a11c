#include "models/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "models/audio_stream.h"
#include "models/layers/dropout.h"
#include "models/layers/linear.h"
#include "models/layers/temporal_conv.h"
#include "models/step_layout.h"
#include "models/stream_back_end.h"
#include "models/video_stream.h"

namespace avsr::models {
namespace {

using backend::Lengths;
using backend::Tensor;
using layers::RecurrentStack;

// Whether any clip has the stream; an empty list says that all have.
bool any_present(const std::vector<uint8_t>& present) {
  return present.empty() || std::any_of(present.begin(), present.end(), [](uint8_t there) { return there != 0; });
}
bool all_present(const std::vector<uint8_t>& present) {
  return std::all_of(present.begin(), present.end(), [](uint8_t there) { return there != 0; });
}

class AvsrNetwork final : public Network {
 public:
  AvsrNetwork(backend::Backend& backend, const NetworkConfig& config) : Network(config), backend_(backend) {
    if (config.streams != Streams::audio) video_.emplace(backend, arena_, scratch_, config.video);
    if (video_) build_back_end("video", config.video.features(), video_back_end_);
    if (config.streams != Streams::video) audio_.emplace(backend, arena_, scratch_, config.audio);
    if (audio_) build_back_end("audio", audio_->width(), audio_back_end_);
    if (audiovisual()) {
      const int width = video_back_end_->width() + audio_back_end_->width();
      fusion_.emplace(backend, arena_, "fusion/recurrent", stack_options(config.fusion, width));
      build_head("fusion", 2 * config.fusion.hidden, config.fusion.hidden_dropout);
    }
  }

  const Tensor& forward(const Inputs& inputs, Mode mode, uint64_t step_seed, Lengths& steps) override;
  void backward(const Tensor& dlogits) override;
  const Tensor& features(const std::string& part) const override;
  void visit_outputs(const layers::OutputVisitor& visit) const override;

 private:
  bool audiovisual() const { return config_.streams == Streams::audiovisual; }
  // Of the stream's parameters and features, where its back end has some.
  std::string back_end_path(Streams stream) const {
    return std::string(name_of(stream)) + (config_.back_end_of(stream) == BackEnd::ms_tcn ? "/ms_tcn" : "/recurrent");
  }
  void build_back_end(const std::string& stream, int width, std::optional<StreamBackEnd>& back_end);
  void build_head(const std::string& path, int width, float dropout);
  void find_present(const Inputs& inputs);
  Lengths common_steps(const Inputs& inputs) const;
  void forward_temporal_conv(const Tensor& embedding, const Lengths& steps, bool training, bool move);
  const Tensor& forward_back_end(StreamBackEnd& back_end, const Tensor& embedding, const Inputs& inputs, bool training,
                                 uint64_t seed, bool& trains);
  void forward_fusion(const Inputs& inputs, bool training, uint64_t seed);
  Tensor features_where(const std::vector<uint8_t>& present, const Tensor& features, int width, Tensor& storage);
  void mask_absent(const std::vector<uint8_t>& present, Tensor& t);
  void forward_head(const Tensor& x, bool training, uint64_t seed, bool below);
  template <typename Stream>
  void backward_stream(Stream& stream, StreamBackEnd& back_end, Tensor& dy);

  backend::Backend& backend_;
  layers::Scratch scratch_;
  std::optional<VideoStream> video_;
  std::optional<AudioStream> audio_;
  std::optional<StreamBackEnd> video_back_end_, audio_back_end_;
  std::optional<RecurrentStack> fusion_;
  std::optional<layers::Chain> temporal_conv_;
  std::optional<layers::Dropout> head_dropout_;
  std::optional<layers::Linear> head_;

  Lengths steps_;
  bool ragged_ = false;
  std::vector<uint8_t> video_present_, audio_present_;  // of the last forward
  bool video_runs_ = false, audio_runs_ = false;
  bool below_head_ = false;                           // something under the head trains
  bool video_trains_ = false, audio_trains_ = false;  // the stream, its back-end included
  Tensor video_embedding_, audio_embedding_, video_features_, audio_features_, fused_, fusion_features_;
  Tensor video_kept_, audio_kept_;  // features with zeros where a clip lacks the stream
  Tensor logits_, d_features_, d_fused_, d_video_, d_audio_, d_embedding_;
};

void AvsrNetwork::build_back_end(const std::string& stream, int width, std::optional<StreamBackEnd>& back_end) {
  if (config_.back_end == BackEnd::temporal_conv) {
    temporal_conv_.emplace(backend_, arena_, scratch_);
    layers::add_temporal_conv(*temporal_conv_, backend_, arena_, stream + "/temporal_conv", width, config_.labels);
    return;
  }
  back_end.emplace(backend_, arena_, scratch_, stream, config_, width);
  // The MS-TCN ends in dropout of its own.
  const float dropout = config_.back_end == BackEnd::recurrent ? config_.recurrent.hidden_dropout : 0;
  if (!audiovisual()) build_head(stream, back_end->width(), dropout);
}

void AvsrNetwork::build_head(const std::string& path, int width, float dropout) {
  head_dropout_.emplace(backend_, dropout);
  head_.emplace(backend_, arena_, path + "/head", width, config_.labels);
}

// What runs in this call, and for which clips it counts.
void AvsrNetwork::find_present(const Inputs& inputs) {
  if (!audiovisual() && !(all_present(inputs.video_present) && all_present(inputs.audio_present)))
    throw std::invalid_argument("[network] a clip lacks the only stream of this network");
  video_present_ = inputs.video_present;
  audio_present_ = inputs.audio_present;
  video_runs_ = video_ && any_present(video_present_);
  audio_runs_ = audio_ && any_present(audio_present_);
  if (!video_runs_ && !audio_runs_) throw std::invalid_argument("[network] no clip of the batch has any stream");
}

Lengths AvsrNetwork::common_steps(const Inputs& inputs) const {
  if (!audio_runs_) return video_->steps(inputs);
  const Lengths audio = audio_->steps(inputs);
  if (!video_runs_) return audio;
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

// trains: whether something below the back-end does; then whether the back-end or something below it does.
const Tensor& AvsrNetwork::forward_back_end(StreamBackEnd& back_end, const Tensor& embedding, const Inputs& inputs,
                                            bool training, uint64_t seed, bool& trains) {
  const StreamBackEnd::Call call{training, training && trains, training && statistics_move_, seed};
  trains = trains || (training && !back_end.frozen());
  return back_end.forward(embedding, inputs.word_boundary, ragged_ ? &steps_ : nullptr, call);
}

void AvsrNetwork::mask_absent(const std::vector<uint8_t>& present, Tensor& t) {
  if (present.size() != static_cast<size_t>(t.shape[0]))
    throw std::invalid_argument(fmt::format("[network] {} clips in the batch, but {} are said to have a stream or not",
                                            t.shape[0], present.size()));
  Lengths kept(present.size(), 0);
  for (size_t b = 0; b < present.size(); ++b)
    if (present[b]) kept[b] = static_cast<int>(t.shape[1]);
  backend_.mask(t, kept);
}

// (B, T, width) with zeros for the clips without the stream; features: the stream's own, empty when it did not run.
Tensor AvsrNetwork::features_where(const std::vector<uint8_t>& present, const Tensor& features, int width,
                                   Tensor& storage) {
  if (!features.empty() && all_present(present)) return features;
  if (features.empty()) {
    backend_.resize(storage, {static_cast<int64_t>(steps_.size()), longest(steps_), width});
    backend_.fill(storage, 0);
    return storage;
  }
  backend_.copy(features, storage);
  mask_absent(present, storage);
  return storage;
}

void AvsrNetwork::forward_fusion(const Inputs& inputs, bool training, uint64_t seed) {
  for (size_t b = 0; b < inputs.video_present.size() && b < inputs.audio_present.size(); ++b)
    if (!inputs.video_present[b] && !inputs.audio_present[b])
      throw std::invalid_argument(fmt::format("[network] clip {} has neither stream", b));
  const Tensor video = features_where(video_present_, video_features_, video_back_end_->width(), video_kept_),
               audio = features_where(audio_present_, audio_features_, audio_back_end_->width(), audio_kept_);
  const int64_t clips = video.shape[0], frames = video.shape[1], rows = clips * frames;
  backend_.concatenate(video.reshaped({rows, video.shape[2]}), audio.reshaped({rows, audio.shape[2]}), fused_);
  fused_ = fused_.reshaped({clips, frames, fused_.shape.back()});
  const bool below = video_trains_ || audio_trains_;
  fusion_features_ = fusion_->forward(fused_, ragged_ ? &steps_ : nullptr, training, seed, training && below);
  forward_head(fusion_features_, training, seed, below || !fusion_->frozen());
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
  find_present(inputs);
  steps_ = common_steps(inputs);
  ragged_ = is_ragged(steps_, longest(steps_));
  video_trains_ = training && video_runs_ && !video_->frozen();
  audio_trains_ = training && audio_runs_ && !audio_->frozen();
  video_features_ = audio_features_ = {};
  if (video_runs_) video_embedding_ = video_->forward(inputs, steps_, training, move);
  if (audio_runs_) audio_embedding_ = audio_->forward(inputs, steps_, training, move);
  if (temporal_conv_) {
    forward_temporal_conv(video_ ? video_embedding_ : audio_embedding_, steps_, training, move);
  } else {
    if (video_runs_)
      video_features_ =
          forward_back_end(*video_back_end_, video_embedding_, inputs, training, step_seed, video_trains_);
    if (audio_runs_)
      audio_features_ =
          forward_back_end(*audio_back_end_, audio_embedding_, inputs, training, step_seed, audio_trains_);
    if (audiovisual())
      forward_fusion(inputs, training, step_seed);
    else
      forward_head(video_ ? video_features_ : audio_features_, training, step_seed, video_trains_ || audio_trains_);
  }
  if (move)
    arena_.touch();
  else if (training)
    arena_.touch_trainable();
  steps = temporal_conv_ ? Lengths(steps_.size(), 1) : steps_;
  return logits_;
}

template <typename Stream>
void AvsrNetwork::backward_stream(Stream& stream, StreamBackEnd& back_end, Tensor& dy) {
  Tensor& d_embedding = back_end.backward(dy);
  const bool video = video_back_end_ && &back_end == &*video_back_end_;
  arena_.gradients_final(back_end_path(video ? Streams::video : Streams::audio));
  if (!stream.frozen()) stream.backward(d_embedding);
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
    video_ ? backward_stream(*video_, *video_back_end_, d_features_)
           : backward_stream(*audio_, *audio_back_end_, d_features_);
    return;
  }
  fusion_->backward(d_features_, d_fused_);
  arena_.gradients_final("fusion");
  if (!video_trains_ && !audio_trains_) return;
  const auto& s = d_fused_.shape;
  const int64_t width = video_back_end_->width(), rows = s[0] * s[1];
  backend_.split(d_fused_.reshaped({rows, s[2]}), width, d_video_, d_audio_);
  d_video_ = d_video_.reshaped({s[0], s[1], width});
  d_audio_ = d_audio_.reshaped({s[0], s[1], s[2] - width});
  if (!all_present(video_present_)) mask_absent(video_present_, d_video_);
  if (!all_present(audio_present_)) mask_absent(audio_present_, d_audio_);
  if (video_trains_) backward_stream(*video_, *video_back_end_, d_video_);
  if (audio_trains_) backward_stream(*audio_, *audio_back_end_, d_audio_);
}

void AvsrNetwork::visit_outputs(const layers::OutputVisitor& visit) const {
  if (video_runs_) video_->visit_outputs(visit);
  if (video_runs_ && video_back_end_) video_back_end_->visit_outputs(visit);
  if (audio_runs_) audio_->visit_outputs(visit);
  if (audio_runs_ && audio_back_end_) audio_back_end_->visit_outputs(visit);
  if (fusion_) fusion_->visit_outputs(visit);
  if (head_) visit({head_->path(), &logits_, ragged_ ? &steps_ : nullptr});
  if (temporal_conv_) temporal_conv_->visit_outputs(visit);
}

const Tensor& AvsrNetwork::features(const std::string& part) const {
  const Tensor none{};  // without a back end its features are the embedding
  const bool alone = config_.back_end == BackEnd::none;
  const std::pair<std::string, const Tensor*> known[] = {
      {"video/embed", &video_embedding_},
      {"audio/embed", &audio_embedding_},
      {back_end_path(Streams::video), alone ? &none : &video_features_},
      {back_end_path(Streams::audio), alone ? &none : &audio_features_},
      {"fusion/recurrent", &fusion_features_}};
  std::string there;
  for (const auto& [name, tensor] : known) {
    if (tensor->empty()) continue;
    if (part == name) return *tensor;
    there += (there.empty() ? "" : ", ") + name;
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
