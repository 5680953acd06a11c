#include "pipeline/recognition/offset_measurement.h"

#include "io/media_reader.h"

namespace avsr::pipeline {
namespace {

constexpr double kMostSeconds = 300;

}  // namespace

preprocessing::AvOffset measure_offset(const std::string& path, const CropRule& rule,
                                       const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                                       const preprocessing::FaceChoice& face, bool allow_damaged) {
  io::MediaReader reader = io::MediaReader::open(path, {.end_seconds = kMostSeconds, .allow_damaged = allow_damaged});
  if (!reader.info().has_video || !reader.info().has_audio) return {};
  preprocessing::OffsetMeter meter(rule.tracked.size);
  const auto source = preprocessing::make_mouth_source(face, face_model, rule.tracked,
                                                       [&](preprocessing::MouthFrame&& frame) { meter.push(frame); });
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    meter.push_sound(chunk.audio.samples);
    source->push_sound(chunk.audio.samples);
    for (int t = 0; t < chunk.frames.count; ++t)
      source->push(chunk.frames.frame(t), chunk.frames.height, chunk.frames.width);
  }
  source->finish();
  meter.finish();
  return meter.result();
}

}  // namespace avsr::pipeline
