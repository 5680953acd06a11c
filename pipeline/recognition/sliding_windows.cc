#include "pipeline/recognition/sliding_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

constexpr int kMostWaitingBatches = 8;

}  // namespace

void WindowSettings::validate() const {
  if (window_frames < 1 || hop_frames < 1 || batch < 1 || labels < 1)
    throw std::invalid_argument(fmt::format("[windows] window {}, hop {}, batch {}, labels {}: all must be positive",
                                            window_frames, hop_frames, batch, labels));
  if (!models.wanted().video && !models.wanted().audio)
    throw std::invalid_argument("[windows] expected at least one model, got none");
}

double WindowTimes::seconds(double window) const {
  return std::clamp(window * hop_frames + 0.5, 0., static_cast<double>(frames)) / io::kFramesPerSecond;
}

double WindowTimes::start_seconds(int64_t window) const {
  return single ? 0 : seconds(static_cast<double>(window) - 0.5);
}

double WindowTimes::end_seconds(int64_t window) const {
  return single ? static_cast<double>(frames) / io::kFramesPerSecond : seconds(static_cast<double>(window) + 0.5);
}

SlidingWindows::SlidingWindows(const WindowSettings& settings, ClassifyWindows classify, TakeWindow take)
    : settings_(settings), classify_(std::move(classify)), take_(std::move(take)), buffer_(settings.available) {
  settings_.validate();
}

WindowTimes SlidingWindows::times() const { return {settings_.hop_frames, frames(), single_}; }

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
  give();
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
  waiting_.push_back({answer, {}});
  if (answer.heard_by) {
    Batch& batch = batches_.at(static_cast<size_t>(*answer.heard_by));
    const int length = settings_.window_frames;
    batch.stretches.push_back(buffer_.cut(middle - length / 2, length, wanted_by(*answer.heard_by)));
    batch.windows.push_back(window);
    if (static_cast<int>(batch.windows.size()) == settings_.batch) classify(*answer.heard_by);
  } else {
    waiting_.back().row.assign(static_cast<size_t>(settings_.labels), 0.f);
  }
  // A batch that others' windows do not fill must not keep everything behind it waiting.
  if (static_cast<int>(waiting_.size()) >= kMostWaitingBatches * settings_.batch && waiting_.front().row.empty())
    classify(waiting_.front().answer.heard_by.value());
  give();
}

void SlidingWindows::give() {
  for (; !waiting_.empty() && !waiting_.front().row.empty(); waiting_.pop_front(), ++given_)
    take_(waiting_.front().answer, waiting_.front().row);
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
    waiting_.at(static_cast<size_t>(batch.windows[i] - given_))
        .row.assign(rows.data() + i * labels, rows.data() + (i + 1) * labels);
  batch = {};
}

}  // namespace avsr::pipeline
