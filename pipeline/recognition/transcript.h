// What is said in one media file, and when: the result of transcribing it, without how it was made.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/media_reader.h"
#include "io/subtitles.h"
#include "models/network_config.h"

namespace avsr::pipeline {

constexpr int kNoFace = -1;

// One recognised word, or a stretch of speech that the model does not know.
struct SpokenWord {
  io::TimedWord word;  // text "unknown" where no word is likely enough
  bool unknown = false;
  models::Streams heard_by = models::Streams::audio;         // which model answered
  int face = kNoFace;                                        // number of the track of the face that said it
  std::vector<std::pair<std::string, double>> alternatives;  // top labels with their mean probability, best first
};

// One of the texts that a sentence model holds likely.
struct ScoredText {
  std::string text;
  double score = 0;  // what texts are ranked by: acoustic, and language by its weight (docs/decoding.md)
  double acoustic = 0, language = 0;  // natural logarithms of probabilities
};

// A stretch of the file that was answered in one way. Of word models: neighbouring windows that the same model
// answered; of sentence models: what was decoded as one sentence.
struct Segment {
  double start_seconds = 0, end_seconds = 0;
  std::optional<models::Streams> heard_by;  // none: there was nothing that a model could answer
  std::string missing;                      // "no face", "silence", "no face, silence", …; empty: nothing
  int face = kNoFace;
  std::string text;
  std::vector<ScoredText> n_best;  // of sentence models: best first, as many as were asked for
};

struct UsedModel {
  std::string path;
  models::Streams streams = models::Streams::audio;
  nlohmann::json decoding;  // with which settings
};

struct Transcript {
  io::MediaInfo media;
  std::vector<UsedModel> models;
  std::vector<SpokenWord> words;    // in order of their starts
  std::vector<Segment> segments;    // in order of their starts; those of one face do not overlap
  int64_t frames = 0;               // at 25 a second
  int64_t frames_without_face = 0;  // not interpolated either (models that look)
  // By how much the sound is late against the picture, as measured (below 0: early); none: not measured.
  std::optional<double> audio_offset_seconds;

  double seconds() const { return static_cast<double>(frames) / io::kFramesPerSecond; }
  std::vector<io::TimedWord> known_words() const;  // without "unknown"
};

// The format of NAME.json: docs/transcripts.md.
nlohmann::json to_json(const Transcript& transcript);
nlohmann::json to_json(const SpokenWord& spoken);
nlohmann::json to_json(const Segment& segment);

}  // namespace avsr::pipeline
