#include "data_scripts/synthetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <mutex>
#include <stdexcept>

#include "data_scripts/visemes.h"
#include "io/atomic_file.h"
#include "io/parallel.h"
#include "io/temporary_folder.h"
#include "io/video_writer.h"

namespace avsr::data_scripts {
namespace {

using preprocessing::Random;

constexpr double kClipSeconds = kSyntheticFrames / io::kFramesPerSecond;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> vocabulary() {
  std::vector<std::string> words = synthetic_words();
  words.insert(words.end(), neighbour_words().begin(), neighbour_words().end());
  return words;
}

const std::string& any_neighbour(Random& random) { return neighbour_words()[random.below(neighbour_words().size())]; }

// Slow movement of one measure: two sines of random phase and period.
class Sway {
 public:
  Sway(Random& random, double amplitude)
      : amplitude_(amplitude),
        rate1_(random.uniform(1, 3)),
        rate2_(random.uniform(3, 7)),
        phase1_(random.uniform(0, 6.283)),
        phase2_(random.uniform(0, 6.283)) {}
  double at(double seconds) const {
    return amplitude_ * (0.7 * std::sin(rate1_ * seconds + phase1_) + 0.3 * std::sin(rate2_ * seconds + phase2_));
  }

 private:
  double amplitude_, rate1_, rate2_, phase1_, phase2_;
};

// Cuts the clip out of the utterance, at a random loudness, over a faint noise that hides where speech was padded.
io::Waveform cut_audio(const io::Waveform& spoken, double start_seconds, Random& random) {
  const long first = std::lround(start_seconds * io::kSampleRate);
  double energy = 0;
  for (const float x : spoken.samples) energy += static_cast<double>(x) * x;
  const double level = std::pow(10, random.uniform(-27, -19) / 20);
  const double gain = level / std::sqrt(energy / std::max<size_t>(1, spoken.samples.size()) + 1e-12);
  io::Waveform clip;
  clip.samples.resize(static_cast<size_t>(kSyntheticFrames) * io::kSamplesPerFrame);
  for (size_t i = 0; i < clip.samples.size(); ++i) {
    const long k = first + static_cast<long>(i);
    const bool inside = k >= 0 && k < static_cast<long>(spoken.samples.size());
    const double x = (inside ? gain * spoken.samples[static_cast<size_t>(k)] : 0) + random.uniform(-0.001, 0.001);
    clip.samples[i] = static_cast<float>(std::clamp(x, -1.0, 1.0));
  }
  return clip;
}

// Eight pixels from each draw: the sum of a few bits is close enough to a bell curve.
void add_camera_noise(uint8_t* pixels, size_t count, double deviation, Random& random) {
  std::array<int8_t, 256> table;
  for (int i = 0; i < 256; ++i) {
    const int bits = __builtin_popcount(static_cast<unsigned>(i)) - 4;  // deviation sqrt(2)
    table[static_cast<size_t>(i)] = static_cast<int8_t>(std::lround(bits * deviation / 1.41421356));
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < count; ++i, bits >>= 8) {
    if (i % 8 == 0) bits = random.next();
    pixels[i] = static_cast<uint8_t>(std::clamp(pixels[i] + table[bits & 255], 0, 255));
  }
}

void draw_frames(SyntheticClip& clip, Random& random) {
  const DrawnFace face(random);
  ArticulationStyle style;
  style.opening = random.uniform(0.8, 1.15);
  style.reach_seconds = random.uniform(0.024, 0.036);
  const HeadPose stance{random.uniform(-4, 4), random.uniform(-4, 4), random.uniform(-0.06, 0.06),
                        random.uniform(0.95, 1.05)};
  const Sway sway_x(random, 1.5), sway_y(random, 1.5), sway_angle(random, 0.025), sway_scale(random, 0.008);
  const double blink = random.uniform(-1, 2.5);
  const double noise = random.uniform(0.5, 2.5);

  clip.frames = {kSyntheticFrames, kFaceImageSize, kFaceImageSize, {}};
  clip.frames.pixels.resize(kSyntheticFrames * clip.frames.frame_size());
  for (int t = 0; t < kSyntheticFrames; ++t) {
    const double seconds = (t + 0.5) / io::kFramesPerSecond;  // the middle of the time that the frame is shown
    const HeadPose pose{stance.shift_x + sway_x.at(seconds), stance.shift_y + sway_y.at(seconds),
                        stance.angle + sway_angle.at(seconds), stance.scale + sway_scale.at(seconds)};
    const double closure = std::clamp(1.3 - std::abs(seconds - blink) / 0.06, 0.0, 1.0);
    uint8_t* image = clip.frames.frame(t);
    clip.mouth.push_back(face.draw(mouth_at(clip.phones, seconds, style), pose, closure, image));
    add_camera_noise(image, clip.frames.frame_size(), noise, random);
  }
}

std::string settings_text(const SyntheticOptions& o) {
  return fmt::format(
      "{{\"format\": 1, \"seed\": {}, \"words\": {}, \"train_clips\": {}, \"val_clips\": {}, "
      "\"test_clips\": {}, \"preset\": \"{}\"}}\n",
      o.seed, o.words, o.train_clips, o.val_clips, o.test_clips, o.preset);
}

void check_folder(const SyntheticOptions& options) {
  const std::filesystem::path file = options.out / "synthetic.json";
  const std::string wanted = settings_text(options);
  if (!std::filesystem::exists(file)) return io::write_file_atomically(file.string(), wanted);
  const std::string found = io::read_text_file(file.string());
  if (found != wanted) {
    throw std::runtime_error(fmt::format("{}: expected the settings {}found {}give another folder, or remove this one",
                                         file.string(), wanted, found));
  }
}

struct Job {
  std::string word, split;
  int number;
};

std::vector<Job> list_jobs(const SyntheticOptions& options) {
  const std::vector<std::pair<std::string, int>> splits = {
      {"train", options.train_clips}, {"val", options.val_clips}, {"test", options.test_clips}};
  std::vector<Job> jobs;
  for (const auto& [split, count] : splits) {
    for (int number = 1; number <= count; ++number) {
      for (int w = 0; w < options.words; ++w)
        jobs.push_back({synthetic_words()[static_cast<size_t>(w)], split, number});
    }
  }
  return jobs;
}

void write_clip(const SyntheticClip& clip, const std::string& stem, const std::string& preset) {
  std::string centres = "frame\tx\ty\n";
  for (size_t t = 0; t < clip.mouth.size(); ++t) {
    centres += fmt::format("{}\t{:.2f}\t{:.2f}\n", t, clip.mouth[t].x, clip.mouth[t].y);
  }
  io::write_file_atomically(stem + ".mouth.tsv", centres);
  io::write_file_atomically(stem + ".txt",
                            fmt::format("Duration: {:.3f} seconds\nSpeaker: {}\n", clip.word_seconds, clip.voice));
  io::VideoWriterOptions video;
  video.layout = io::PixelLayout::kGrey;
  video.preset = preset;
  video.crf = 23;
  io::write_video(stem + ".mp4", clip.frames, clip.audio, video);  // last: a clip with a video is a finished one
}

}  // namespace

void SyntheticOptions::validate() const {
  const int most = static_cast<int>(synthetic_words().size());
  if (out.empty()) throw std::invalid_argument("synthetic corpus: expected a folder to write to, found none");
  if (words < 2 || words > most) {
    throw std::invalid_argument(fmt::format("synthetic corpus: expected 2 to {} words, found {}", most, words));
  }
  if (train_clips < 0 || val_clips < 0 || test_clips < 0 || train_clips + val_clips + test_clips < 1) {
    throw std::invalid_argument(
        fmt::format("synthetic corpus: expected counts of clips >= 0 and not all 0, found {} "
                    "train, {} val, {} test",
                    train_clips, val_clips, test_clips));
  }
  if (workers < 0)
    throw std::invalid_argument(fmt::format("synthetic corpus: expected workers >= 0, found {}", workers));
}

const std::vector<std::string>& synthetic_words() {
  static const std::vector<std::string> kWords = {
      "about",      "before",   "business",  "change",  "country", "everyone",  "family",    "following",
      "government", "happened", "important", "morning", "number",  "power",     "something", "tomorrow",
      "weather",    "world",    "yesterday", "people",  "movie",   "beautiful", "finish",    "usually"};
  return kWords;
}

const std::vector<std::string>& neighbour_words() {
  static const std::vector<std::string> kWords = {
      "we",    "saw",  "it",    "then", "blue",  "on",    "by",    "sea",  "her",  "new", "away", "old",  "big",
      "our",   "look", "again", "said", "there", "go",    "came",  "they", "me",   "day", "from", "high", "low",
      "night", "only", "why",   "you",  "four",  "green", "house", "show", "true", "now", "back", "long"};
  return kWords;
}

SyntheticSource::SyntheticSource(const SyntheticOptions& options)
    : seed_(options.seed), synthesizer_(options.speech_program, vocabulary()) {}

SyntheticClip SyntheticSource::make(const std::string& word, const std::string& split, int number,
                                    const std::string& scratch) const {
  Random random(preprocessing::derive_key(seed_, preprocessing::hash_text(word), preprocessing::hash_text(split),
                                          static_cast<uint64_t>(number)));
  // Voices in turn, from a different one for each word: all words have all voices, and no voice a favourite word.
  const std::vector<Voice> voices = voices_of(split);
  const Voice& voice =
      voices[(static_cast<size_t>(number) + preprocessing::hash_text(word) % voices.size()) % voices.size()];
  std::vector<std::string> words = {any_neighbour(random), word, any_neighbour(random)};
  if (random.chance(0.35)) words.insert(words.begin(), any_neighbour(random));
  if (random.chance(0.35)) words.push_back(any_neighbour(random));
  const size_t target = words[1] == word ? 1 : 2;
  const Utterance utterance = synthesizer_.speak(voice, words, random.uniform(0.75, 0.95), scratch);

  SyntheticClip clip;
  clip.voice = voice.name;
  const io::Word& spoken = utterance.words[target];
  clip.word_seconds = spoken.end_seconds - spoken.start_seconds;
  const double start = (spoken.start_seconds + spoken.end_seconds - kClipSeconds) / 2;
  clip.audio = cut_audio(utterance.audio, start, random);
  clip.phones = utterance.phones;
  for (Phone& phone : clip.phones) phone.start_seconds -= start, phone.end_seconds -= start;
  draw_frames(clip, random);
  return clip;
}

void write_synthetic_corpus(const SyntheticOptions& options, const std::function<void(int, int)>& progress) {
  options.validate();
  check_folder(options);
  const SyntheticSource source(options);
  const std::vector<Job> jobs = list_jobs(options);
  for (const Job& job : jobs) std::filesystem::create_directories(options.out / upper(job.word) / job.split);
  const io::TemporaryFolder scratch;
  std::mutex mutex;
  int done = 0;
  io::parallel_for(jobs.size(), io::worker_count(options.workers), [&](size_t i) {
    const Job& job = jobs[i];
    const std::string name = fmt::format("{}_{:05d}", upper(job.word), job.number);
    const std::string stem = (options.out / upper(job.word) / job.split / name).string();
    if (!std::filesystem::exists(stem + ".mp4")) {
      const std::string wav = fmt::format("{}/{}-{}.wav", scratch.path(), job.split, name);
      write_clip(source.make(job.word, job.split, job.number, wav), stem, options.preset);
      std::filesystem::remove(wav);
    }
    const std::lock_guard lock(mutex);
    ++done;
    if (progress) progress(done, static_cast<int>(jobs.size()));
  });
}

}  // namespace avsr::data_scripts
