// avsr transcribe: media files -> text, times, subtitles.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <optional>

#include "data_scripts/grid.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "pipeline/batch/batch.h"
#include "pipeline/batch/batch_display.h"
#include "pipeline/batch/formats.h"
#include "pipeline/batch/inputs.h"
#include "pipeline/batch/pictures.h"
#include "pipeline/batch/turns.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/console.h"
#include "pipeline/commands/options.h"
#include "pipeline/commands/transcribe_options.h"
#include "pipeline/device.h"
#include "pipeline/recognition/transcript_score.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScoreName = "score";  // .json, beside the transcripts
constexpr const char* kModelEnding = ".safetensors";

struct Wishes {
  std::string formats = "txt,srt,json", shard;
  std::vector<std::string> named;           // models, then inputs
  std::vector<std::string> lists;           // of --list
  std::vector<std::string> models, inputs;  // what is in these
  TranscribeOptions transcribe;
  TranscribeSettings settings;
  bool score = false;
  PictureSettings pictures;
  BatchSettings batch;
  DeviceChoice device;
};

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

// The models stand first, and are recognised by their ending.
void sort_named(Wishes& wishes) {
  for (const std::string& name : wishes.named) {
    const bool model = name.ends_with(kModelEnding);
    if (model && !wishes.inputs.empty())
      throw std::invalid_argument(
          fmt::format("the model {} stands behind the input {}: models come first", name, wishes.inputs.back()));
    (model ? wishes.models : wishes.inputs).push_back(name);
  }
  for (const std::string& list : wishes.lists) wishes.inputs.push_back(fmt::format("@{}", list));
  if (wishes.models.empty() || wishes.inputs.empty())
    throw std::invalid_argument(
        fmt::format("expected a model (*{}) and at least one media file, folder or list, such as: avsr transcribe "
                    "run/audiovisual.safetensors talk.mp4 --out text",
                    kModelEnding));
}

void check_wishes(Wishes& wishes) {
  sort_named(wishes);
  wishes.batch.formats = split_list(wishes.formats);
  if (wishes.pictures.overlay) wishes.batch.pictures.emplace_back(kOverlay);
  if (wishes.pictures.page) wishes.batch.pictures.emplace_back(kPage);
  wishes.batch.validate();
  const Shard ranks = launched_shard();
  wishes.batch.shard = wishes.shard.empty() ? ranks : divided(parse_shard(wishes.shard), ranks);
  wishes.device.local_rank = launched_local_rank();
  if (wishes.score) {
    wishes.batch.taken.emplace_back(fmt::format("{}{}", kScoreName, wishes.batch.shard.suffix()));
    wishes.batch.overwrite = true;  // what is not transcribed now cannot be scored
  }
}

nlohmann::json fingerprint(const std::string& path) {
  const std::vector<uint8_t> bytes = io::read_binary_file(path);
  return {{"file", fs::path(path).filename().string()},
          {"bytes", bytes.size()},
          {"crc32", fmt::format("{:08x}", io::crc32(std::as_bytes(std::span(bytes))))}};
}

// What decides how a transcript comes out, and so whether an old one is still right.
nlohmann::json made_with(const Wishes& wishes) {
  nlohmann::json files = nlohmann::json::array();
  for (const std::string& path : wishes.models) files.push_back(fingerprint(path));
  const DecodingFiles& decoding = wishes.settings.sentences.files;
  for (const fs::path& path : {decoding.words, decoding.grammar, decoding.language_model})
    if (!path.empty()) files.push_back(fingerprint(path.string()));
  return {{"models", files},
          {"settings", to_json(wishes.settings)},
          {"caption_words", wishes.batch.captions.max_words},
          {"precision", name_of(wishes.device.precision)},
          {"face_model", fs::path(wishes.transcribe.face_model).filename().string()}};
}

// Word errors of the files that have a reference, NAME.align, beside them.
class Scores {
 public:
  void add(const Transcript& transcript, const std::string& file) {
    const fs::path reference = fs::path(file).replace_extension(".align");
    try {
      if (fs::exists(reference))
        return score_.add(data_scripts::read_align(reference), transcript.known_words(), transcript.seconds());
      ++unscored_;
    } catch (const std::exception& error) {
      ++unscored_;
      std::cerr << fmt::format("avsr transcribe: not scored: {}\n", error.what());
    }
  }
  void finish(const Wishes& wishes) const {
    if (unscored_ > 0)
      std::cerr << fmt::format("avsr transcribe: {} files have no .align that can be read and are not scored\n",
                               unscored_);
    if (score_.files() == 0) return;
    std::cout << score_.text() << "\n";
    const std::string name = fmt::format("{}{}.json", kScoreName, wishes.batch.shard.suffix());
    io::write_file_atomically((fs::path(wishes.batch.out) / name).string(), score_.json().dump(2) + "\n");
  }

 private:
  TranscriptScore score_;
  int64_t unscored_ = 0;
};

