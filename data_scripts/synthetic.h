// A synthetic corpus of LRW's layout: drawn faces that say words in context.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data_scripts/drawn_face.h"
#include "data_scripts/speech.h"

namespace avsr::data_scripts {

constexpr int kSyntheticFrames = 29;  // of a clip, the word in their middle

struct SyntheticOptions {
  std::filesystem::path out;
  int words = 20;        // the first so many of synthetic_words()
  int train_clips = 70;  // of each word …
  int val_clips = 10;
  int test_clips = 30;
  uint64_t seed = 1;
  int workers = 0;  // threads; 0: as many as cores
  std::string speech_program = "flite";
  std::string preset = "ultrafast";  // of libx264

  void validate() const;  // throws std::invalid_argument
};

// The words that can be asked for, and those that stand around them in the clips.
const std::vector<std::string>& synthetic_words();
const std::vector<std::string>& neighbour_words();

// One clip before it is compressed.
struct SyntheticClip {
  io::Frames frames;               // (29, 256, 256)
  io::Waveform audio;              // 18560 samples
  std::vector<MouthCentre> mouth;  // 29, where the lips were drawn
  std::string voice;
  double word_seconds = 0;    // length of the word, which lies in the middle
  std::vector<Phone> phones;  // times from the start of the clip
};

// Makes clips; the same arguments give the same clip, on any thread. Thread-safe.
class SyntheticSource {
 public:
  explicit SyntheticSource(const SyntheticOptions& options);
  // number counts from 1. scratch names a file that may be overwritten.
  SyntheticClip make(const std::string& word, const std::string& split, int number, const std::string& scratch) const;

 private:
  uint64_t seed_;
  Synthesizer synthesizer_;
};

// Writes <out>/<WORD>/<split>/<WORD>_00001.mp4 with a .txt (the word's Duration, the voice as Speaker) and a .mouth.tsv
// (frame, x, y of the drawn mouth's centre) beside it. Clips already there are kept, so that a stopped run goes on; a
// folder made with other settings is refused (std::runtime_error). progress(done, total) is called from any thread, one
// call at a time; an exception it throws stops the run. Files depend on the options alone, not on the workers.
void write_synthetic_corpus(const SyntheticOptions& options, const std::function<void(int, int)>& progress = {});

}  // namespace avsr::data_scripts
