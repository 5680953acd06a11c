#include "pipeline/evaluation/test_noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace avsr::pipeline {
namespace {

std::set<std::string> talkers_of(const io::ShardDataset& clips) {
  std::set<std::string> talkers;
  for (int i = 0; i < clips.size(); ++i) talkers.insert(clips.record(i).clip.speaker);
  return talkers;
}

// Whether all talkers of both are known, and none is in both.
bool strangers(const std::set<std::string>& a, const std::set<std::string>& b) {
  if (a.count("") || b.count("")) return false;
  return std::none_of(a.begin(), a.end(), [&](const std::string& talker) { return b.count(talker) > 0; });
}

// The split that the noise's voices come from; empty: there is none.
std::string voices_split(const TestNoiseFrom& from) {
  const std::set<std::string> tested = talkers_of(open_prepared(from.data, from.tested));
  for (const char* split : {"other", "test"}) {
    const std::set<std::string> there = talkers_of(open_prepared(from.data, split));
    if (split != from.tested && !there.empty() && strangers(there, tested)) return split;
  }
  return "";
}

// Clips to take speech from, where they lie, and what must be said of them.
TestNoise speech_for_noise(const TestNoiseFrom& from, NoiseSource::Utterances& utterances) {
  TestNoise noise;
  const auto trained_on = [&](const std::string& talker) {
    return std::binary_search(from.training_talkers.begin(), from.training_talkers.end(), talker);
  };
  if (const std::string split = voices_split(from); !split.empty()) {
    Dataset::Settings wanted;
    wanted.streams = models::Streams::audio;
    wanted.cache = from.cache;
    wanted.targets = from.targets;
    noise.dataset = Dataset::open(from.data, split, wanted);
    utterances = {noise.dataset.get(), clips_of(*noise.dataset)};
    const std::vector<std::string> talkers = noise.dataset->talkers();
    if (std::any_of(talkers.begin(), talkers.end(), trained_on))
      noise.notes.push_back(fmt::format("the noise's voices are those of split '{}'; training has heard them", split));
    return noise;
  }
  utterances.dataset = &from.split;
  for (int clip : clips_of(from.split)) {
    const std::string& talker = from.split.record(clip).speaker;
    if (!talker.empty() && !trained_on(talker)) utterances.clips.push_back(clip);
  }
  if (utterances.clips.size() < static_cast<size_t>(from.voices)) {
    noise.notes.push_back(
        fmt::format("the noise's talkers may have been heard in training: split '{}' has no others", from.split_name));
    utterances.clips = clips_of(from.split);
  }
  return noise;
}

}  // namespace

TestNoise open_test_noise(const std::string& kind, const TestNoiseFrom& from) {
  TestNoise noise;
  if (kind == "babble" || kind == "speech") {
    NoiseSource::Utterances utterances;
    noise = speech_for_noise(from, utterances);
    noise.source = kind == "babble" ? NoiseSource::babble(utterances, {.voices = from.voices})
                                    : NoiseSource::speech_shaped(utterances);
  } else if (kind == "white") {
    noise.source = NoiseSource::white();
  } else if (kind == "pink") {
    noise.source = NoiseSource::pink();
  } else {
    noise.source = std::filesystem::is_directory(kind) ? NoiseSource::folder(kind) : NoiseSource::file(kind);
  }
  return noise;
}

}  // namespace avsr::pipeline
