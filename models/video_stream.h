// The video stream below its back-end: 3-D convolution, ResNet frame by frame, embedding; or hand-made features as they
// are.
#pragma once

#include "models/layers/chain.h"
#include "models/network.h"

namespace avsr::models {

// Parameters: video/frontend/{conv,bn}, video/trunk/layer<i>/<j>/…, video/embed/{linear,bn} unless the embedding is 0;
// none with the dct input. Works on the valid frames only, packed: a ragged batch gives what each clip alone gives.
class VideoStream {
 public:
  VideoStream(backend::Backend& backend, layers::ParameterArena& arena, layers::Scratch& scratch,
              const VideoConfig& config);

  bool frozen() const { return chain_.frozen(); }
  // Throws std::invalid_argument when shapes and lengths disagree. An empty Inputs::frames: all frames are valid.
  backend::Lengths steps(const Inputs& inputs) const;
  // Embedding (B, T, E), zero beyond steps; T = the longest of steps. Lives until the next forward.
  const backend::Tensor& forward(const Inputs& inputs, const backend::Lengths& steps, bool training,
                                 bool move_frozen_statistics);
  // Gradients += . dy: (B, T, E), may be overwritten.
  void backward(backend::Tensor& dy);
  void visit_outputs(const layers::OutputVisitor& visit) const { chain_.visit_outputs(visit); }

 private:
  bool dct() const { return config_.input == VideoConfig::Input::dct; }
  void check_video(const Inputs& inputs) const;
  void infer_in_chunks(const Inputs& inputs, const backend::Lengths& steps);
  void windows(const Inputs& inputs, const backend::Lengths& steps, size_t first_clip, size_t last_clip);

  backend::Backend& backend_;
  VideoConfig config_;
  layers::Chain chain_;
  backend::Tensor windows_, chunk_, packed_, padded_, d_packed_, unused_;
  backend::Tensor embedding_;  // a handle on padded_, packed_ or the chain's output
  backend::Lengths steps_;
};

}  // namespace avsr::models
