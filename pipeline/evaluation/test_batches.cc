#include "pipeline/evaluation/test_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "pipeline/data/example_maker.h"
#include "preprocessing/reverberation.h"

namespace avsr::pipeline {

using preprocessing::derive_key;

namespace {

// Hundredths of a decibel, so that 5 and 5.0 are one level.
uint64_t level_key(uint64_t seed, const std::optional<double>& level) {
  return derive_key(seed, static_cast<uint64_t>(level ? std::llround(*level * 100) : 1 << 20));
}

void write_word(const Sample& sample, size_t b, HostBatch& batch) {
  const WordSpan word = sample.word;
  for (int t = 0; t < sample.frames; ++t)
    batch.word_boundary[b * static_cast<size_t>(batch.steps) + static_cast<size_t>(t)] = word.holds(t) ? 1.f : 0.f;
}

}  // namespace

TestBatches::TestBatches(const Dataset& dataset, std::vector<const BatchWriter*> readers, TestSettings settings,
                         std::function<bool(size_t, size_t)> wants)
    : dataset_(dataset), readers_(std::move(readers)), settings_(std::move(settings)), wants_(std::move(wants)) {
  const size_t batch = static_cast<size_t>(settings_.batch);
  pieces_ = (dataset_.samples().size() + batch - 1) / batch;
  for (const Sample& sample : dataset_.samples())
    for (const BatchWriter* reader : readers_)
      if (reader->word_boundary()) require_times(sample, "network.word_boundary");
}

std::shared_ptr<TestBatches::Piece> TestBatches::piece(size_t number) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Piece>& found = open_[number];
  if (!found) {
    found = std::make_shared<Piece>();
    found->open = settings_.conditions.size();
  }
  return found;
}

Stretch TestBatches::cut(const Sample& sample) const {
  Stretch stretch = cut_stretch(*dataset_.clip(sample.clip), sample.first_frame, sample.frames);
  if (settings_.room && !stretch.audio.samples.empty())
    stretch.audio = preprocessing::reverberated(stretch.audio, *settings_.room, settings_.room_name);
  return stretch;
}

Stretch TestBatches::clip_under(const Condition& condition, size_t sample) const {
  const Sample& wanted = dataset_.samples().at(sample);
  return under(condition, wanted, cut(wanted));
}

void TestBatches::add_noise(const Condition& condition, const Sample& sample, io::Waveform& audio) const {
  if (condition.noise < 0 || audio.samples.empty()) return;
  const NoiseSource& source = *settings_.noises.at(static_cast<size_t>(condition.noise));
  const uint64_t key = derive_key(level_key(settings_.seed, condition.snr_db), 0, static_cast<uint64_t>(kNoise));
  const io::Waveform noise = source.make(key, sample.key, dataset_.record(sample.clip).speaker, audio.samples.size());
  preprocessing::mix_noise(audio, noise, condition.snr_db.value(), sample.key, settings_.snr_over);
}

Stretch TestBatches::under(const Condition& condition, const Sample& sample, const Stretch& clean) const {
  Stretch changed = clean;
  add_noise(condition, sample, changed.audio);
  if (!condition.damage || changed.mouth.count == 0) return changed;
  if (const int late = frames_late(*condition.damage); late != 0)
    changed.mouth =
        cut_stretch(*dataset_.clip(sample.clip), sample.first_frame - late, sample.frames, io::ClipPart::kVideo).mouth;
  apply(*condition.damage, changed.mouth,
        preprocessing::Random(
            derive_key(settings_.seed, preprocessing::hash_text(sample.key), static_cast<uint64_t>(kVideo))));
  return changed;
}

HostBatch TestBatches::batch_for(const BatchWriter& reader, size_t first, const std::vector<Stretch>& stretches) const {
  HostBatch batch;
  std::vector<int> frames;
  for (size_t b = 0; b < stretches.size(); ++b) frames.push_back(dataset_.samples()[first + b].frames);
  reader.begin(frames, batch);
  for (size_t b = 0; b < stretches.size(); ++b) {
    const Sample& sample = dataset_.samples()[first + b];
    try {
      const io::Frames mouth =
          reader.video() ? preprocessing::centre_crop(reader.rule().geometry, stretches[b].mouth) : io::Frames{};
      reader.write(static_cast<int>(b), mouth, stretches[b].audio, batch);
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("[data] clip {}: {}", sample.key, error.what()));
    }
    if (reader.word_boundary()) write_word(sample, b, batch);
    batch.labels[b] = sample.label;
    batch.sample_ids[b] = static_cast<int>(first + b);
  }
  return batch;
}

void TestBatches::make(size_t i) {
  const size_t number = i / settings_.conditions.size(), c = i % settings_.conditions.size();
  const Condition& condition = settings_.conditions[c];
  Made made{number * static_cast<size_t>(settings_.batch), c, std::vector<HostBatch>(readers_.size())};
  const std::shared_ptr<Piece> shared = piece(number);
  std::call_once(shared->cut, [&] {
    const std::vector<Sample>& samples = dataset_.samples();
    const size_t last = std::min(samples.size(), made.first_clip + static_cast<size_t>(settings_.batch));
    for (size_t s = made.first_clip; s < last; ++s) shared->stretches.push_back(cut(samples[s]));
  });
  std::vector<Stretch> stretches;
  for (size_t r = 0; r < readers_.size(); ++r) {
    if (!wants_(r, c)) continue;
    for (size_t b = stretches.size(); b < shared->stretches.size(); ++b)
      stretches.push_back(under(condition, dataset_.samples()[made.first_clip + b], shared->stretches[b]));
    made.batches[r] = batch_for(*readers_[r], made.first_clip, stretches);
    const auto clips = static_cast<size_t>(made.batches[r].clips);
    if (condition.lacks(models::Streams::video)) made.batches[r].video_present.assign(clips, 0);
    if (condition.lacks(models::Streams::audio)) made.batches[r].audio_present.assign(clips, 0);
  }
  const std::lock_guard lock(mutex_);
  if (--shared->open == 0) open_.erase(number);
  made_.emplace(i, std::move(made));
}

TestBatches::Made TestBatches::take(size_t i) {
  const std::lock_guard lock(mutex_);
  return std::move(made_.extract(i).mapped());
}

}  // namespace avsr::pipeline
