// How often it is measured right by how much sound is late, and who of two people speaks: on real clips, joined,
// shifted and set side by side in memory. Tables on the output, in Markdown.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "data_scripts/grid.h"
#include "io/media_reader.h"
#include "preprocessing/av_offset.h"
#include "preprocessing/mouth_source.h"
#include "preprocessing/random.h"

namespace {

using namespace avsr;
using namespace avsr::preprocessing;
namespace fs = std::filesystem;

struct Settings {
  std::string folder, lengths = "1,10,20";
  int clips = 150, trials = 100, pair_clips = 3;
  bool words_only = false;
};

struct Clip {
  std::vector<MouthFrame> mouth;
  std::vector<float> sound;
  int first = 0, end = 0;  // frames that are used
};

std::vector<fs::path> media_files(const fs::path& folder, size_t most) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const std::string ending = entry.path().extension().string(); ending == ".mp4" || ending == ".mpg")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  // Spread over the folder, whose neighbours are the same sentence but for a word.
  std::vector<fs::path> chosen;
  for (size_t i = 0; i < std::min(most, files.size()); ++i)
    chosen.push_back(files[i * files.size() / std::min(most, files.size())]);
  if (chosen.empty()) throw std::runtime_error(folder.string() + ": expected .mp4 or .mpg files, found none");
  return chosen;
}

// Keeps what lies between the first word's start and the last one's end.
void cut_to_words(const fs::path& file, Clip& clip) {
  const auto words = data_scripts::read_align(fs::path(file).replace_extension(".align"));
  if (words.empty()) return;
  clip.first = static_cast<int>(words.front().start_seconds * io::kFramesPerSecond);
  clip.end = std::min(clip.end, static_cast<int>(std::ceil(words.back().end_seconds * io::kFramesPerSecond)));
}

Clip read_clip(const fs::path& file, const std::shared_ptr<const FaceModel>& model, bool words_only) {
  const io::Media media = io::read_media(file);
  Clip clip;
  const auto source =
      make_mouth_source({}, model, {}, [&](MouthFrame&& frame) { clip.mouth.push_back(std::move(frame)); });
  for (int t = 0; t < media.frames.count; ++t)
    source->push(media.frames.frame(t), media.frames.height, media.frames.width);
  source->finish();
  clip.sound = media.audio.samples;
  clip.end = media.frames.count;
  if (words_only) cut_to_words(file, clip);
  return clip;
}

// The clips one behind the other, the sound shifted.
AvOffset measure(const std::vector<const Clip*>& clips, double late) {
  OffsetMeter meter(TrackedCropSettings{}.size);
  std::vector<float> sound;
  for (const Clip* clip : clips)
    sound.insert(sound.end(), clip->sound.begin() + clip->first * io::kSamplesPerFrame,
                 clip->sound.begin() + clip->end * io::kSamplesPerFrame);
  const auto shift = static_cast<int64_t>(std::llround(late * io::kSampleRate));
  if (shift > 0)
    sound.insert(sound.begin(), static_cast<size_t>(shift), 0.f);
  else
    sound.erase(sound.begin(), sound.begin() + std::min<int64_t>(-shift, static_cast<int64_t>(sound.size())));
  meter.push_sound(sound);
  int64_t index = 0;
  for (const Clip* clip : clips)
    for (int t = clip->first; t < clip->end; ++t) {
      MouthFrame frame = clip->mouth[static_cast<size_t>(t)];
      frame.index = index++;
      meter.push(frame);
    }
  meter.finish();
  return meter.result();
}

