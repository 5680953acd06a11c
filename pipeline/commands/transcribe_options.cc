#include "pipeline/commands/transcribe_options.h"

#include <fmt/format.h>

#include <stdexcept>

namespace avsr::pipeline {
namespace {

// "auto", "off", or seconds.
void read_sync(const std::string& text, TranscribeSettings& settings) {
  settings.measure_offset = text == "auto";
  if (text == "auto" || text == "off") return;
  size_t read = 0;
  try {
    settings.audio_offset_seconds = std::stod(text, &read);
  } catch (const std::exception&) {
    read = 0;
  }
  if (read == 0 || read != text.size())
    throw std::invalid_argument(
        fmt::format("--sync {}: expected auto, off, or the seconds by which the sound is late, such as 0.12", text));
}

}  // namespace

void add_transcribe_options(boost::program_options::options_description& shown, TranscribeOptions& options) {
  namespace po = boost::program_options;
  TranscribeSettings& settings = options.settings;
  shown.add_options()("top", po::value(&settings.top)->default_value(3),
                      "word models: alternatives for each word (json)")(
      "hop", po::value(&settings.hop_frames)->default_value(2), "word models: frames between windows")(
      "unknown-below", po::value(&options.unknown_below),
      "word models: probability under which a word is unknown (default: as chosen on validation, in the model)")(
      "beam", po::value(&options.beam),
      "sentence models: texts kept while searching; 1: the best symbol of each frame")(
      "n-best", po::value(&settings.sentences.n_best)->default_value(1),
      "sentence models: texts of each segment (json)")("words", po::value(&options.words),
                                                       "sentence models: a file of the words that may be said")(
      "grammar", po::value(&options.grammar), "sentence models: a file of what a sentence may be (docs/decoding.md)")(
      "language-model", po::value(&options.language_model), "sentence models: an n-gram model, FILE.arpa")(
      "language-weight", po::value(&options.language_weight), "how much it counts (default: the model's, or 1)")(
      "insertion-bonus", po::value(&options.insertion_bonus), "for each of its words (default: the model's, or 0)")(
      "no-vad", po::bool_switch(&options.no_vad), "sentence models: do not skip silence")(
      "face", po::value(&options.face)->default_value(options.face),
      "whose mouth is read: largest, speaking, all, or the number of a face, from 1 in order of appearance")(
      "sync", po::value(&options.sync)->default_value(options.sync),
      "sound that is not in step: auto (measured and corrected), off, or the seconds by which it is late")(
      "allow-damaged", po::bool_switch(&settings.allow_damaged), "transcribe what can be read of a damaged file")(
      "face-model", po::value(&options.face_model)->default_value(options.face_model), "dlib's 68 landmarks");
}

TranscribeSettings chosen_settings(const Parsed& parsed, const TranscribeOptions& options) {
  TranscribeSettings settings = options.settings;
  if (parsed.has("unknown-below")) settings.unknown_below = options.unknown_below;
  SentenceChoices& sentences = settings.sentences;
  if (parsed.has("beam")) sentences.beam = options.beam;
  if (parsed.has("language-weight")) sentences.language_weight = options.language_weight;
  if (parsed.has("insertion-bonus")) sentences.insertion_bonus = options.insertion_bonus;
  sentences.files = {options.words, options.grammar, options.language_model};
  settings.skip_silence = !options.no_vad;
  settings.face = preprocessing::FaceChoice::from(options.face);
  read_sync(options.sync, settings);
  settings.validate();
  return settings;
}

OpenTranscriber::OpenTranscriber(backend::Backend& backend, const std::vector<std::string>& models,
                                 const std::string& face_model, const TranscribeSettings& settings) {
  std::vector<Recognizer*> all;
  for (const std::string& path : models) {
    recognizers_.push_back(std::make_unique<Recognizer>(backend, path));
    all.push_back(recognizers_.back().get());
  }
  const ModelSet set(all);
  if (set.crop() && set.crop()->needs_face_model()) face_model_ = preprocessing::FaceModel::load(face_model);
  transcriber_ = std::make_unique<Transcriber>(set, face_model_, settings);
}

}  // namespace avsr::pipeline
