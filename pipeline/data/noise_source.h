// Where the noise of training and evaluation comes from, and how it gets to a clip: the same clip, level and seed give
// the same noise, whatever the model, the thread or the order.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/clip.h"
#include "pipeline/data/dataset.h"
#include "preprocessing/noise_bank.h"

namespace avsr::pipeline {

class NoiseSource {
 public:
  NoiseSource() = default;  // makes nothing; to be assigned
  static NoiseSource white();
  static NoiseSource pink();
  // A sound file: each clip gets a stretch of it from a random place (repeated when the file is shorter).
  static NoiseSource file(const std::string& path);
  // The sound files of a folder and those below it, in order of name; each clip gets a stretch of one of them. Throws
  // std::runtime_error when there is none.
  static NoiseSource folder(const std::string& path);
  // Babble of the examples' clips, at most `most` of them evenly spaced. A clip's own talker is left out of its babble
  // where the other talkers have utterances enough. Throws std::runtime_error when there are fewer utterances than
  // voices.
  struct Utterances {
    const Dataset* dataset = nullptr;
    std::vector<int> clips;  // of the dataset
  };
  static NoiseSource babble(const Utterances& utterances, const preprocessing::BabbleSettings& settings,
                            int most = 400);

  // Noise with the long-term spectrum of these clips, at most `most` of them. Throws std::runtime_error when all are
  // silent.
  static NoiseSource speech_shaped(const Utterances& utterances, int most = 400);

  // `samples` of noise for a clip of this talker.
  io::Waveform make(uint64_t seed, const std::string& key, const std::string& talker, size_t samples) const;
  // For reports: kind, file or talkers, and a hash of the sound.
  const nlohmann::json& description() const { return description_; }

 private:
  using Make =
      std::function<io::Waveform(uint64_t seed, const std::string& key, const std::string& talker, size_t samples)>;
  NoiseSource(nlohmann::json description, Make make) : description_(std::move(description)), make_(std::move(make)) {}

  nlohmann::json description_;
  Make make_;
};

// All clips that a dataset's examples come from, in order.
std::vector<int> clips_of(const Dataset& dataset);

}  // namespace avsr::pipeline
