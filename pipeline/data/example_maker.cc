#include "pipeline/data/example_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/layers/temporal_conv.h"
#include "pipeline/data/mixup.h"
#include "preprocessing/noise.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {

using preprocessing::derive_key;
using preprocessing::Random;

namespace {

void crop_in_time(const TimeCrop& kept, Stretch& stretch) {
  if (io::Frames& mouth = stretch.mouth; mouth.count > 0) {
    const auto size = static_cast<std::ptrdiff_t>(mouth.frame_size());
    mouth.pixels = {mouth.pixels.begin() + kept.first * size, mouth.pixels.begin() + (kept.first + kept.frames) * size};
    mouth.count = kept.frames;
  }
  if (std::vector<float>& samples = stretch.audio.samples; !samples.empty())
    samples = {samples.begin() + std::ptrdiff_t{kept.first} * io::kSamplesPerFrame,
               samples.begin() + std::ptrdiff_t{kept.first + kept.frames} * io::kSamplesPerFrame};
}

}  // namespace

ExampleMaker::ExampleMaker(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings,
                           const std::vector<int>& order)
    : dataset_(dataset), writer_(writer), settings_(settings), part_(part_of(writer.config().streams)) {
  check_times(order);
}

void ExampleMaker::make(int sample_id, int b, HostBatch& batch) const {
  const Sample& sample = dataset_.samples()[static_cast<size_t>(sample_id)];
  Stretch stretch = cut(sample);
  const TimeCrop kept = time_crop(sample);
  if (kept.frames < frames_at_speed(sample)) crop_in_time(kept, stretch);
  try {
    if (writer_.video()) change_video(sample, stretch.mouth);
    if (writer_.audio()) change_audio(sample, stretch.audio);
    writer_.write(b, stretch.mouth, stretch.audio, batch);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(fmt::format("[data] clip {}: {}", sample.key, error.what()));
  }
  if (writer_.word_boundary()) {
    const WordSpan word = word_in(sample);
    for (int t = 0; t < kept.frames; ++t)
      batch.word_boundary[static_cast<size_t>(b) * static_cast<size_t>(batch.steps) + static_cast<size_t>(t)] =
          word.holds(kept.first + t) ? 1.f : 0.f;
  }
  drop_modality(sample, b, batch);
  batch.labels[static_cast<size_t>(b)] = sample.label;
  batch.texts[static_cast<size_t>(b)] = sample.text;
  for (const WordSpan& span : sample.symbol_times)
    batch.symbol_times[static_cast<size_t>(b)].push_back(moved(sample, span));
  batch.sample_ids[static_cast<size_t>(b)] = sample_id;
}

void ExampleMaker::mix_pairs(int index, HostBatch& batch) const {
  const double alpha = settings_.training ? settings_.augment.mixup : 0;
  if (alpha == 0 || batch.clips < 2) return;
  Random random(derive_key(settings_.seed, static_cast<uint64_t>(settings_.epoch), static_cast<uint64_t>(index),
                           static_cast<uint64_t>(kMixup)));
  const int further = random.between(1, batch.clips - 1);
  std::vector<MixedWith> with;
  for (int b = 0; b < batch.clips; ++b) {
    const auto id = static_cast<size_t>(batch.sample_ids[static_cast<size_t>(b)]);
    with.push_back({(b + further) % batch.clips, draw_share(alpha, Random(key(dataset_.samples()[id], kMixup)))});
  }
  mix(with, batch);
}

void require_times(const Sample& sample, const std::string& who) {
  if (!sample.timed)
    throw std::runtime_error(fmt::format(
        "[data] clip {}: expected the word's times, which {} needs, found none: give them (LRW: a .txt with "
        "'Duration:' beside the clip; a manifest: start and end) and prepare again, or train without it",
        sample.key, who));
}

void ExampleMaker::check_times(const std::vector<int>& order) const {
  const bool varies = settings_.training && settings_.augment.variable_length;
  if (!varies && !writer_.word_boundary()) return;
  for (const int id : order)
    require_times(dataset_.samples()[static_cast<size_t>(id)],
                  varies ? "data.augment.variable_length" : "network.word_boundary");
}

uint64_t ExampleMaker::key(const Sample& sample, Purpose purpose) const {
  return derive_key(settings_.seed, static_cast<uint64_t>(settings_.epoch), preprocessing::hash_text(sample.key),
                    static_cast<uint64_t>(purpose));
}

double ExampleMaker::draw(const Sample& sample, Purpose purpose, double limit) const {
  return limit == 0 ? 0 : Random(key(sample, purpose)).uniform(-1, 1) * limit;
}

