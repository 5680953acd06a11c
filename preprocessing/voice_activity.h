// Where somebody speaks, and where there is any sound at all: from a recording's sound alone, as it runs.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "io/clip.h"
#include "preprocessing/mfcc.h"

namespace avsr::preprocessing {

struct VoiceSettings {
  // The noise floor of a frequency band is this quantile of its energy over so many seconds on each side: it follows
  // a changing background, and forgets, so that what was heard long before changes nothing.
  double floor_seconds = 4, floor_share = 0.1;
  // Mean over the bands of how far they stand above their floors, in dB: speech begins at the first, ends below the
  // second.
  double begin_decibels = 8, end_decibels = 5;
  double shortest_voice_seconds = 0.12;  // less is a click
  double shortest_pause_seconds = 0.52;  // less is a pause within a sentence, and counts as speech
  // Before and behind speech counts as speech, too: its quiet beginnings and ends, and the silence that models know
  // from the ends of training clips. Of a shorter pause each side has half, but for a frame between.
  double padding_seconds = 0.6;
  // No frame of 40 ms within so many seconds on each side reaches this root mean square: there is no sound.
  double sound_seconds = 2, quiet_rms = 1e-3;
  void validate() const;  // throws std::invalid_argument naming the setting
};

struct VoiceFrame {
  bool sound = false;  // false: digital silence, or much too quiet, for seconds
  bool voice = false;  // somebody may speak; errs on the side of speech
};

// Energies of 26 mel bands against an adaptive noise floor (a quantile in place of the minimum of Martin 2001), with
// hysteresis, shortest lengths and padding. It finds speech above a steady background; it cannot tell speech from
// music or from other voices. A band's energy below that of white noise of 1e-4 (-80 dB of full scale) counts as none.
class VoiceActivity {
 public:
  explicit VoiceActivity(const VoiceSettings& settings = {});

  void push(std::span<const float> samples);  // any number of samples at 16 kHz
  void finish();                              // no push afterwards; a last frame that is not full counts as one
  // The frames of 40 ms that are decided since the last call, in order: those at least delay_frames() before the end of
  // what was pushed, all after finish().
  std::vector<VoiceFrame> take();
  int delay_frames() const;

 private:
  struct Frame {
    std::vector<float> bands;  // dB
    float rms = 0;
  };

  void measure(bool at_end);
  void add_frame();
  float decibels_above_floor(int64_t frame) const;
  void score(int64_t frame);
  VoiceFrame decide(int64_t frame);
  const Frame& at(int64_t frame) const { return frames_[static_cast<size_t>(frame - first_)]; }

  VoiceSettings settings_;
  Mfcc mel_;
  int floor_frames_, voice_frames_, pause_frames_, padding_frames_, sound_frames_;
  io::Waveform waiting_;  // samples not yet in a frame, behind those of the window before that overlap
  bool finished_ = false;
  int64_t first_ = 0;  // the oldest frame that is held
  std::deque<Frame> frames_;
  int64_t scored_ = 0, taken_ = 0;  // frames that are scored, and given out
  std::deque<char> active_;         // of frames first_ … scored_ - 1
  int64_t run_start_ = -1;          // of the speech that goes on; -1: none
  int64_t last_active_ = -1;        // of those up to taken_; -1: none
};

}  // namespace avsr::preprocessing
