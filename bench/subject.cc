#include "bench/subject.h"

#include <cmath>
#include <stdexcept>

#include "bench/random_values.h"

namespace avsr::bench {
namespace {

pipeline::Stage stage_of(models::Streams streams) {
  pipeline::Stage stage;
  stage.streams = streams;
  stage.train = {""};
  return stage;
}

}  // namespace

models::NetworkConfig config_of(models::Streams streams) {
  return pipeline::network_of({}, stage_of(streams), kLabels);
}

Subject::Subject(backend::Backend& backend, models::Streams streams, int batch)
    : step_(backend, {}, stage_of(streams), {}, kLabels) {
  step_.writer().begin(std::vector<int>(static_cast<size_t>(batch), kFrames), batch_);
  batch_.video = random_bytes(batch_.video.size());
  batch_.audio = random_floats(batch_.audio.size(), 1.7);  // of deviation 1, as normalised sound
  for (float& scale : batch_.video_scale) scale = 1 / 74.f;
  for (float& shift : batch_.video_shift) shift = -1.7f;
  for (int b = 0; b < batch; ++b) batch_.labels[static_cast<size_t>(b)] = b * 7 % kLabels;
}

void Subject::infer() { step_.infer(batch_, steps_); }

void Subject::train() {
  constexpr double kRate = 3e-4;
  ++steps_done_;
  const auto outcome = step_.run(batch_, kRate, steps_done_, static_cast<uint64_t>(steps_done_));
  // Such a step ends before its backward pass.
  if (!std::isfinite(outcome.score.loss_sum)) throw std::runtime_error("[bench] the loss is not finite");
}

}  // namespace avsr::bench
