// avsr transcribe: media files -> text, times, subtitles.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include "data_scripts/grid.h"
#include "io/atomic_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/progress.h"
#include "pipeline/recognition/transcribe.h"
#include "pipeline/recognition/transcript_score.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScoreName = "score";  // .json, beside the transcripts

struct Wishes {
  std::string out, formats = "txt,srt,json", face_model = preprocessing::kLandmarkModelPath;
  std::vector<std::string> inputs;  // the model, then the files
  TranscribeSettings settings;
  std::optional<float> unknown_below;
  bool score = false;
  DeviceChoice device;
};

// The name of a file need not be UTF-8, which JSON must be.
std::string json_text(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_transcript(const Transcript& transcript, const Wishes& wishes, const fs::path& stem) {
  const std::vector<io::TimedWord> words = transcript.known_words();
  for (const std::string& format : split_list(wishes.formats)) {
    std::string text;
    if (format == "txt") text = io::to_txt(words);
    if (format == "srt") text = io::to_srt(words);
    if (format == "vtt") text = io::to_vtt(words);
    if (format == "json") text = json_text(to_json(transcript));
    io::write_file_atomically(stem.string() + "." + format, text);
  }
}

void print_transcript(const Transcript& transcript, const std::string& file) {
  std::string line;
  for (const SpokenWord& spoken : transcript.words)
    line += spoken.unknown ? " (unknown)" : fmt::format(" {} ({:.2f})", spoken.word.text, spoken.word.confidence);
  std::cout << fmt::format("{}:{}\n", file, line.empty() ? " (no word)" : line);
  if (transcript.words.size() == 1 && transcript.words[0].alternatives.size() > 1) {
    std::cout << "  likeliest:";
    for (const auto& [label, probability] : transcript.words[0].alternatives)
      std::cout << fmt::format(" {} {:.3f}", label, probability);
    std::cout << "\n";
  }
  for (const std::string& note : transcript.media.notes) std::cout << fmt::format("  note: {}\n", note);
  if (transcript.frames_without_face > 0)
    std::cout << fmt::format("  note: {} of {} frames show no face\n", transcript.frames_without_face,
                             transcript.frames);
}

void check_wishes(const Wishes& wishes) {
  const std::set<std::string> known{"txt", "srt", "vtt", "json"};
  if (split_list(wishes.formats).empty())
    throw std::invalid_argument("--format is empty; the formats are txt, srt, vtt and json");
  for (const std::string& format : split_list(wishes.formats))
    if (!known.count(format))
      throw std::invalid_argument(
          fmt::format("there is no format '{}'; the formats are txt, srt, vtt and json", format));
  if (wishes.inputs.size() < 2)
    throw std::invalid_argument(
        "expected a model and at least one media file, such as: avsr transcribe "
        "run/audiovisual.safetensors talk.mp4 --out text");
  if (wishes.settings.hop_frames < 1) throw std::invalid_argument("--hop must be at least 1 frame");
  if (wishes.settings.top < 0)
    throw std::invalid_argument(fmt::format("--top: expected 0 or more alternatives, got {}", wishes.settings.top));
}

// Where each file's transcript goes, without ending. Two inputs of one name would overwrite each other, and the score
// has a name of its own.
std::vector<fs::path> output_stems(const Wishes& wishes) {
  const std::vector<std::string> formats = split_list(wishes.formats);
  const bool score_taken = wishes.score && std::find(formats.begin(), formats.end(), "json") != formats.end();
  std::set<std::string> taken;
  std::vector<fs::path> stems;
  for (size_t i = 1; i < wishes.inputs.size(); ++i) {
    const std::string stem = fs::path(wishes.inputs[i]).stem().string();
    if (score_taken && stem == kScoreName)
      throw std::invalid_argument(
          fmt::format("{}: its transcript and the score of --score would both be {}.json; rename it, or leave json out "
                      "of --format",
                      wishes.inputs[i], kScoreName));
    std::string name = stem;
    for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}-{}", stem, n);
    stems.push_back(fs::path(wishes.out) / name);
  }
  return stems;
}

// False: there is no reference beside the file.
bool add_score(const Transcript& transcript, const std::string& file, TranscriptScore& score) {
  const fs::path reference = fs::path(file).replace_extension(".align");
  if (!fs::exists(reference)) return false;
  score.add(data_scripts::read_align(reference), transcript.known_words(), transcript.seconds());
  return true;
}