int transcribe_all(const OpenTranscriber& opened, const InputList& inputs, const Wishes& wishes,
                   const Arguments& arguments) {
  PictureSettings pictures = wishes.pictures;
  pictures.crop = opened.transcriber().models().crop();
  pictures.face_model = opened.face_model();
  Turns turns;
  for (const auto& recognizer : opened.recognizers())
    recognizer->compute_through([&turns](const std::function<void()>& work) { turns.run(work); });
  Scores scores;
  BatchWork work;
  work.transcribe = [&](const std::string& path, const FileTick& tick) {
    return opened.transcriber().transcribe(path, tick);
  };
  work.draw = [&](const Transcript& transcript, const std::string& stem) {
    return draw_pictures(transcript, stem, pictures);
  };
  work.made = [&](const Transcript& transcript, const InputFile& file) {
    print_transcript(transcript, file.path);
    if (wishes.score) scores.add(transcript, file.path);
  };
  work.failed = [](const Failure& failure) {
    std::cerr << fmt::format("avsr transcribe: {}: {}\n", failure.file, failure.found);
  };
  const std::atomic<bool>& stop = stop_on_signals("finishing the files under way; once more ends at once");
  const Summary summary = run_batch(inputs, wishes.batch, work, turns, stop);
  if (wishes.score) scores.finish(wishes);
  std::cout.flush();
  std::cerr << closing_text(summary, wishes.batch.out);
  if (const Shard& shard = summary.shard; shard.of > 1) {
    if (const auto all = merge_when_complete(wishes.batch.out, shard.of))
      std::cerr << fmt::format("all {} shards have ended: {}", shard.of, closing_text(*all, wishes.batch.out));
  }
  if (summary.state == "interrupted") return interrupted("transcribe", arguments);
  return summary.failures.empty() ? 0 : 1;
}

}  // namespace

int run_transcribe(const Arguments& arguments) {
  namespace po = boost::program_options;
  Wishes wishes;
  po::options_description options("Options");
  options.add_options()("out", po::value(&wishes.batch.out)->required(), "folder for the results, NAME.txt and so on")(
      "format", po::value(&wishes.formats)->default_value(wishes.formats), "of txt, srt, vtt, tsv, json, textgrid")(
      "caption-words", po::value(&wishes.batch.captions.max_words)->default_value(wishes.batch.captions.max_words),
      "most words of a caption (txt, srt, vtt, tsv); 1: each word has its times")(
      "overlay", po::bool_switch(&wishes.pictures.overlay),
      "NAME.overlay.mp4 too: the words, the mouth's box and the confidence drawn on the video")(
      "html", po::bool_switch(&wishes.pictures.page), "NAME.html too: a page with a player and words to click on")(
      "list", po::value(&wishes.lists)->composing(), "a file with one input a line; also @FILE in place of an input")(
      "jobs", po::value(&wishes.batch.jobs)->default_value(0), "files at a time; 0: as many as cores")(
      "shard", po::value(&wishes.shard), "i/n: only the i-th of n shares of the files, for n machines")(
      "overwrite", po::bool_switch(&wishes.batch.overwrite), "make again what an earlier run has finished")(
      "score", po::bool_switch(&wishes.score),
      "compare with NAME.align beside each file (GRID): word error rate; makes all files again");
  add_transcribe_options(options, wishes.transcribe);
  add_device_options(options, wishes.device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("inputs", po::value(&wishes.named), "");
  po::positional_options_description positions;
  positions.add("inputs", -1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr transcribe MODEL… INPUT… --out DIR\n\nWrites what is said in media files, with times. An input is a video "
      "or sound file, a folder (with all below it),\na pattern in quotes, or @LIST. Results lie in DIR as the inputs "
      "lie in their folder, and DIR/summary.json tells what\nbecame of each file. Run again, it goes on: finished "
      "files "
      "are skipped unless they, the models or the settings have\nchanged. Other files go on when one fails; the exit "
      "code then is 1. mpirun and srun share the files among their\nranks. All of it: docs/transcription.md. Of an "
      "audio, a\nvideo and an audiovisual model of one training, given together, the one answers that can: "
      "docs/transcripts.md. A model "
      "trained with network.word_boundary is refused: nobody knows in a\nrecording where its words are.",
      "avsr transcribe run/audiovisual.safetensors talk.mp4 --out text\n  avsr transcribe run/*.safetensors talk.mp4 "
      "--out "
      "text --sync auto\n  avsr transcribe run/audiovisual.safetensors "
      "talks/ 'more/*.mkv' --out text --format srt,json,textgrid\n  avsr transcribe run/audio.safetensors @files.txt "
      "--out text --shard 2/4");
  if (parsed.help) return 0;
  wishes.settings = chosen_settings(parsed, wishes.transcribe);
  check_wishes(wishes);
  io::require_output_folder(wishes.batch.out);
  const auto backend = open_device_aloud(wishes.device);
  const OpenTranscriber opened(*backend, wishes.models, wishes.transcribe.face_model, wishes.settings);
  wishes.batch.made_with = made_with(wishes);
  return transcribe_all(opened, find_inputs(wishes.inputs, wishes.batch.out), wishes, arguments);
}

}  // namespace avsr::pipeline
