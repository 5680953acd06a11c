// Synthetic speech with the times of its phones, from the program flite (run, never linked).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/clip.h"

namespace avsr::data_scripts {

// Note [Why flite]
// The mouth must move with the sound, so the times of the phones have to be known. The program espeak-ng prints them
// only with MBROLA voices, which Debian's main archive lacks; its library gives them, but it is GPL-3 and this project
// links no GPL code. The program flite prints the end of each segment it speaks (-psdur), its licence is of the BSD
// kind, and both Debians have it.

// One voice: a speaker of flite whose vocal tract is made longer or shorter by resampling (all formants and the pitch
// move by `tract`; the rate is compensated), and whose pitch is moved further by `pitch`.
struct Voice {
  std::string name;     // [a-z0-9-]+, unique
  std::string speaker;  // flite's voice
  double tract = 1;     // > 1: a shorter vocal tract
  double pitch = 1;
};

// 36 voices of four speakers, nine each. Which split may use a voice is fixed, so that no voice is in two of them:
// 24 "train", 4 "val", 8 "test".
std::vector<Voice> voices_of(const std::string& split);

struct Phone {
  std::string name;  // flite's names of American English phones ("ax", "b", …); "pau" is silence
  double start_seconds = 0, end_seconds = 0;
};

struct Utterance {
  io::Waveform audio;
  std::vector<Phone> phones;
  std::vector<io::Word> words;
};

// Reads "pau:0.220 dh:0.267 …" (name and end of each segment). Throws std::runtime_error on anything else.
std::vector<Phone> parse_segments(const std::string& text);

// x read at `factor` times its rate: length / factor samples, pitch and formants times factor (windowed sinc).
std::vector<float> resample(const std::vector<float>& x, double factor);

// Thread-safe once made.
class Synthesizer {
 public:
  // Asks the program for the phones of the vocabulary (one call). Throws std::runtime_error saying what to install
  // when it is absent.
  Synthesizer(std::string program, const std::vector<std::string>& vocabulary);

  // Speaks words of the vocabulary in one breath; rate > 1 is faster. scratch names a file that may be overwritten.
  // Throws std::runtime_error when the program speaks other phones than the words have.
  Utterance speak(const Voice& voice, const std::vector<std::string>& words, double rate,
                  const std::string& scratch) const;

 private:
  std::string program_;
  std::map<std::string, int> phone_counts_;  // of each word, without pauses
};

}  // namespace avsr::data_scripts
