#include "pipeline/data/noise_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "io/sound_file.h"
#include "preprocessing/coloured_noise.h"
#include "preprocessing/noise.h"
#include "preprocessing/noise_bank.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

bool is_silent(const io::Waveform& wave) {
  return std::all_of(wave.samples.begin(), wave.samples.end(), [](float value) { return value == 0; });
}

// At most `most` of the clips, evenly spaced, that are not silent: visit(talker, sound).
template <typename Visit>
void for_some(const NoiseSource::Utterances& source, size_t most, const Visit& visit) {
  const size_t count = source.clips.size(), wanted = std::min(count, most);
  for (size_t i = 0; i < wanted; ++i) {
    const int clip = source.clips[i * count / wanted];
    const auto stored = source.dataset->clip(clip);
    if (stored->samples.empty()) continue;
    const int frames = static_cast<int>(stored->samples.size() / io::kSamplesPerFrame);
    io::Waveform wave = cut_stretch(*stored, 0, frames).audio;
    if (!is_silent(wave)) visit(source.dataset->record(clip).speaker, std::move(wave));
  }
}

uint64_t clip_key(uint64_t seed, const std::string& key) {
  return preprocessing::derive_key(seed, preprocessing::hash_text(key));
}

struct NoiseFile {
  io::Waveform wave;
  nlohmann::json description;
};

NoiseFile read_noise(const std::string& path) {
  NoiseFile file{io::read_sound(path), {}};
  const std::vector<float>& samples = file.wave.samples;
  if (samples.empty() || is_silent(file.wave))
    throw std::runtime_error(fmt::format("[noise] {} is silent or empty", path));
  if (!std::all_of(samples.begin(), samples.end(), [](float value) { return std::isfinite(value); }))
    throw std::runtime_error(fmt::format("[noise] {}: a sample is not a number", path));
  const std::string_view bytes(reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof(float));
  file.description = {{"file", path},
                      {"seconds", file.wave.seconds()},
                      {"hash", fmt::format("{:016x}", preprocessing::hash_text(bytes))}};
  return file;
}

// From a random place; repeated when the wave is shorter.
io::Waveform stretch_of(const io::Waveform& wave, preprocessing::Random& random, size_t samples) {
  const size_t length = wave.samples.size(), start = random.below(length > samples ? length - samples + 1 : length);
  io::Waveform noise;
  noise.samples.resize(samples);
  for (size_t i = 0; i < samples; ++i) noise.samples[i] = wave.samples[(start + i) % length];
  return noise;
}

bool is_sound(const std::filesystem::path& path) {
  static const std::set<std::string> kEndings{".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au"};
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return kEndings.count(ending) > 0;
}

}  // namespace

std::vector<int> clips_of(const Dataset& dataset) {
  std::set<int> clips;
  for (const Sample& sample : dataset.samples()) clips.insert(sample.clip);
  return {clips.begin(), clips.end()};
}

NoiseSource NoiseSource::white() {
  return {{{"kind", "white"}}, [](uint64_t seed, const std::string& key, const std::string&, size_t samples) {
            return preprocessing::white_noise(clip_key(seed, key), samples);
          }};
}

NoiseSource NoiseSource::pink() {
  return {{{"kind", "pink"}}, [](uint64_t seed, const std::string& key, const std::string&, size_t samples) {
            return preprocessing::pink_noise(clip_key(seed, key), samples);
          }};
}

NoiseSource NoiseSource::file(const std::string& path) {
  NoiseFile file = read_noise(path);
  file.description["kind"] = "file";
  return {file.description, [wave = std::make_shared<const io::Waveform>(std::move(file.wave))](
                                uint64_t seed, const std::string& key, const std::string&, size_t samples) {
            preprocessing::Random random(clip_key(seed, key));
            return stretch_of(*wave, random, samples);
          }};
}

NoiseSource NoiseSource::folder(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file() && is_sound(entry.path())) names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  if (names.empty())
    throw std::runtime_error(fmt::format(
        "[noise] {}: expected sound files (.wav, .flac, .ogg, .mp3, .aiff, .au) in the folder, found none", path));
  auto waves = std::make_shared<std::vector<io::Waveform>>();
  nlohmann::json files = nlohmann::json::array();
  for (const std::string& name : names) {
    NoiseFile file = read_noise(name);
    waves->push_back(std::move(file.wave));
    files.push_back(std::move(file.description));
  }
  return {{{"kind", "folder"}, {"folder", path}, {"files", files}},
          [waves](uint64_t seed, const std::string& key, const std::string&, size_t samples) {
            preprocessing::Random random(clip_key(seed, key));
            const io::Waveform& wave = (*waves)[random.below(waves->size())];
            return stretch_of(wave, random, samples);
          }};
}

NoiseSource NoiseSource::babble(const Utterances& from, const preprocessing::BabbleSettings& settings, int most) {
  auto bank = std::make_shared<preprocessing::NoiseBank>(settings);
  for_some(from, static_cast<size_t>(most),
           [&](const std::string& talker, io::Waveform wave) { bank->add(talker, std::move(wave)); });
  if (bank->size() < static_cast<size_t>(settings.voices))
    throw std::runtime_error(
        fmt::format("[noise] babble of {} voices needs as many utterances, got {}", settings.voices, bank->size()));
  const std::vector<std::string> talkers = bank->talkers();
  const bool left_out = std::any_of(talkers.begin(), talkers.end(),
                                    [&](const std::string& talker) { return bank->can_leave_out(talker); });
  return {{{"kind", "babble"},
           {"voices", settings.voices},
           {"utterances", bank->size()},
           {"talkers", talkers},
           {"own_talker_left_out", left_out},
           {"hash", fmt::format("{:016x}", bank->fingerprint())}},
          [bank](uint64_t seed, const std::string& key, const std::string& talker, size_t samples) {
            return bank->babble(seed, key, samples, talker);
          }};
}

NoiseSource NoiseSource::speech_shaped(const Utterances& from, int most) {
  auto spectrum = std::make_shared<preprocessing::SpeechSpectrum>();
  std::set<std::string> talkers;
  int utterances = 0;
  for_some(from, static_cast<size_t>(most), [&](const std::string& talker, const io::Waveform& wave) {
    spectrum->add(wave);
    talkers.insert(talker);
    ++utterances;
  });
  if (spectrum->empty()) throw std::runtime_error("[noise] speech-shaped noise needs speech, and all clips are silent");
  return {{{"kind", "speech"}, {"utterances", utterances}, {"talkers", talkers}},
          [spectrum](uint64_t seed, const std::string& key, const std::string&, size_t samples) {
            return spectrum->noise(clip_key(seed, key), samples);
          }};
}

io::Waveform NoiseSource::make(uint64_t seed, const std::string& key, const std::string& talker, size_t samples) const {
  return make_(seed, key, talker, samples);
}

}  // namespace avsr::pipeline
