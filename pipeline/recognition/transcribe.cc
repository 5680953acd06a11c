#include "pipeline/recognition/transcribe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "pipeline/recognition/heard_faces.h"
#include "pipeline/recognition/offset_measurement.h"
#include "pipeline/recognition/sentence_stream.h"

namespace avsr::pipeline {
namespace {

models::WordDecoding decoding_of(const Recognizer& recognizer, const TranscribeSettings& settings) {
  models::WordDecoding decoding = decoding_from_json(recognizer.decoding());
  decoding.unknown_below = settings.unknown_below.value_or(decoding.unknown_below);
  decoding.validate();
  return decoding;
}

// The valid rows of each window.
std::vector<std::vector<float>> rows_of(const SymbolProbabilities& probabilities) {
  std::vector<std::vector<float>> rows;
  for (size_t b = 0; b < probabilities.steps.size(); ++b) {
    const auto values = probabilities.of(b).values;
    rows.emplace_back(values.begin(), values.end());
  }
  return rows;
}

bool asks_for_sentences(const SentenceChoices& choices) {
  const DecodingFiles& files = choices.files;
  return choices.beam || choices.n_best > 1 || choices.language_weight || choices.insertion_bonus ||
         !files.words.empty() || !files.grammar.empty() || !files.language_model.empty();
}

}  // namespace

void TranscribeSettings::validate() const {
  if (hop_frames < 1) throw std::invalid_argument("--hop must be at least 1 frame");
  if (top < 0) throw std::invalid_argument(fmt::format("--top: expected 0 or more alternatives, got {}", top));
  if (!std::isfinite(audio_offset_seconds) || std::abs(audio_offset_seconds) > 60)
    throw std::invalid_argument(
        fmt::format("the offset of the sound must lie within a minute, got {} s", audio_offset_seconds));
  sentences.validate();
}

nlohmann::json to_json(const TranscribeSettings& settings) {
  const SentenceChoices& sentences = settings.sentences;
  nlohmann::json json{{"hop_frames", settings.hop_frames},
                      {"top", settings.top},
                      {"n_best", sentences.n_best},
                      {"words", sentences.files.words.string()},
                      {"grammar", sentences.files.grammar.string()},
                      {"language_model", sentences.files.language_model.string()},
                      {"skip_silence", settings.skip_silence},
                      {"face", settings.face.text()},
                      {"measure_offset", settings.measure_offset},
                      {"audio_offset_seconds", settings.audio_offset_seconds},
                      {"allow_damaged", settings.allow_damaged}};
  if (settings.unknown_below) json["unknown_below"] = *settings.unknown_below;
  if (sentences.beam) json["beam"] = *sentences.beam;
  if (sentences.language_weight) json["language_weight"] = *sentences.language_weight;
  if (sentences.insertion_bonus) json["insertion_bonus"] = *sentences.insertion_bonus;
  return json;
}

Transcriber::Transcriber(ModelSet models, std::shared_ptr<const preprocessing::FaceModel> face_model,
                         const TranscribeSettings& settings)
    : models_(std::move(models)), face_model_(std::move(face_model)), settings_(settings) {
  settings_.validate();
  check_settings();
  if (!models_.sentences()) {
    if (asks_for_sentences(settings_.sentences))
      throw std::invalid_argument(
          fmt::format("{}: a word model has no sentences to decode: --beam, --n-best, --words, --grammar and "
                      "--language-model are for models that write sentences",
                      models_.names()));
    for (const auto& [streams, recognizer] : models_.all())
      decodings_.emplace(streams, decoding_of(*recognizer, settings_));
    return;
  }
  decoder_.emplace(models_.labels(), settings_.sentences.files);
  for (const auto& [streams, recognizer] : models_.all())
    tunings_.emplace(streams, settings_.sentences.applied_to(sentence_tuning_from_json(recognizer->decoding())));
}

void Transcriber::check_settings() const {
  const Wanted wanted = models_.kinds().wanted();
  if (settings_.measure_offset && !(wanted.video && wanted.audio))
    throw std::invalid_argument(
        fmt::format("{}: an offset of the sound matters to models that look and listen alone", models_.names()));
  const std::optional<CropRule> crop = models_.crop();
  const bool chooses = !(settings_.face == preprocessing::FaceChoice{});
  if ((chooses || settings_.measure_offset) && !(crop && crop->needs_face_model()))
    throw std::invalid_argument(
        fmt::format("{}: a face is chosen, and an offset measured, where faces are tracked; this model {}",
                    models_.names(), crop ? "looks into a fixed box" : "only listens"));
}

const SentenceDecoder& Transcriber::sentence_decoder() const {
  if (!decoder_)
    throw std::invalid_argument(
        fmt::format("{}: expected a model that writes sentences, found one of words", models_.names()));
  return *decoder_;
}

Transcriber::OpenFile Transcriber::open(const std::string& path) const {
  const Wanted wanted = models_.kinds().wanted();
  const bool listens = wanted.audio || followed().kind == preprocessing::FaceChoice::Kind::speaking;
  io::MediaReader reader =
      io::MediaReader::open(path, {.video = wanted.video, .audio = listens, .allow_damaged = settings_.allow_damaged});
  models_.check(reader.info());
  const Wanted available{wanted.video && reader.info().has_video, wanted.audio && reader.info().has_audio};
  std::optional<double> offset;
  if (settings_.measure_offset)
    offset = measure_offset(path, *models_.crop(), face_model_, followed(), settings_.allow_damaged).seconds;
  return {std::move(reader), available, offset};
}

RecordingSettings Transcriber::recording(const OpenFile& file) const {
  const double offset = file.audio_offset_seconds.value_or(settings_.audio_offset_seconds);
  return {file.available, models_.crop(), face_model_, followed(), offset};
}

// The sound is of whoever speaks, so that models that listen read one face at a time.
preprocessing::FaceChoice Transcriber::followed() const {
  using Kind = preprocessing::FaceChoice::Kind;
  if (settings_.face.kind == Kind::all && models_.kinds().wanted().audio) return {Kind::speaking, 0};
  return settings_.face;
}

SentenceStreamSettings Transcriber::stream_settings(Wanted available) const {
  SentenceStreamSettings settings;
  settings.models = models_.kinds();
  settings.available = available;
  settings.window_frames = models_.window_frames();
  settings.skip_silence = settings_.skip_silence;
  settings.cutting.symbols = sentence_decoder().symbols().size();
  settings.cutting.separator = sentence_decoder().separator();
  return settings;
}

SpellWindows Transcriber::spelling() const {
  return [this](models::Streams streams, const std::vector<Stretch>& windows) {
    return rows_of(models_.of(streams).symbol_probabilities(windows));
  };
}

PlayedFile Transcriber::spell(const std::string& path, const UtteranceCutter::Sink& sink,
                              const TickFrames& tick) const {
  OpenFile file = open(path);
  SentenceStream stream(stream_settings(file.available), spelling(), sink);
  const TakeFrames take = [&](int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                              std::span<const float> audio) { stream.push(frames, mouth, face, audio); };
  const RecordingSummary summary = play(file.reader, recording(file), take, tick);
  stream.finish();
  return {file.reader.info(), summary.frames};
}

std::unique_ptr<Listener> Transcriber::listener(Wanted available) const {
  if (decoder_)
    return listen_for_sentences(stream_settings(available), spelling(), [this](const Utterance& utterance) {
      const auto tuning = utterance.answer.heard_by ? tunings_.at(*utterance.answer.heard_by) : SentenceTuning{};
      return decode(*decoder_, utterance, tuning, settings_.sentences.n_best);
    });
  WindowSettings settings;
  settings.window_frames = models_.window_frames();
  settings.hop_frames = settings_.hop_frames;
  settings.labels = static_cast<int>(models_.labels().size());
  settings.models = models_.kinds();
  settings.available = available;
  const ClassifyWindows classify = [this](models::Streams streams, const std::vector<Stretch>& batch) {
    return models_.of(streams).probabilities(batch);
  };
  return listen_for_words(settings, classify, models_.labels(), decodings_, settings_.top);
}

RecordingSummary Transcriber::hear(OpenFile& file, Heard& heard, const TickFrames& tick) const {
  const std::unique_ptr<Listener> listener = this->listener(file.available);
  const TakeFrames take = [&](int frames, const io::Frames& mouth, std::span<const uint8_t> face,
                              std::span<const float> audio) { listener->push(frames, mouth, face, audio); };
  RecordingSummary summary = play(file.reader, recording(file), take, tick);
  heard = listener->finish();
  name_faces(summary.faces, heard);
  return summary;
}

RecordingSummary Transcriber::read_faces(OpenFile& file, Heard& heard, const TickFrames& tick) const {
  std::map<int, std::unique_ptr<Listener>> listeners;  // of the faces that are there
  FaceSinks sinks;
  sinks.frame = [&](const preprocessing::MouthFrame& frame) {
    std::unique_ptr<Listener>& listener = listeners[frame.track];
    if (!listener) listener = this->listener(file.available);
    const int size = models_.crop()->tracked.size;
    const uint8_t face = frame.face ? 1 : 0;
    listener->push(1, {1, size, size, frame.crop}, std::span(&face, 1), {});
  };
  sinks.end = [&](const preprocessing::FaceTrack& track) {
    const auto found = listeners.extract(track.number);
    add_face(track, found ? found.mapped()->finish() : Heard{}, heard);
  };
  RecordingSummary summary = play_faces(file.reader, recording(file), sinks, tick);
  sort_by_time(heard);
  return summary;
}

Transcript Transcriber::transcribe(const std::string& path, const TickFrames& tick) const {
  const bool each_face = settings_.face.kind == preprocessing::FaceChoice::Kind::all && !models_.kinds().wanted().audio;
  OpenFile file = open(path);
  Heard heard;
  const RecordingSummary summary = each_face ? read_faces(file, heard, tick) : hear(file, heard, tick);
  Transcript transcript;
  transcript.words = std::move(heard.words);
  transcript.segments = std::move(heard.segments);
  for (const auto& [streams, recognizer] : models_.all())
    transcript.models.push_back({recognizer->path(), streams, decoding_json(streams)});
  transcript.frames = summary.frames;
  transcript.frames_without_face = summary.faceless;
  transcript.audio_offset_seconds = file.audio_offset_seconds;
  transcript.media = file.reader.info();
  return transcript;
}

nlohmann::json Transcriber::decoding_json(models::Streams streams) const {
  if (decoder_) return to_json(tunings_.at(streams));
  nlohmann::json decoding = to_json(decodings_.at(streams));
  decoding["hop_frames"] = settings_.hop_frames;
  return decoding;
}

Transcript transcribe_file(Recognizer& recognizer, const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                           const std::string& path, const TranscribeSettings& settings, const TickFrames& tick) {
  return Transcriber(ModelSet({&recognizer}), face_model, settings).transcribe(path, tick);
}

}  // namespace avsr::pipeline
