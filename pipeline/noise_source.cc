#include "pipeline/noise_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "io/sound_file.h"
#include "preprocessing/noise.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

bool is_silent(const io::Waveform& wave) {
  return std::all_of(wave.samples.begin(), wave.samples.end(), [](float value) { return value == 0; });
}

std::shared_ptr<const preprocessing::NoiseBank> fill_bank(const NoiseSource::Utterances& source, size_t most,
                                                          const preprocessing::BabbleSettings& settings) {
  auto bank = std::make_shared<preprocessing::NoiseBank>(settings);
  const size_t count = source.clips.size(), wanted = std::min(count, most);
  for (size_t i = 0; i < wanted; ++i) {
    const int clip = source.clips[i * count / wanted];
    const auto stored = source.dataset->clip(clip);
    if (stored->samples.empty()) continue;
    const int frames = static_cast<int>(stored->samples.size() / io::kSamplesPerFrame);
    io::Waveform wave = cut_stretch(*stored, 0, frames).audio;
    if (!is_silent(wave)) bank->add(source.dataset->record(clip).speaker, std::move(wave));
  }
  return bank;
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
  NoiseSource source;
  source.bank_ = fill_bank(from, static_cast<size_t>(most), settings);
  const preprocessing::NoiseBank& bank = *source.bank_;
  if (bank.size() < static_cast<size_t>(settings.voices))
    throw std::runtime_error(
        fmt::format("[noise] babble of {} voices needs as many utterances, got {}", settings.voices, bank.size()));
  const std::vector<std::string> talkers = bank.talkers();
  const bool left_out = std::any_of(talkers.begin(), talkers.end(),
                                    [&](const std::string& talker) { return bank.can_leave_out(talker); });
  source.description_ = {
      {"kind", "babble"},   {"voices", settings.voices},       {"utterances", bank.size()},
      {"talkers", talkers}, {"own_talker_left_out", left_out}, {"hash", fmt::format("{:016x}", bank.fingerprint())}};
  return source;
}

io::Waveform NoiseSource::make(uint64_t seed, const std::string& key, const std::string& talker, size_t samples) const {
  if (bank_) return bank_->babble(seed, key, samples, talker);
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
