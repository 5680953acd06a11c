#include "pipeline/recognition/sentence_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::pipeline {

namespace {

// Where silence is skipped, what is left has its own ends: blanks in it may be a model that is early or late.
CuttingSettings cutting_of(const SentenceStreamSettings& settings) {
  CuttingSettings cutting = settings.cutting;
  if (settings.available.audio && settings.skip_silence) cutting.pause_frames = cutting.longest_frames / 2;
  return cutting;
}

}  // namespace

SentenceStream::SentenceStream(const SentenceStreamSettings& settings, SpellWindows spell, UtteranceCutter::Sink sink)
    : settings_(settings),
      spell_(std::move(spell)),
      buffer_(settings.available),
      windows_(settings.window_frames),
      cutter_(cutting_of(settings), std::move(sink)) {
  if (settings.batch < 1)
    throw std::invalid_argument(fmt::format("[sentences] a batch has at least 1 window, got {}", settings.batch));
  if (settings.available.audio) voice_.emplace(settings.voice);
}

void SentenceStream::push(int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                          std::span<const float> audio) {
  buffer_.push(frames, mouth, face, audio);
  if (voice_) voice_->push(audio);
  decide();
  make_windows(false);
}

void SentenceStream::finish() {
  if (voice_) voice_->finish();
  decide();
  windows_.finish();
  make_windows(true);
}

void SentenceStream::decide() {
  if (voice_)
    for (const preprocessing::VoiceFrame& frame : voice_->take()) decide(frame.sound, frame.voice);
  else
    while (decided_ < buffer_.end()) decide(false, false);
}

void SentenceStream::decide(bool sound, bool voice) {
  // Without a model for lips alone, sound that is too quiet is no reason to give up.
  const bool heard = voice_ && (sound || !settings_.models.video);
  windows_.push(settings_.models.answer({buffer_.face(decided_++), heard, voice || !settings_.skip_silence}));
}

void SentenceStream::make_windows(bool at_end) {
  while (const std::optional<SentenceWindow> window = windows_.take(buffer_.end())) {
    const bool answered = window->frames > 0;
    if (answered && !batch_.empty() && batch_.front().answer.heard_by != window->answer.heard_by) spell_batch();
    batch_.push_back(*window);
    if (answered) stretches_.push_back(buffer_.cut(window->start, window->frames, wanted_by(*window->answer.heard_by)));
    if (stretches_.empty() || static_cast<int>(stretches_.size()) == settings_.batch) spell_batch();
  }
  if (at_end) spell_batch();
  buffer_.drop_before(std::min(windows_.needed_from(), decided_));
}

void SentenceStream::spell_batch() {
  std::vector<std::vector<float>> rows;
  const size_t windows = stretches_.size();
  had_full_batch_ |= windows == static_cast<size_t>(settings_.batch);
  // A batch of a new size costs the back end memory for its shapes, at last the recording's last one.
  if (windows > 0 && had_full_batch_) stretches_.resize(static_cast<size_t>(settings_.batch), stretches_.back());
  if (windows > 0) rows = spell_(*batch_.front().answer.heard_by, stretches_);
  if (rows.size() != stretches_.size())
    throw std::logic_error(fmt::format("[sentences] {} answers for {} windows", rows.size(), stretches_.size()));
  rows.resize(windows);
  size_t next = 0;
  for (const SentenceWindow& window : batch_)
    cutter_.add(window, window.frames > 0 ? std::span<const float>(rows[next++]) : std::span<const float>());
  batch_.clear();
  stretches_.clear();
}

}  // namespace avsr::pipeline
