#include "bench/subject.h"

#include "bench/random_values.h"

namespace avsr::bench {
namespace {

constexpr double kRate = 3e-4;

}  // namespace

models::NetworkConfig config_of(models::Streams streams) {
  models::NetworkConfig config;
  config.streams = streams;
  return config;
}

Subject::Subject(backend::Backend& backend, models::Streams streams, int batch)
    : config_(config_of(streams)),
      writer_({}, config_),
      inputs_(backend, writer_),
      scorer_(backend, {}, config_.labels),
      network_(models::make_network(backend, config_, 1)) {
  writer_.begin(std::vector<int>(static_cast<size_t>(batch), kFrames), host_);
  host_.video = random_bytes(host_.video.size());
  host_.audio = random_floats(host_.audio.size(), 1.7);  // of deviation 1, as normalised sound
  for (float& scale : host_.video_scale) scale = 1 / 74.f;
  for (float& shift : host_.video_shift) shift = -1.7f;
  for (int b = 0; b < batch; ++b) host_.labels[static_cast<size_t>(b)] = b * 7 % config_.labels;
}

void Subject::infer() { network_->forward(inputs_.upload(host_), models::Mode::inference, 0, steps_); }

void Subject::train() {
  layers::ParameterArena& arena = network_->parameters();
  if (!optimizer_)
    optimizer_ = std::make_unique<pipeline::OptimizerState>(pipeline::Optimizer{}, arena, arena.trainable_ranges());
  arena.zero_gradients();
  const backend::Tensor& logits =
      network_->forward(inputs_.upload(host_), models::Mode::training, static_cast<uint64_t>(++step_), steps_);
  scorer_.score(logits, steps_, host_.labels);
  network_->backward(scorer_.gradient());
  optimizer_->step(kRate, step_);
  arena.touch_trainable();
}

int64_t Subject::parameters() const { return network_->parameters().count(); }

}  // namespace avsr::bench
