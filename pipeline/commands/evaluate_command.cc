// avsr evaluate: a table of accuracies, or of word error rates, models by noise levels.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/evaluate_sentences.h"
#include "pipeline/evaluation/test_noise.h"
#include "pipeline/evaluation/tested_models.h"
#include "pipeline/progress.h"
#include "preprocessing/noise.h"

namespace avsr::pipeline {
namespace {

std::vector<std::optional<double>> parse_levels(const std::string& text) {
  std::vector<std::optional<double>> levels;
  for (const std::string& entry : split_list(text)) {
    if (entry == "clean") {
      levels.emplace_back();
      continue;
    }
    size_t used = 0;
    double level = 0;
    try {
      level = std::stod(entry, &used);
    } catch (const std::logic_error&) {
      used = 0;
    }
    if (used != entry.size() || !(std::abs(level) <= preprocessing::kLargestSnr))
      throw std::invalid_argument(fmt::format("--snr: '{}' is neither 'clean' nor a level in dB", entry));
    levels.emplace_back(level);
  }
  if (levels.empty()) throw std::invalid_argument("--snr is empty; try --snr clean,20,10,0,-5");
  return levels;
}

preprocessing::SnrOver parse_snr_over(const std::string& text) {
  for (const auto& [over, name] : preprocessing::kSnrOverNames)
    if (text == name) return over;
  throw std::invalid_argument(fmt::format("--snr-over: expected clip or active_speech, found '{}'", text));
}

std::vector<VideoDamage> parse_damages(const std::string& text) {
  std::vector<VideoDamage> damages;
  for (const std::string& entry : split_list(text)) {
    try {
      damages.push_back(parse_damage(entry));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("--damage: {}", error.what()));
    }
  }
  return damages;
}

std::vector<models::Streams> parse_missing(const std::string& text) {
  std::vector<models::Streams> missing;
  for (const std::string& entry : split_list(text)) {
    if (entry != "video" && entry != "audio")
      throw std::invalid_argument(fmt::format("--missing: expected video, audio or both, found '{}'", entry));
    missing.push_back(entry == "video" ? models::Streams::video : models::Streams::audio);
  }
  return missing;
}

// "NAME=FILE" gives a model its name in the tables; a file that has "=" in its own path is a file.
std::vector<std::string> take_names(std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (std::string& path : paths) {
    const size_t equals = path.find('=');
    const bool named = equals != std::string::npos && equals > 0 && !std::filesystem::exists(path);
    names.push_back(named ? path.substr(0, equals) : "");
    if (named) path.erase(0, equals + 1);
  }
  return names;
}

void check_settings(const EvaluationSettings& settings, int64_t seed) {
  if (settings.batch < 1) throw std::invalid_argument("--batch must be at least 1");
  if (settings.split.empty())
    throw std::invalid_argument("--split is empty; name one split of the data, such as --split test");
  for (const std::string& noise : settings.noises) {
    const bool made =
        std::any_of(std::begin(kMadeNoises), std::end(kMadeNoises), [&](const char* kind) { return noise == kind; });
    if (!made && !std::filesystem::is_regular_file(noise) && !std::filesystem::is_directory(noise))
      throw std::invalid_argument(fmt::format(
          "--noise: expected babble, speech, white, pink, a sound file or a folder of them, found no file '{}'",
          noise));
  }
  if (!settings.room.empty() && !std::filesystem::is_regular_file(settings.room))
    throw std::invalid_argument(
        fmt::format("--room: expected a sound file with an impulse response, found no file '{}'", settings.room));
  preprocessing::BabbleSettings babble;
  babble.voices = settings.voices;
  babble.validate();
  settings.sentences.validate();
  check_loader_options(settings.workers, settings.cache_gb);
  if (seed < 0) throw std::invalid_argument(fmt::format("--seed: expected 0 or more, got {}", seed));
}

void refuse_sentence_options(const EvaluationSettings& settings, const Recognizer& model) {
  if (settings.sentences.any())
    throw std::invalid_argument(fmt::format(
        "--words, --grammar, --language-model and --beam are for models that write sentences; {} knows words",
        model.path()));
}

}  // namespace

