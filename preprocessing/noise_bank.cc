#include "preprocessing/noise_bank.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <stdexcept>

#include "preprocessing/noise.h"

namespace avsr::preprocessing {

void BabbleSettings::validate() const {
  if (voices < 8) throw std::invalid_argument(fmt::format("[babble] expected at least 8 voices, got {}", voices));
  if (!(slowest >= 0.25 && slowest <= fastest && fastest <= 4)) {
    throw std::invalid_argument(
        fmt::format("[babble] expected speeds 0.25 <= slowest <= fastest <= 4, got {} and {}", slowest, fastest));
  }
}

void NoiseBank::add(const std::string& talker, io::Waveform utterance) {
  double power = 0;
  for (const float v : utterance.samples) power += double{v} * v;
  power /= static_cast<double>(std::max<size_t>(1, utterance.samples.size()));
  if (!std::isfinite(power) || power <= 1e-14) {
    throw std::invalid_argument(fmt::format("[babble] an utterance of talker '{}' is silent or not finite", talker));
  }
  const double gain = 1 / std::sqrt(power);
  for (float& v : utterance.samples) v = static_cast<float>(gain * v);
  utterances_.push_back({talker, std::move(utterance)});
}

std::vector<std::string> NoiseBank::talkers() const {
  std::set<std::string> names;
  for (const Utterance& u : utterances_) names.insert(u.talker);
  return {names.begin(), names.end()};
}

bool NoiseBank::can_leave_out(const std::string& talker) const {
  const auto others = std::count_if(utterances_.begin(), utterances_.end(),
                                    [&](const Utterance& utterance) { return utterance.talker != talker; });
  return !talker.empty() && others >= settings_.voices;
}

uint64_t NoiseBank::fingerprint() const {
  uint64_t key = derive_key(settings_.voices, std::bit_cast<uint64_t>(settings_.slowest),
                            std::bit_cast<uint64_t>(settings_.fastest));
  for (const Utterance& u : utterances_) {
    key = derive_key(key, hash_text(u.talker), u.wave.samples.size());
    for (const float v : u.wave.samples) key = key * 0x100000001B3u ^ std::bit_cast<uint32_t>(v);
  }
  return mix(key);
}

// One voice: its first utterance from a random offset, then others of the bank, until the time is filled; then scaled
// to power 1 over this very stretch, so that all voices are equally loud in it.
void NoiseBank::add_voice(Random& random, const Choice& utterances, size_t first_utterance,
                          std::vector<double>& sum) const {
  const double speed = random.uniform(settings_.slowest, settings_.fastest);
  std::vector<float> voice;
  voice.reserve(sum.size());
  size_t which = first_utterance;
  for (bool first = true; voice.size() < sum.size(); first = false) {
    const std::vector<float>& source = utterances[which]->wave.samples;
    const size_t start = first ? random.below(source.size()) : 0;
    const auto wanted = static_cast<size_t>(std::ceil(static_cast<double>(sum.size() - voice.size()) * speed)) + 2;
    io::Waveform part;
    part.samples.assign(source.begin() + static_cast<long>(start),
                        source.begin() + static_cast<long>(std::min(source.size(), start + wanted)));
    if (speed != 1) part = change_speed(part, speed);
    voice.insert(voice.end(), part.samples.begin(), part.samples.end());
    which = random.below(utterances.size());
  }
  double power = 0;
  for (size_t i = 0; i < sum.size(); ++i) power += double{voice[i]} * voice[i];
  if (power <= 0) return;  // a pause as long as the clip
  const double gain = std::sqrt(static_cast<double>(sum.size()) / power);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += gain * voice[i];
}

io::Waveform NoiseBank::babble(uint64_t seed, std::string_view clip_key, size_t samples,
                               const std::string& without_talker) const {
  const auto voices = static_cast<size_t>(settings_.voices);
  if (utterances_.size() < voices) {
    throw std::runtime_error(fmt::format("[babble] expected a bank of at least {} utterances, got {}: add more speech",
                                         voices, utterances_.size()));
  }
  Choice utterances;
  const bool leave_out = can_leave_out(without_talker);
  for (const Utterance& utterance : utterances_)
    if (!leave_out || utterance.talker != without_talker) utterances.push_back(&utterance);
  Random random(derive_key(seed, hash_text(clip_key), hash_text("babble")));
  std::vector<double> sum(samples, 0.0);
  std::set<size_t> used;
  while (used.size() < voices) {
    const size_t first = random.below(utterances.size());
    if (used.insert(first).second) add_voice(random, utterances, first, sum);
  }
  io::Waveform noise;
  noise.samples.resize(samples);
  const double gain = 1 / std::sqrt(static_cast<double>(voices));
  std::transform(sum.begin(), sum.end(), noise.samples.begin(), [&](double v) { return static_cast<float>(gain * v); });
  return noise;
}

}  // namespace avsr::preprocessing
