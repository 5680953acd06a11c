// The models of one transcription: at most one that listens, one that looks, one that does both.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/media_reader.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/recognition/answering.h"
#include "pipeline/recognition/recognizer.h"

namespace avsr::pipeline {

// Throws std::invalid_argument for a model that is told where the word is, which nobody knows in a recording.
void require_no_word_boundary(const Recognizer& recognizer);

class ModelSet {
 public:
  // The recognizers outlive the set. Throws std::invalid_argument naming two models and what differs where they do not
  // go together: the same streams; other labels, lengths of windows or crops; a model that wants word boundaries.
  explicit ModelSet(const std::vector<Recognizer*>& recognizers);

  const ModelKinds& kinds() const { return kinds_; }
  const std::map<models::Streams, Recognizer*>& all() const { return models_; }
  Recognizer& of(models::Streams streams) const { return *models_.at(streams); }
  const std::vector<std::string>& labels() const { return any().labels(); }
  bool sentences() const { return any().sentences(); }  // they write sentences, symbol by symbol; else words
  int window_frames() const { return any().rule().window_frames; }
  std::optional<CropRule> crop() const;  // none where no model looks
  std::string names() const;             // the files, for people
  // Throws std::runtime_error naming the file when it lacks a track without which no model can answer, or has frames of
  // a size in which a fixed box does not hold the mouth.
  void check(const io::MediaInfo& info) const;

 private:
  Recognizer& any() const { return *models_.begin()->second; }

  std::map<models::Streams, Recognizer*> models_;
  ModelKinds kinds_;
};

}  // namespace avsr::pipeline
