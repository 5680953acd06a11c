// The audio stream below its back-end: 1-D convolution over the waveform, 1-D ResNet, embedding; or MFCC as they are.
#pragma once

#include "models/layers/chain.h"
#include "models/network.h"

namespace avsr::models {

// Parameters: audio/frontend/{conv,bn}, audio/trunk/layer<i>/<j>/…, audio/embed/linear; none with MFCC, whose four 10
// ms windows of each 40 ms step are joined: (B, 4 T, F) -> (B, T, 4 F).
class AudioStream {
 public:
  AudioStream(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
              const AudioConfig& config);

  int width() const;  // E
  bool frozen() const { return chain_.frozen(); }
  // Steps of each clip, from the number of valid samples (or MFCC frames): with pool k20 s20, 640 samples a step.
  // Throws std::invalid_argument when shapes and lengths disagree or a clip is too short for one step.
  backend::Lengths steps(const Inputs& inputs) const;
  // Embedding (B, T, E), zero beyond steps; T = the longest of steps. Lives until the next forward.
  const backend::Tensor& forward(const Inputs& inputs, const backend::Lengths& steps, bool training,
                                 bool move_frozen_statistics);
  // Gradients += . dy: (B, T, E), may be overwritten.
  void backward(backend::Tensor& dy);
  void visit_outputs(const layers::OutputVisitor& visit) const { chain_.visit_outputs(visit); }

 private:
  bool mfcc() const { return config_.input == AudioConfig::Input::mfcc; }
  backend::Lengths samples(const Inputs& inputs) const;
  void join_mfcc(const Inputs& inputs, const backend::Lengths& steps);

  backend::Backend& backend_;
  AudioConfig config_;
  layers::Chain chain_;
  backend::Tensor masked_, packed_, padded_, d_packed_, unused_;
  backend::Tensor embedding_;  // a handle on one of them or on the chain's output
  backend::Lengths steps_;
};

}  // namespace avsr::models
