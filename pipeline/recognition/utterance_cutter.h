// From windows of symbols' probabilities to utterances: what is decoded as one sentence.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/recognition/sentence_windows.h"

namespace avsr::pipeline {

struct Utterance {
  int64_t first_frame = 0;
  int frames = 0;
  Answer answer;
  std::vector<float> log_probabilities;  // (T, V), T = frames; empty where nobody answers
};

struct CuttingSettings {
  int symbols = 0;               // V; the blank is 0
  std::optional<int> separator;  // the symbol between words
  // So many frames in a row in which blank or separator are likeliest end an utterance.
  int pause_frames = 15;
  int longest_frames = 500;  // longer ones are cut where blank and separator are likeliest, in their second half
  void validate() const;     // throws std::invalid_argument naming the setting
};

// Where windows overlap, a frame's probabilities come from the window in which it stands nearer to the middle; the seam
// lies where both windows agree, if there is such a place in the middle half of the overlap. Utterances in which
// nothing but blanks and separators is likeliest are left out. Holds at most an utterance and a window.
class UtteranceCutter {
 public:
  using Sink = std::function<void(Utterance&&)>;
  UtteranceCutter(const CuttingSettings& settings, Sink sink);

  // Windows in their order, with rows (window.frames, V); a stretch that nobody answers gives an utterance of no rows.
  void add(const SentenceWindow& window, std::span<const float> rows);

 private:
  void join(const SentenceWindow& window, std::span<const float> rows);
  int64_t seam(const SentenceWindow& window, std::span<const float> rows) const;
  void scan(int64_t until);
  bool is_silent(int64_t frame) const;
  int64_t best_cut(int64_t end) const;
  void cut(int64_t end);
  void drop_front(int64_t frame);
  std::span<const float> row(int64_t frame) const;
  int64_t end() const;

  CuttingSettings settings_;
  Sink sink_;
  Answer answer_;
  int64_t first_ = 0, scanned_ = 0;  // frames: of the first row that is held, and of the first not looked at
  int silent_run_ = 0;               // silent frames at the end of what was looked at
  bool content_ = false;             // whether something was said since first_
  std::vector<float> rows_;
};

}  // namespace avsr::pipeline