// "talk.mp4 at 0:12 of 4:05"; expected: 0 where the file does not say how long it is.
std::string note_of(const std::string& file, int64_t frames, int64_t expected) {
  const auto text = [](int64_t count) { return duration_text(static_cast<double>(count) / io::kFramesPerSecond); };
  return fmt::format("{} at {}{}", file, text(frames), expected > 0 ? " of " + text(expected) : "");
}

int transcribe_all(Recognizer& recognizer, const Wishes& wishes, const std::vector<fs::path>& stems) {
  std::shared_ptr<const preprocessing::FaceModel> face_model;
  if (recognizer.streams() != models::Streams::audio && crop_rule_from_json(recognizer.rule().crop).needs_face_model())
    face_model = preprocessing::FaceModel::load(wishes.face_model);
  TranscriptScore score;
  std::vector<std::string> failures;
  int unscored = 0;
  const auto files = static_cast<int64_t>(stems.size());
  Progress progress("transcribe", "files", files);
  for (int64_t i = 0; i < files; ++i) {
    const std::string& file = wishes.inputs[static_cast<size_t>(i) + 1];
    try {
      const Transcript transcript =
          transcribe_file(recognizer, face_model, file, wishes.settings, [&](int64_t frames, int64_t expected) {
            progress.update(i, note_of(file, frames, expected),
                            expected > 0 ? static_cast<double>(frames) / static_cast<double>(expected) : 0);
          });
      write_transcript(transcript, wishes, stems[static_cast<size_t>(i)]);
      progress.interrupt();
      print_transcript(transcript, file);
      if (wishes.score && !add_score(transcript, file, score)) ++unscored;
    } catch (const std::exception& error) {
      failures.push_back(error.what());
      progress.interrupt();
      std::cerr << fmt::format("avsr transcribe: {}\n", error.what());
    }
    progress.update(i + 1);
  }
  progress.finish();
  if (unscored > 0) std::cerr << fmt::format("avsr transcribe: {} files have no .align and are not scored\n", unscored);
  if (wishes.score && score.files() > 0) {
    std::cout << score.text() << "\n";
    io::write_file_atomically((fs::path(wishes.out) / kScoreName).string() + ".json", score.json().dump(2) + "\n");
  }
  if (!failures.empty()) std::cerr << fmt::format("avsr transcribe: {} of {} files failed\n", failures.size(), files);
  return failures.empty() ? 0 : 1;
}

}  // namespace

int run_transcribe(const Arguments& arguments) {
  namespace po = boost::program_options;
  Wishes wishes;
  float unknown_below = 0;
  po::options_description options("Options");
  options.add_options()("out", po::value(&wishes.out)->required(), "folder for the results, NAME.txt and so on")(
      "format", po::value(&wishes.formats)->default_value(wishes.formats), "of txt, srt, vtt, json")(
      "top", po::value(&wishes.settings.top)->default_value(3), "alternatives for each word (json)")(
      "hop", po::value(&wishes.settings.hop_frames)->default_value(2), "frames between windows")(
      "unknown-below", po::value(&unknown_below),
      "probability under which a word is unknown (default: as chosen on validation, in the model)")(
      "allow-damaged", po::bool_switch(&wishes.settings.allow_damaged),
      "transcribe what can be read of a damaged file")(
      "score", po::bool_switch(&wishes.score), "compare with NAME.align beside each file (GRID): word error rate")(
      "face-model", po::value(&wishes.face_model)->default_value(wishes.face_model), "dlib's 68 landmarks");
  add_device_options(options, wishes.device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("inputs", po::value(&wishes.inputs), "");
  po::positional_options_description positions;
  positions.add("inputs", -1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr transcribe MODEL FILE… --out DIR\n\nSlides a word model over each video (or sound file, for an audio "
      "model) "
      "and writes the words with their times.\nOther files go on when one fails; the exit code then is 1. A model "
      "trained "
      "with network.word_boundary is refused: nobody\nknows in a recording where its words are.",
      "avsr transcribe run/audiovisual.safetensors talk.mp4 --out text");
  if (parsed.help) return 0;
  check_wishes(wishes);
  const std::vector<fs::path> stems = output_stems(wishes);
  io::require_output_folder(wishes.out);
  const auto backend = open_device_aloud(wishes.device);
  Recognizer recognizer(*backend, wishes.inputs[0]);
  static_cast<void>(window_settings(recognizer, wishes.settings.hop_frames));  // refused before any file is opened
  wishes.settings.decoding = decoding_from_json(recognizer.decoding());
  if (parsed.has("unknown-below")) wishes.settings.decoding.unknown_below = unknown_below;
  wishes.settings.decoding.validate();
  return transcribe_all(recognizer, wishes, stems);
}

}  // namespace avsr::pipeline
