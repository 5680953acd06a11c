// A media file in, words with times out. Memory does not grow with the file's length, but for what is found in it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "models/word_decoder.h"
#include "pipeline/recognition/listener.h"
#include "pipeline/recognition/model_set.h"
#include "pipeline/recognition/recording.h"
#include "pipeline/recognition/transcript.h"
#include "pipeline/recognition/utterance_decoder.h"

namespace avsr::pipeline {

struct TranscribeSettings {
  int hop_frames = 2;                  // between windows of word models
  int top = 3;                         // alternatives listed for each word
  std::optional<float> unknown_below;  // of word models; none: as each model's file says
  SentenceChoices sentences;           // of sentence models
  bool skip_silence = true;            // sentence models: where they listen, and nobody speaks
  preprocessing::FaceChoice face;      // whose mouth, where crops are tracked; "all": Note [All faces]
  bool measure_offset = false;         // of the sound; where nothing is certain, what follows counts
  double audio_offset_seconds = 0;     // by how much the sound is late against the picture
  bool allow_damaged = false;          // transcribe what can be read of a damaged file
  void validate() const;               // throws std::invalid_argument naming the option
};

// All that decides what is found in a file.
nlohmann::json to_json(const TranscribeSettings& settings);

// Note [All faces]
// Models that only look read every face by itself; what each says stands in the transcript under the number of its
// track. Where models listen there is one sound, and it is of the face that moves with it: that one is read, as with
// "speaking", and words bear its number.

// A file that was played to its end.
struct PlayedFile {
  io::MediaInfo media;
  int64_t frames = 0;
};

// Frames done, now and then, and how many the file should have (0 where it does not say).
using TickFrames = std::function<void(int64_t done, int64_t expected)>;

class Transcriber {
 public:
  // face_model: for models trained on tracked crops; may be null otherwise. Throws std::invalid_argument or
  // std::runtime_error where settings, the files that they name and models do not go together, before any media file is
  // opened.
  Transcriber(ModelSet models, std::shared_ptr<const preprocessing::FaceModel> face_model,
              const TranscribeSettings& settings);

  const ModelSet& models() const { return models_; }
  // Of sentence models; std::invalid_argument for others.
  const SentenceDecoder& sentence_decoder() const;
  const SentenceTuning& tuning(models::Streams streams) const { return tunings_.at(streams); }

  // Throws std::runtime_error naming the file when it cannot be read or lacks a stream without which no model can
  // answer. Several threads may call these, where the recognizers allow it.
  Transcript transcribe(const std::string& path, const TickFrames& tick = {}) const;
  // What sentence models make of a file, before it is decoded.
  PlayedFile spell(const std::string& path, const UtteranceCutter::Sink& sink, const TickFrames& tick = {}) const;

 private:
  struct OpenFile {
    io::MediaReader reader;
    Wanted available;
    std::optional<double> audio_offset_seconds;  // as measured
  };
  void check_settings() const;
  OpenFile open(const std::string& path) const;
  preprocessing::FaceChoice followed() const;
  RecordingSettings recording(const OpenFile& file) const;
  SentenceStreamSettings stream_settings(Wanted available) const;
  SpellWindows spelling() const;
  std::unique_ptr<Listener> listener(Wanted available) const;
  RecordingSummary hear(OpenFile& file, Heard& heard, const TickFrames& tick) const;
  RecordingSummary read_faces(OpenFile& file, Heard& heard, const TickFrames& tick) const;
  nlohmann::json decoding_json(models::Streams streams) const;

  ModelSet models_;
  std::shared_ptr<const preprocessing::FaceModel> face_model_;
  TranscribeSettings settings_;
  std::map<models::Streams, models::WordDecoding> decodings_;  // of word models
  std::optional<SentenceDecoder> decoder_;                     // of sentence models
  std::map<models::Streams, SentenceTuning> tunings_;
};

// One file by one model.
Transcript transcribe_file(Recognizer& recognizer, const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                           const std::string& path, const TranscribeSettings& settings, const TickFrames& tick = {});

}  // namespace avsr::pipeline
