// Babble: many voices at once, made of the utterances of a corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/clip.h"
#include "preprocessing/random.h"

namespace avsr::preprocessing {

struct BabbleSettings {
  int voices = 8;                   // utterances summed at every moment; at least 8
  double slowest = 1, fastest = 1;  // each voice's speed is drawn from this range (0.8 … 1.25 makes new voices of old)
  void validate() const;            // throws std::invalid_argument
};

// Utterances of the talkers whose babble one split hears. Which talkers those are is the caller's choice.
class NoiseBank {
 public:
  explicit NoiseBank(const BabbleSettings& settings = {}) : settings_(settings) { settings_.validate(); }
  // Silent utterances are refused (std::invalid_argument). Scaled to power 1.
  void add(const std::string& talker, io::Waveform utterance);
  size_t size() const { return utterances_.size(); }
  // Sorted, without repetition.
  std::vector<std::string> talkers() const;
  // Whether babble can do without this talker: it is named, and the others have enough utterances.
  bool can_leave_out(const std::string& talker) const;
  // A hash of all utterances and settings, for reports: equal banks give equal noise.
  uint64_t fingerprint() const;

  // `voices` different utterances, each of power 1, started at random offsets and followed by others until `samples`
  // are full, summed. None is of `without_talker`, where can_leave_out says so. The same for the same utterances, seed,
  // clip and length on every machine. Throws std::runtime_error when the bank has fewer utterances than voices.
  io::Waveform babble(uint64_t seed, std::string_view clip_key, size_t samples,
                      const std::string& without_talker = "") const;

 private:
  struct Utterance {
    std::string talker;
    io::Waveform wave;
  };
  using Choice = std::vector<const Utterance*>;
  void add_voice(Random& random, const Choice& utterances, size_t first_utterance, std::vector<double>& sum) const;
  BabbleSettings settings_;
  std::vector<Utterance> utterances_;
};

}  // namespace avsr::preprocessing
