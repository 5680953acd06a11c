#include "pipeline/recognition/sliding_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::pipeline {

void WindowSettings::validate() const {
  if (window_frames < 1 || hop_frames < 1 || batch < 1 || labels < 1)
    throw std::invalid_argument(fmt::format("[windows] window {}, hop {}, batch {}, labels {}: all must be positive",
                                            window_frames, hop_frames, batch, labels));
  if (!models.wanted().video && !models.wanted().audio)
    throw std::invalid_argument("[windows] expected at least one model, got none");
}

SlidingWindows::SlidingWindows(const WindowSettings& settings, ClassifyWindows classify)
    : settings_(settings), classify_(std::move(classify)), buffer_(settings.available) {
  settings_.validate();
}

double SlidingWindows::start_seconds(int window) const {
  const double middle = static_cast<double>(window) * settings_.hop_frames + 0.5;
  return single_ ? 0 : std::max(0., middle - 0.5 * settings_.hop_frames) / io::kFramesPerSecond;
}

double SlidingWindows::end_seconds(int window) const {
  const double middle = static_cast<double>(window) * settings_.hop_frames + 0.5, end = static_cast<double>(frames());
  return (single_ ? end : std::min(end, middle + 0.5 * settings_.hop_frames)) / io::kFramesPerSecond;
}

void SlidingWindows::push(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                          std::span<const float> audio) {
  buffer_.push(frames, mouth, face, audio);
  make_windows(false);
}

void SlidingWindows::finish() {
  single_ = frames() > 0 && frames() <= settings_.window_frames;
  if (single_)
    make_window(frames() / 2);
  else
    make_windows(true);
  for (const models::Streams streams : {models::Streams::audio, models::Streams::video, models::Streams::audiovisual})
    classify(streams);
}

// Frames on each side of its middle that a window depends on.
int SlidingWindows::reach() const {
  const bool looks_for_sound = settings_.models.video && settings_.models.wanted().audio;
  return std::max(settings_.window_frames / 2, looks_for_sound ? settings_.sound_frames : 0);
}

void SlidingWindows::make_windows(bool at_end) {
  if (frames() <= settings_.window_frames) return;  // it may stay that short
  for (; next_ < frames() && (at_end || next_ + reach() < frames()); next_ += settings_.hop_frames) make_window(next_);
  buffer_.drop_before(next_ - reach());
}

void SlidingWindows::make_window(int64_t middle) {
  const int64_t window = single_ ? 0 : middle / settings_.hop_frames;
  const Answer answer = settings_.models.answer(evidence(middle));
  answers_.push_back(answer);
  probabilities_.resize(static_cast<size_t>(window + 1) * settings_.labels, 0.f);
  if (!answer.heard_by) return;
  Batch& batch = batches_.at(static_cast<size_t>(*answer.heard_by));
  const int length = settings_.window_frames;
  batch.stretches.push_back(buffer_.cut(middle - length / 2, length, wanted_by(*answer.heard_by)));
  batch.windows.push_back(window);
  if (static_cast<int>(batch.windows.size()) == settings_.batch) classify(*answer.heard_by);
}

Evidence SlidingWindows::evidence(int64_t middle) const {
  const int sixth = std::max(1, settings_.window_frames / 6);
  const int64_t from = std::max(buffer_.first(), middle - sixth), to = std::min(frames(), middle + sixth + 1);
  Evidence evidence;
  evidence.face = buffer_.face(middle);
  evidence.voice = buffer_.rms(from, to) >= settings_.silence_rms;
  evidence.sound = settings_.available.audio && (!settings_.models.video || sounds_around(middle));
  return evidence;
}

bool SlidingWindows::sounds_around(int64_t middle) const {
  const int64_t end = std::min(frames(), middle + settings_.sound_frames + 1);
  for (int64_t frame = std::max(buffer_.first(), middle - settings_.sound_frames); frame < end; ++frame)
    if (buffer_.rms(frame, frame + 1) >= settings_.quiet_rms) return true;
  return false;
}

void SlidingWindows::classify(models::Streams streams) {
  Batch& batch = batches_.at(static_cast<size_t>(streams));
  if (batch.windows.empty()) return;
  const std::vector<float> rows = classify_(streams, batch.stretches);
  const size_t labels = settings_.labels;
  if (rows.size() != batch.windows.size() * labels)
    throw std::logic_error(fmt::format("[windows] {} probabilities for {} windows", rows.size(), batch.windows.size()));
  for (size_t i = 0; i < batch.windows.size(); ++i)
    std::copy_n(rows.data() + i * labels, labels, probabilities_.data() + batch.windows[i] * labels);
  batch = {};
}

}  // namespace avsr::pipeline