void bench_offset(const Settings& settings, const std::shared_ptr<const FaceModel>& model) {
  std::vector<Clip> clips;
  for (const fs::path& file : media_files(settings.folder, static_cast<size_t>(settings.clips)))
    clips.push_back(read_clip(file, model, settings.words_only));
  std::cout
      << "| clips joined | seconds | trials | answers | of these within 20 ms | 40 ms | 80 ms | median error ms | "
         "largest error ms | of all, best guess within 40 ms | answers to another clip's sound |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|\n";
  std::istringstream lengths(settings.lengths);
  Random random(1);
  for (std::string text; std::getline(lengths, text, ',');) {
    const int joined = std::stoi(text);
    std::vector<double> errors;
    int guesses = 0, answers_to_others = 0;
    double seconds = 0;
    for (int trial = 0; trial < settings.trials; ++trial) {
      std::vector<const Clip*> chosen;
      for (int i = 0; i < joined; ++i) chosen.push_back(&clips[random.below(clips.size())]);
      const double late = random.uniform(-0.4, 0.4);
      for (const Clip* clip : chosen) seconds += (clip->end - clip->first) / io::kFramesPerSecond;
      const AvOffset offset = measure(chosen, late);
      if (std::abs(offset.best - late) <= 0.04) ++guesses;
      if (offset.seconds) errors.push_back(1000 * std::abs(*offset.seconds - late));
      // Pictures of these clips, sound of others of the same lengths, as far as they go: nothing to be found.
      std::vector<Clip> strangers;
      for (const Clip* clip : chosen) {
        strangers.push_back(*clip);
        const Clip& other = clips[random.below(clips.size())];
        const std::vector<float> speech(other.sound.begin() + other.first * io::kSamplesPerFrame,
                                        other.sound.begin() + other.end * io::kSamplesPerFrame);
        for (size_t i = 0; i < strangers.back().sound.size(); ++i)
          strangers.back().sound[i] = speech[i % speech.size()];
      }
      std::vector<const Clip*> unrelated;
      for (const Clip& clip : strangers) unrelated.push_back(&clip);
      answers_to_others += measure(unrelated, late).seconds ? 1 : 0;
    }
    std::sort(errors.begin(), errors.end());
    const auto within = [&](double ms) {
      const auto count = std::count_if(errors.begin(), errors.end(), [&](double e) { return e <= ms; });
      return errors.empty() ? 0. : 100. * static_cast<double>(count) / static_cast<double>(errors.size());
    };
    std::cout << fmt::format(
                     "| {} | {:.0f} | {} | {} | {:.0f} % | {:.0f} % | {:.0f} % | {:.0f} | {:.0f} | {:.0f} % | {} |\n",
                     joined, seconds / settings.trials, settings.trials, errors.size(), within(20), within(40),
                     within(80), errors.empty() ? 0. : errors[errors.size() / 2], errors.empty() ? 0. : errors.back(),
                     100. * guesses / settings.trials, answers_to_others)
              << std::flush;
  }
}

// The picture of somebody who listens: the frames before the first word, to and fro.
void keep_listening(const fs::path& file, io::Frames& frames) {
  const auto words = data_scripts::read_align(fs::path(file).replace_extension(".align"));
  const int silent = static_cast<int>(words.at(0).start_seconds * io::kFramesPerSecond) - 3;
  if (silent < 2) throw std::runtime_error(file.string() + ": expected silence before the first word, found none");
  for (int t = silent; t < frames.count; ++t) {
    const int step = t % (2 * silent - 2), source = step < silent ? step : 2 * silent - 2 - step;
    std::copy_n(frames.frame(source), frames.frame_size(), frames.frame(t));
  }
}

// Several clips one behind the other, of one person.
io::Media joined(const std::vector<fs::path>& files, bool listening) {
  io::Media all;
  for (const fs::path& file : files) {
    io::Media media = io::read_media(file);
    if (listening) keep_listening(file, media.frames);
    all.frames.height = media.frames.height;
    all.frames.width = media.frames.width;
    all.frames.count += media.frames.count;
    all.frames.pixels.insert(all.frames.pixels.end(), media.frames.pixels.begin(), media.frames.pixels.end());
    all.audio.samples.insert(all.audio.samples.end(), media.audio.samples.begin(), media.audio.samples.end());
  }
  return all;
}