ExampleMaker::Motion ExampleMaker::motion(const Sample& sample) const {
  if (!settings_.training || (sample.whole && sample.text.empty())) return {};
  return {1 + draw(sample, kSpeed, settings_.augment.speed), draw(sample, kShift, settings_.shift_frames)};
}

WordSpan ExampleMaker::moved(const Sample& sample, const WordSpan& span) const {
  const Motion m = motion(sample);
  const double before = sample.frames / 2.0, now = frames_at_speed(sample) / 2.0;
  return {now + (span.first - before - m.shift) / m.speed, now + (span.last - before - m.shift) / m.speed};
}

// A word's window has as many frames as ever, from a longer or a shorter stretch; a sentence all of its own.
int ExampleMaker::frames_at_speed(const Sample& sample) const {
  if (sample.text.empty()) return sample.frames;
  return std::max(1, static_cast<int>(std::lround(sample.frames / motion(sample).speed)));
}

TimeCrop ExampleMaker::time_crop(const Sample& sample) const {
  if (!settings_.training || !settings_.augment.variable_length) return {0, frames_at_speed(sample)};
  const bool temporal_conv = writer_.config().back_end == models::BackEnd::temporal_conv;
  return draw_time_crop(word_in(sample), sample.frames, temporal_conv ? layers::kTemporalConvSteps : 1,
                        Random(key(sample, kLength)));
}

void ExampleMaker::drop_modality(const Sample& sample, int b, HostBatch& batch) const {
  const models::ModalityDropout& dropout = writer_.config().modality_dropout;
  if (!settings_.training || !dropout.used()) return;
  batch.video_present.resize(static_cast<size_t>(batch.clips), 1);
  batch.audio_present.resize(static_cast<size_t>(batch.clips), 1);
  const double drawn = Random(key(sample, kModality)).uniform();
  const bool no_video = drawn < dropout.video, no_audio = !no_video && drawn < dropout.video + dropout.audio;
  batch.video_present[static_cast<size_t>(b)] = no_video ? 0 : 1;
  batch.audio_present[static_cast<size_t>(b)] = no_audio ? 0 : 1;
}

Stretch ExampleMaker::cut(const Sample& sample) const {
  const std::shared_ptr<const StoredClip> clip = dataset_.clip(sample.clip);
  const auto [speed, shift] = motion(sample);
  const bool moves = settings_.training && (!sample.whole || !sample.text.empty());
  if (!moves || (settings_.shift_frames == 0 && settings_.augment.speed == 0))
    return cut_stretch(*clip, sample.first_frame, sample.frames, part_);
  const double whole = std::round(shift), later = shift - whole;
  const int first = sample.first_frame + static_cast<int>(whole);
  // Longer by an even number of frames, so that the middle stays the middle.
  const int more = std::max(0, static_cast<int>(std::ceil(sample.frames * (speed - 1) / 2)) + 1);
  Stretch stretch = cut_stretch(*clip, first - more, sample.frames + 2 * more, part_);
  const int frames = frames_at_speed(sample);
  if (writer_.video()) stretch.mouth = preprocessing::middle_at_speed(stretch.mouth, frames, speed, later);
  if (writer_.audio())
    stretch.audio = preprocessing::middle_at_speed(stretch.audio, static_cast<size_t>(frames) * io::kSamplesPerFrame,
                                                   speed, later * io::kSamplesPerFrame);
  return stretch;
}

void ExampleMaker::change_video(const Sample& sample, io::Frames& mouth) const {
  const preprocessing::FrameGeometry& geometry = writer_.rule().geometry;
  mouth = settings_.training
              ? preprocessing::augment_video(settings_.augment, geometry, mouth, Random(key(sample, kVideo)))
              : preprocessing::centre_crop(geometry, mouth);
}

void ExampleMaker::change_audio(const Sample& sample, io::Waveform& audio) const {
  if (settings_.training) preprocessing::mask_audio(settings_.augment, audio, Random(key(sample, kAudioMask)));
  if (!settings_.noise || settings_.levels_db.empty()) return;
  const auto level = settings_.levels_db[Random(key(sample, kLevel)).below(settings_.levels_db.size())];
  if (!level) return;
  const io::Waveform noise =
      settings_.noise->make(derive_key(settings_.seed, static_cast<uint64_t>(settings_.epoch), kNoise), sample.key,
                            dataset_.record(sample.clip).speaker, audio.samples.size());
  preprocessing::mix_noise(audio, noise, *level, sample.key);
}

}  // namespace avsr::pipeline
