#include "pipeline/noise_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "io/sound_file.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kMostBanks = 64;  // beyond that many talkers one bank serves all

struct Utterance {
  std::string talker;
  io::Waveform wave;
};

bool is_silent(const io::Waveform& wave) {
  return std::all_of(wave.samples.begin(), wave.samples.end(), [](float value) { return value == 0; });
}

std::vector<Utterance> collect(const NoiseSource::Utterances& source, int most) {
  std::vector<Utterance> utterances;
  const size_t count = source.clips.size(), wanted = std::min(count, static_cast<size_t>(most));
  for (size_t i = 0; i < wanted; ++i) {
    const int clip = source.clips[i * count / wanted];
    const auto stored = source.dataset->clip(clip);
    if (stored->samples.empty()) continue;
    const int frames = static_cast<int>(stored->samples.size() / io::kSamplesPerFrame);
    Utterance utterance{source.dataset->record(clip).speaker, cut_stretch(*stored, 0, frames).audio};
    if (!is_silent(utterance.wave)) utterances.push_back(std::move(utterance));
  }
  return utterances;
}

}  // namespace

std::vector<int> clips_of(const Dataset& dataset) {
  std::set<int> clips;
  for (const Sample& sample : dataset.samples()) clips.insert(sample.clip);
  return {clips.begin(), clips.end()};
}

NoiseSource NoiseSource::white() {
  NoiseSource source;
  source.description_ = {{"kind", "white"}};
  return source;
}

NoiseSource NoiseSource::file(const std::string& path) {
  NoiseSource source;
  source.file_ = std::make_shared<io::Waveform>(io::read_sound(path));
  if (source.file_->samples.empty() || is_silent(*source.file_))
    throw std::runtime_error(fmt::format("[noise] {} is silent or empty", path));
  const std::string_view bytes(reinterpret_cast<const char*>(source.file_->samples.data()),
                               source.file_->samples.size() * sizeof(float));
  source.description_ = {{"kind", "file"},
                         {"file", path},
                         {"seconds", source.file_->seconds()},
                         {"hash", fmt::format("{:016x}", preprocessing::hash_text(bytes))}};
  return source;
}

NoiseSource NoiseSource::babble(const Utterances& from, const preprocessing::BabbleSettings& settings, int most) {
  const std::vector<Utterance> utterances = collect(from, most);
  if (utterances.size() < static_cast<size_t>(settings.voices))
    throw std::runtime_error(fmt::format("[noise] babble of {} voices needs as many utterances, got {}",
                                         settings.voices, utterances.size()));
  std::map<std::string, size_t> talkers;
  for (const Utterance& utterance : utterances) ++talkers[utterance.talker];

  const auto bank_but = [&](const std::string* absent) {
    auto bank = std::make_shared<preprocessing::NoiseBank>(settings);
    for (const Utterance& utterance : utterances)
      if (!absent || utterance.talker != *absent) bank->add(utterance.talker, utterance.wave);
    return bank;
  };
  NoiseSource source;
  const auto all = bank_but(nullptr);
  source.banks_[""] = all;
  if (talkers.size() <= kMostBanks)
    for (const auto& [talker, count] : talkers)
      if (!talker.empty() && utterances.size() - count >= static_cast<size_t>(settings.voices))
        source.banks_[talker] = bank_but(&talker);
  source.description_ = {{"kind", "babble"},
                         {"voices", settings.voices},
                         {"utterances", all->size()},
                         {"talkers", all->talkers()},
                         {"own_talker_left_out", source.banks_.size() > 1},
                         {"hash", fmt::format("{:016x}", all->fingerprint())}};
  return source;
}

const preprocessing::NoiseBank& NoiseSource::bank_without(const std::string& talker) const {
  const auto found = banks_.find(talker);
  return found != banks_.end() ? *found->second : *banks_.at("");
}

io::Waveform NoiseSource::make(uint64_t seed, const std::string& key, const std::string& talker, size_t samples) const {
  if (!banks_.empty()) return bank_without(talker).babble(seed, key, samples);
  const uint64_t clip_key = preprocessing::derive_key(seed, preprocessing::hash_text(key));
  if (!file_) return preprocessing::white_noise(clip_key, samples);
  preprocessing::Random random(clip_key);
  const size_t length = file_->samples.size(), start = random.below(length > samples ? length - samples + 1 : length);
  io::Waveform noise;
  noise.samples.resize(samples);
  for (size_t i = 0; i < samples; ++i) noise.samples[i] = file_->samples[(start + i) % length];
  return noise;
}

}  // namespace avsr::pipeline