int run_evaluate(const Arguments& arguments) {
  namespace po = boost::program_options;
  EvaluationSettings settings;
  std::vector<std::string> paths;
  std::string out, snr, noises, snr_over, damages, missing;
  DeviceChoice device;
  int64_t seed = 1;  // signed, so that a negative one is noticed
  po::options_description options("Options");
  options.add_options()("data", po::value(&settings.data)->required(), "folder made by `avsr prepare`")(
      "split", po::value(&settings.split)->default_value("test"), "test, val, train or another split of the data")(
      "snr", po::value(&snr)->default_value("clean"), "levels in dB, and clean, separated by commas")(
      "noise", po::value(&noises)->default_value("babble"),
      "one or several, separated by commas: babble (other talkers), speech (their spectrum), white, pink, a sound "
      "file, a "
      "folder of them")(
      "snr-over", po::value(&snr_over)->default_value("clip"),
      "what the ratio is taken over: clip, or active_speech (from the loudest 20 ms down to 35 dB below)")(
      "room", po::value(&settings.room), "sound file of an impulse response; all speech is heard in that room")(
      "damage", po::value(&damages),
      "pictures to try beside the intact one, separated by commas: blur:PIXELS, occlusion:SHARE, jpeg:QUALITY, "
      "drop:PROBABILITY, offset:FRAMES (late), frozen (the first frame throughout: lip-reading must fail)")(
      "voices", po::value(&settings.voices)->default_value(8), "utterances summed to one babble, at least 8")(
      "missing", po::value(&missing),
      "video, audio: clips are tested without it, too; an audiovisual model that was not trained with modality "
      "dropout then leaves the answer to an audio or a video model given beside it")(
      "choose-on", po::value(&settings.choose_on)->default_value(settings.choose_on),
      "split on which each model's temperature of calibration is chosen and, of an audio and a video model, the "
      "weights that join their decisions (vote, weighted sum, product); of models of sentences, the settings of "
      "searches; '' for none")(
      "out", po::value(&out),
      "folder for report.html, results.json, results.csv, results.md and (of two levels or more) noise-curve.svg")(
      "seed", po::value(&seed)->default_value(1), "of the noise and the damage")(
      "batch", po::value(&settings.batch)->default_value(16), "clips at a time");
  options.add_options()("words", po::value(&settings.sentences.words),
                        "of models of sentences: file with the words that may be said, one a line (docs/decoding.md)")(
      "grammar", po::value(&settings.sentences.grammar), "the same: file with the sentences that may be said")(
      "language-model", po::value(&settings.sentences.language_model),
      "the same: n-gram model (ARPA) of what is likely. Each file is tried by itself and with this one, and none, in "
      "the "
      "same run")("beam", po::value(&settings.sentences.beam)->default_value(0),
                  "the same: texts that a search keeps; 0: chosen, as language weight and insertion bonus");
  add_loader_options(options, settings.workers, settings.cache_gb);
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("model", po::value(&paths)->required(), "");
  po::positional_options_description positions;
  positions.add("model", -1);
  const Parsed parsed =
      parse_options(arguments, options, hidden, positions,
                    "avsr evaluate MODEL… --data DIR [--snr LEVELS] [--out DIR]\n\nAccuracy of models on a split, "
                    "clean and in noise; of models that write sentences, word and character error rates. All models "
                    "hear the same noisy clips. NAME=MODEL gives a model its name in the tables.",
                    "avsr evaluate run/*.safetensors --data data --noise babble,white --snr clean,20,10,0,-5 --out "
                    "run/evaluation");
  if (parsed.help) return 0;
  settings.levels_db = parse_levels(snr);
  settings.noises = split_list(noises);
  if (settings.noises.empty()) throw std::invalid_argument("--noise is empty; try --noise babble");
  settings.snr_over = parse_snr_over(snr_over);
  settings.damages = parse_damages(damages);
  settings.missing = parse_missing(missing);
  settings.names = take_names(paths);
  check_settings(settings, seed);
  settings.seed = static_cast<uint64_t>(seed);
  if (parsed.has("out")) io::require_output_folder(out);

  const auto backend = open_device_aloud(device);
  std::vector<std::unique_ptr<Recognizer>> models;
  for (const std::string& path : paths) models.push_back(std::make_unique<Recognizer>(*backend, path));
  std::unique_ptr<Progress> bar;
  std::string pass;
  const auto tick = [&](const std::string& what, int64_t done, int64_t total) {
    if (!bar || what != pass) bar = std::make_unique<Progress>(pass = what, "clips", total);
    bar->update(done);
  };
  const auto show = [&](const auto& evaluation, const std::string& table) {
    bar.reset();
    std::cout << "\n" << table;
    for (const std::string& note : evaluation.notes) std::cout << "note: " << note << "\n";
    if (!out.empty())
      for (const std::string& line : write_results(evaluation, out)) std::cout << line << "\n";
  };
  if (of_sentences(models)) {
    const SentenceEvaluation evaluation = evaluate_sentences(models, settings, tick);
    show(evaluation, error_rate_table(evaluation, false));
  } else {
    refuse_sentence_options(settings, *models.front());
    const Evaluation evaluation = evaluate(models, settings, tick);
    show(evaluation, accuracy_table(evaluation, false));
  }
  return 0;
}

}  // namespace avsr::pipeline
