// avsr align: when each word of a known text was said in a media file.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/text_grid.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/progress.h"
#include "pipeline/recognition/text_alignment.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr double kDoubtful = 0.2;  // a word of less confidence was hardly said there

std::string ending_of(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

void check_ending(const std::string& out) {
  const std::string ending = ending_of(out);
  if (ending != ".textgrid" && ending != ".tsv" && ending != ".srt" && ending != ".json")
    throw std::invalid_argument(
        fmt::format("--out {}: expected a name that ends in .TextGrid, .tsv, .srt or .json, found \"{}\"", out,
                    fs::path(out).extension().string()));
}

// TEXT is a file that exists, or else the text itself.
std::string text_of(const std::string& argument) {
  std::error_code ignored;
  return fs::is_regular_file(argument, ignored) ? io::read_text_file(argument) : argument;
}

nlohmann::json json_of(const AlignedText& aligned, const Recognizer& recognizer) {
  nlohmann::json words = nlohmann::json::array();
  for (const io::TimedWord& word : aligned.words)
    words.push_back({{"text", word.text},
                     {"start", word.start_seconds},
                     {"end", word.end_seconds},
                     {"confidence", word.confidence}});
  return {{"file", aligned.media.path},
          {"model", recognizer.path()},
          {"seconds", aligned.seconds},
          {"log_probability", aligned.log_probability},
          {"words", words}};
}

std::string written(const AlignedText& aligned, const Recognizer& recognizer, const std::string& out) {
  const std::string ending = ending_of(out);
  io::SubtitleOptions one_each;
  one_each.max_words = 1;
  if (ending == ".tsv") return io::to_tsv(aligned.words, one_each);
  if (ending == ".srt") return io::to_srt(aligned.words, one_each);
  if (ending == ".textgrid")
    return io::to_text_grid({{"words", io::one_after_the_other(aligned.words)}}, aligned.seconds);
  return json_of(aligned, recognizer).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void print_summary(const AlignedText& aligned, const std::string& out) {
  const auto doubtful = std::count_if(aligned.words.begin(), aligned.words.end(),
                                      [](const io::TimedWord& word) { return word.confidence < kDoubtful; });
  std::cout << fmt::format("{} words in {} of {}\n", aligned.words.size(), out, duration_text(aligned.seconds));
  if (doubtful > 0)
    std::cout << fmt::format("  note: {} of them were hardly heard where they had to be (confidence below {})\n",
                             doubtful, kDoubtful);
  for (const std::string& note : aligned.media.notes) std::cout << fmt::format("  note: {}\n", note);
}

}  // namespace

int run_align(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::string model, media, text, out, face_model = preprocessing::kLandmarkModelPath;
  bool no_vad = false;
  TranscribeSettings settings;
  DeviceChoice device;
  po::options_description options("Options");
  options.add_options()("out", po::value(&out)->required(), "FILE.TextGrid, FILE.tsv, FILE.srt or FILE.json")(
      "no-vad", po::bool_switch(&no_vad), "look for words in silence, too")(
      "allow-damaged", po::bool_switch(&settings.allow_damaged), "align with what can be read of a damaged file")(
      "face-model", po::value(&face_model)->default_value(face_model), "dlib's 68 landmarks");
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("model", po::value(&model)->required(), "")("media", po::value(&media)->required(), "")(
      "text", po::value(&text)->required(), "");
  po::positional_options_description positions;
  positions.add("model", 1).add("media", 1).add("text", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr align MODEL FILE TEXT --out NAME\n\nFinds when each word of a known text was said in a video or sound "
      "file of any length (forced alignment). TEXT is\nthe text, or a file that holds it: all that is said, in order, "
      "in the characters that the model writes. MODEL writes\nsentences.",
      "avsr align run/audiovisual.safetensors talk.mp4 talk.txt --out talk.TextGrid\n  avsr align "
      "run/audio.safetensors clip.mp4 'bin blue at f two now' --out clip.tsv");
  if (parsed.help) return 0;
  check_ending(out);
  settings.skip_silence = !no_vad;
  const std::string said = text_of(text);

  const auto backend = open_device_aloud(device);
  Recognizer recognizer(*backend, model);
  const ModelSet models({&recognizer});
  std::shared_ptr<const preprocessing::FaceModel> faces;
  if (models.crop() && models.crop()->needs_face_model()) faces = preprocessing::FaceModel::load(face_model);
  const Transcriber transcriber(models, faces, settings);
  std::unique_ptr<Progress> bar;
  TickFrames tick;
  if (isatty(STDERR_FILENO))
    tick = [&](int64_t done, int64_t expected) {
      if (!bar) bar = std::make_unique<Progress>("align", "frames", expected);
      bar->update(done);
    };
  const AlignedText aligned = align_file(transcriber, media, said, tick);
  bar.reset();
  io::write_file_atomically(out, written(aligned, recognizer, out));
  print_summary(aligned, out);
  return 0;
}

}  // namespace avsr::pipeline
