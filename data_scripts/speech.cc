#include "data_scripts/speech.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "io/program.h"
#include "io/sound_file.h"

namespace avsr::data_scripts {
namespace {

constexpr const char* kPause = "pau";
constexpr int kVoicesOfSpeaker = 9;

struct Speaker {
  const char* name;
  double shortest, longest;  // the range of `tract` that still sounds like a person
};
constexpr std::array kSpeakers{Speaker{"kal16", 0.92, 1.28}, Speaker{"awb", 0.90, 1.22}, Speaker{"rms", 0.92, 1.30},
                               Speaker{"slt", 0.82, 1.10}};

// Places of the nine voices of a speaker between its shortest and longest tract: val and test lie between training's.
const char* split_of(int voice) {
  if (voice == 2 || voice == 6) return "test";
  return voice == 4 ? "val" : "train";
}

Voice make_voice(const Speaker& speaker, int index) {
  Voice voice;
  voice.speaker = speaker.name;
  voice.tract = speaker.shortest + (speaker.longest - speaker.shortest) * index / (kVoicesOfSpeaker - 1);
  // Against the order of the tracts, so that pitch and formants do not always go together.
  voice.pitch = 0.88 + 0.04 * ((index * 5) % kVoicesOfSpeaker);
  voice.name = fmt::format("{}-{}", speaker.name, index + 1);
  return voice;
}

constexpr int kZeroCrossings = 12;  // of the sinc, on each side
constexpr int kStepsPerCrossing = 1024;

// One side of a sinc under a Hann window, finely sampled.
const std::vector<float>& windowed_sinc() {
  static const std::vector<float> kTable = [] {
    constexpr double kPi = 3.14159265358979323846;
    std::vector<float> table(kZeroCrossings * kStepsPerCrossing + 2, 0.0f);
    for (size_t i = 0; i + 2 < table.size(); ++i) {
      const double d = (static_cast<double>(i) + 0.5) / kStepsPerCrossing;
      table[i] = static_cast<float>(std::sin(kPi * d) / (kPi * d) * (0.5 + 0.5 * std::cos(kPi * d / kZeroCrossings)));
    }
    return table;
  }();
  return kTable;
}

}  // namespace

std::vector<Voice> voices_of(const std::string& split) {
  std::vector<Voice> voices;
  for (int index = 0; index < kVoicesOfSpeaker; ++index) {
    for (const Speaker& speaker : kSpeakers) {
      if (split == split_of(index)) voices.push_back(make_voice(speaker, index));
    }
  }
  if (voices.empty()) throw std::invalid_argument(fmt::format("expected split train, val or test, found '{}'", split));
  return voices;
}

std::vector<Phone> parse_segments(const std::string& text) {
  std::vector<Phone> phones;
  std::istringstream stream(text);
  double start = 0;
  for (std::string item; stream >> item;) {
    const size_t colon = item.find(':');
    size_t used = 0;
    double end = -1;
    try {
      if (colon != std::string::npos) end = std::stod(item.substr(colon + 1), &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || colon + 1 + used != item.size() || end < start) {
      throw std::runtime_error(fmt::format("expected segments like 'ax:0.269' with rising times, found '{}'", item));
    }
    phones.push_back({item.substr(0, colon), start, end});
    start = end;
  }
  return phones;
}

std::vector<float> resample(const std::vector<float>& x, double factor) {
  const double cutoff = std::min(1.0, 1 / factor) * 0.97;
  const std::vector<float>& sinc = windowed_sinc();
  const double reach = kZeroCrossings / cutoff, step = cutoff * kStepsPerCrossing;
  std::vector<float> y(static_cast<size_t>(static_cast<double>(x.size()) / factor));
  for (size_t i = 0; i < y.size(); ++i) {
    const double centre = static_cast<double>(i) * factor;
    const long first = std::max(0L, static_cast<long>(std::ceil(centre - reach)));
    const long last = std::min(static_cast<long>(x.size()) - 1, static_cast<long>(centre + reach));
    float sum = 0;
    for (long k = first; k <= last; ++k) {
      sum += x[static_cast<size_t>(k)] * sinc[static_cast<size_t>(std::abs(static_cast<double>(k) - centre) * step)];
    }
    y[i] = sum * static_cast<float>(cutoff);
  }
  return y;
}

Synthesizer::Synthesizer(std::string program, const std::vector<std::string>& vocabulary)
    : program_(std::move(program)) {
  std::string printed;
  try {
    printed = io::run_program(
        {program_, "-voice", "kal16", "-ps", "-t", fmt::format("{}.", fmt::join(vocabulary, ". ")), "-o", "none"});
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("{}; the synthetic corpus needs the speech synthesiser flite "
                    "(Debian: apt-get install flite)",
                    error.what()));
  }
  std::istringstream stream(printed);
  std::vector<int> counts;
  bool pause = true;
  for (std::string name; stream >> name;) {
    if (name == kPause) {
      pause = true;
      continue;
    }
    if (pause) counts.push_back(0);
    ++counts.back();
    pause = false;
  }
  if (counts.size() != vocabulary.size()) {
    throw std::runtime_error(
        fmt::format("expected the phones of {} words from {}, found {}", vocabulary.size(), program_, counts.size()));
  }
  for (size_t i = 0; i < counts.size(); ++i) phone_counts_[vocabulary[i]] = counts[i];
}

Utterance Synthesizer::speak(const Voice& voice, const std::vector<std::string>& words, double rate,
                             const std::string& scratch) const {
  // Reading the samples `tract` times faster shortens everything, so the program speaks that much slower.
  const std::string text = fmt::format("{}", fmt::join(words, " "));
  const std::string printed = io::run_program(
      {program_, "-voice", voice.speaker, "--setf", fmt::format("duration_stretch={:.4f}", voice.tract / rate),
       "--setf", fmt::format("f0_shift={:.4f}", voice.pitch), "-psdur", "-t", text, "-o", scratch});
  Utterance utterance;
  utterance.audio.samples = resample(io::read_sound(scratch).samples, voice.tract);
  utterance.phones = parse_segments(printed);
  for (Phone& phone : utterance.phones) phone.start_seconds /= voice.tract, phone.end_seconds /= voice.tract;

  size_t next = 0;
  for (const std::string& word : words) {
    io::Word spoken{word, -1, -1};
    for (int left = phone_counts_.at(word); left > 0 && next < utterance.phones.size(); ++next) {
      const Phone& phone = utterance.phones[next];
      if (phone.name == kPause) continue;
      if (spoken.start_seconds < 0) spoken.start_seconds = phone.start_seconds;
      spoken.end_seconds = phone.end_seconds;
      --left;
    }
    utterance.words.push_back(spoken);
  }
  while (next < utterance.phones.size() && utterance.phones[next].name == kPause) ++next;
  if (next != utterance.phones.size() || utterance.words.back().start_seconds < 0) {
    throw std::runtime_error(fmt::format("{} spoke other phones than expected for '{}': {}", program_, text, printed));
  }
  return utterance;
}

}  // namespace avsr::data_scripts