// The share of frames in which the face whose sound is heard is taken.
double share_right(const io::Media& left, const io::Media& right, bool left_speaks,
                   const std::shared_ptr<const FaceModel>& model) {
  const int count = std::min(left.frames.count, right.frames.count), height = left.frames.height;
  const int width = left.frames.width + right.frames.width;
  int good = 0;
  const auto source = make_mouth_source({FaceChoice::Kind::speaking, 0}, model, {}, [&](MouthFrame&& frame) {
    if (frame.face && (frame.pose.centre_x < left.frames.width) == left_speaks) ++good;
  });
  const std::vector<float>& sound = (left_speaks ? left : right).audio.samples;
  std::vector<uint8_t> both(static_cast<size_t>(height) * static_cast<size_t>(width));
  for (int t = 0; t < count; ++t) {
    for (int y = 0; y < height; ++y) {
      uint8_t* row = both.data() + static_cast<ptrdiff_t>(y) * width;
      std::copy_n(left.frames.frame(t) + static_cast<ptrdiff_t>(y) * left.frames.width, left.frames.width, row);
      std::copy_n(right.frames.frame(t) + static_cast<ptrdiff_t>(y) * right.frames.width, right.frames.width,
                  row + left.frames.width);
    }
    source->push_sound(std::span(sound).subspan(static_cast<size_t>(t) * io::kSamplesPerFrame, io::kSamplesPerFrame));
    source->push(both.data(), height, width);
  }
  source->finish();
  return static_cast<double>(good) / count;
}

std::string speaker_of(const fs::path& file) {
  const std::string name = file.stem().string();
  return name.substr(0, name.find('_'));
}

void bench_speaking(const Settings& settings, const std::shared_ptr<const FaceModel>& model) {
  const std::vector<fs::path> files = media_files(settings.folder, 1000000);
  std::cout << "| clips a person | the other one | pairs | frames right | pairs with most frames right |\n"
               "|---|---|---|---|---|\n";
  for (int row = 0; row < 4; ++row) {
    const int length = row % 2 == 0 ? 1 : settings.pair_clips;
    const bool listening = row < 2;
    Random random(2);
    double frames = 0;
    int pairs = 0;
    const auto one_person = [&] {
      const fs::path first = files[random.below(files.size())];
      std::vector<fs::path> own;
      std::copy_if(files.begin(), files.end(), std::back_inserter(own),
                   [&](const fs::path& file) { return speaker_of(file) == speaker_of(first); });
      std::vector<fs::path> chosen;
      for (int i = 0; i < length; ++i) chosen.push_back(own[random.below(own.size())]);
      return chosen;
    };
    for (int trial = 0; trial < settings.trials; ++trial) {
      const std::vector<fs::path> left = one_person();
      std::vector<fs::path> right = one_person();
      while (speaker_of(right[0]) == speaker_of(left[0])) right = one_person();
      const bool left_speaks = trial % 2 == 0;
      const double share = share_right(joined(left, listening && !left_speaks), joined(right, listening && left_speaks),
                                       left_speaks, model);
      frames += share;
      pairs += share > 0.5 ? 1 : 0;
    }
    std::cout << fmt::format("| {} | {} | {} | {:.1f} % | {:.1f} % |\n", length,
                             listening ? "listens" : "says another sentence at the same time", settings.trials,
                             100 * frames / settings.trials, 100. * pairs / settings.trials)
              << std::flush;
  }
}

int run(int count, char** values) {
  namespace po = boost::program_options;
  Settings settings;
  std::string what, face_model = kLandmarkModelPath;
  po::options_description options("faces_bench offset|speaking FOLDER [options]");
  options.add_options()("help,h", "")("what", po::value(&what))("folder", po::value(&settings.folder))(
      "clips", po::value(&settings.clips), "of the folder, for offset")("trials", po::value(&settings.trials))(
      "lengths", po::value(&settings.lengths), "clips joined, for offset")(
      "pair-clips", po::value(&settings.pair_clips), "most clips of each person one behind the other, for speaking")(
      "words-only", po::bool_switch(&settings.words_only), "without the silence around the words (needs .align)")(
      "face-model", po::value(&face_model));
  po::positional_options_description positions;
  positions.add("what", 1).add("folder", 1);
  po::variables_map parsed;
  po::store(po::command_line_parser(count, values).options(options).positional(positions).run(), parsed);
  po::notify(parsed);
  if (parsed.count("help") || settings.folder.empty() || (what != "offset" && what != "speaking")) {
    std::cerr << options << "\n";
    return 2;
  }
  const auto model = FaceModel::load(face_model);
  what == "offset" ? bench_offset(settings, model) : bench_speaking(settings, model);
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(count, values);
  } catch (const std::exception& error) {
    std::cerr << "faces_bench: " << error.what() << "\n";
    return 1;
  }
}
