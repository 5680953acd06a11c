// The networks of the paper, assembled from layers: an audio stream, a video stream, or both with a fusion on top.
//
// Parameter names are paths and are the keys of the model file:
// video/{frontend,trunk,embed,temporal_conv,recurrent,ms_tcn,head}/…,
// audio/{frontend,trunk,embed,temporal_conv,recurrent,ms_tcn,head}/…, fusion/{recurrent,head}/… . An audiovisual
// network has no stream heads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/backend/backend.h"
#include "models/layers/layer.h"
#include "models/layers/parameters.h"
#include "models/network_config.h"

namespace avsr::models {

// One batch on the device. A stream that the network lacks may be left empty.
struct Inputs {
  // (B, T, H, W) u8 crops, H = W = config.video.crop; or, of the dct input, (B, T, D) features
  backend::Tensor video;
  std::vector<float> video_scale, video_shift;  // (B): value = pixel * scale + shift; of crops only
  backend::Tensor mean_image;                   // (H, W), or empty
  backend::Lengths frames;                      // (B): valid frames
  backend::Tensor audio;                        // (B, S) z-normalised waveform, or (B, 4 T, F) MFCC at 100 per second
  backend::Lengths samples;                     // (B): valid samples (or MFCC frames)
  // (B, T, 1): 1 inside the word, 0 outside and beyond the clip's end. Read with config.word_boundary only.
  backend::Tensor word_boundary;
  // Of an audiovisual network, (B): 0 where the clip has no such stream, not both; empty: all have it. In place of the
  // absent stream's recurrent features the fusion gets zeros, at every step, in training and inference alike. (In
  // training the stream still runs on what lies in the batch, and its batch-norm statistics count it.) A stream that
  // is absent from all clips does not run, and its tensor may be empty.
  std::vector<uint8_t> video_present, audio_present;
};

enum class Mode : uint8_t { training, inference };

class Network {
 public:
  virtual ~Network() = default;

  const NetworkConfig& config() const { return config_; }
  // All parameters, gradients and batch-norm statistics, each kind in one flat arena.
  layers::ParameterArena& parameters() { return arena_; }

  // Logits (B, T, V), T the number of 40 ms steps of the longest clip (temporal-conv back-end: (B, 1, V)). `steps`
  // receives each clip's valid steps. Training mode keeps what backward needs, uses batch statistics and dropout in
  // every part that is not frozen; frozen parts (ParameterArena::frozen) run as in inference. step_seed keys the
  // dropout.
  virtual const backend::Tensor& forward(const Inputs& inputs, Mode mode, uint64_t step_seed,
                                         backend::Lengths& steps) = 0;
  // Adds the gradients of all parameters that are not frozen to the gradient arena; stops at the lowest such part.
  virtual void backward(const backend::Tensor& dlogits) = 0;
  // Output (B, T, D) of a part in the last forward call: "video/embed" (of hand-made input, that input, joined to
  // steps), "video/recurrent", "video/ms_tcn", "audio/embed", "audio/recurrent", "audio/ms_tcn", "fusion/recurrent".
  // Throws std::invalid_argument when the network has no such part.
  virtual const backend::Tensor& features(const std::string& part) const = 0;

  // What each layer with parameters put out in the last forward call in training mode, in the order of that call, for
  // whoever watches a training; backward leaves it as it is. Frozen parts that ran as in inference have nothing to
  // show, recurrent layers apart.
  virtual void visit_outputs(const layers::OutputVisitor& visit) const = 0;

  // With true, batch norm in frozen parts uses the batch's statistics in training mode and moves the running ones, as
  // the public code did ("fixed" front-ends kept learning their statistics). Default false: frozen parts stay
  // bit-equal.
  void set_statistics_move(bool move) { statistics_move_ = move; }
  bool statistics_move() const { return statistics_move_; }

 protected:
  explicit Network(NetworkConfig config) : config_(std::move(config)) {}
  NetworkConfig config_;
  layers::ParameterArena arena_;
  bool statistics_move_ = false;
};

// Throws std::invalid_argument naming the setting when the configuration is inconsistent.
std::unique_ptr<Network> make_network(backend::Backend& backend, const NetworkConfig& config, uint64_t seed);
// The same with its parameters declared (names, shapes) but without memory: for checks ahead of a long run. It cannot
// compute.
std::unique_ptr<Network> declare_network(backend::Backend& backend, const NetworkConfig& config);

}  // namespace avsr::models
