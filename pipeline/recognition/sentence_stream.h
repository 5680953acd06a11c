// Sentence models over a recording of any length: utterances leave it as the recording runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/recognition/answering.h"
#include "pipeline/recognition/sentence_windows.h"
#include "pipeline/recognition/stream_buffer.h"
#include "pipeline/recognition/utterance_cutter.h"
#include "preprocessing/voice_activity.h"

namespace avsr::pipeline {

// What the model for these streams makes of a batch of windows: of each the log-probabilities (frames, V).
using SpellWindows =
    std::function<std::vector<std::vector<float>>(models::Streams streams, const std::vector<Stretch>&)>;

struct SentenceStreamSettings {
  ModelKinds models;         // at hand
  Wanted available;          // what the recording has of what the models want
  int window_frames = 75;    // that the models were trained on
  int batch = 8;             // windows given to a model at a time
  bool skip_silence = true;  // false: speech everywhere
  CuttingSettings cutting;
  preprocessing::VoiceSettings voice;
};

// Where models listen and there is sound, its silence is skipped (VoiceActivity); Note [Windows of sentences]. Memory:
// the frames of a batch of windows and of the voice activity's delay, and the rows of an utterance.
class SentenceStream {
 public:
  SentenceStream(const SentenceStreamSettings& settings, SpellWindows spell, UtteranceCutter::Sink sink);

  // As StreamBuffer::push. Utterances, and stretches that nobody answers, go to the sink in order of time.
  void push(int frames, const io::Frames& mouth, std::span<const uint8_t> face, std::span<const float> audio);
  void finish();  // no push afterwards
  int64_t frames() const { return buffer_.end(); }

 private:
  void decide();
  void decide(bool sound, bool voice);
  void make_windows(bool at_end);
  void spell_batch();

  SentenceStreamSettings settings_;
  SpellWindows spell_;
  StreamBuffer buffer_;
  std::optional<preprocessing::VoiceActivity> voice_;  // none: nobody listens, or there is nothing to hear
  int64_t decided_ = 0;                                // frames of which is known who answers
  SentenceWindows windows_;
  std::vector<SentenceWindow> batch_;  // the first one is answered
  std::vector<Stretch> stretches_;     // of the batch's windows of at least one frame, all of the same streams
  bool had_full_batch_ = false;
  UtteranceCutter cutter_;
};

}  // namespace avsr::pipeline
