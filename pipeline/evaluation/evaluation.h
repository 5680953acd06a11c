// What an evaluation found: the answers of every system under every condition, and what they are about.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/metrics.h"
#include "io/clip.h"
#include "models/network_config.h"
#include "pipeline/evaluation/test_batches.h"

namespace avsr::pipeline {

// One system (a model, or two models' decisions joined) under one condition. Lists per clip, in the split's order.
struct EvaluationRow {
  std::string model;  // its name in the tables
  models::Streams streams = models::Streams::audiovisual;
  Condition condition;
  std::vector<int> answers;          // index of the label
  std::vector<float> confidences;    // probability of the answer
  std::vector<int> ranks;            // of the word that was said among all labels by probability, from 0
  std::vector<float> probabilities;  // (N, V), kept for the first condition alone
  int64_t clips() const { return static_cast<int64_t>(answers.size()); }
  // words: the evaluation's.
  std::vector<uint8_t> hits(const std::vector<int>& words) const;  // per clip: whether its answer is right
  int64_t correct(const std::vector<int>& words) const;
  double accuracy(const std::vector<int>& words) const;
  double top(int k) const;  // share of clips whose word is among the k most probable
};

// A clip that a system was most sure about and wrong, as the system perceived it.
struct WorstClip {
  std::string system, key;
  Condition condition;
  int said = 0, heard = 0;  // indices of the labels
  float confidence = 0;     // probability of the answer
  io::Frames mouth;         // empty where the system does not see
  io::Waveform audio;       // empty where it does not hear
};

struct Evaluation {
  std::vector<EvaluationRow> rows;    // system by system, conditions in their order
  std::vector<Condition> conditions;  // the intact picture first; clean, then noise by noise
  std::vector<std::string> keys;      // of the clips
  std::vector<std::string> speakers;  // of the clips; "" where unknown
  std::vector<int> words;             // of the clips: index of the label
  // Clips that are not independent have the same number: those of a speaker where there are kFewestSpeakers or more,
  // else those cut from one recording.
  std::vector<int> groups;
  std::string grouped_by;           // "speaker" or "recording"
  std::vector<std::string> labels;  // that the models know
  std::vector<std::string> notes;   // what a reader of the table must know
  // Of a model by its name: what its log-probabilities are divided by to be as sure as they are right; chosen on
  // another split.
  std::map<std::string, double> temperatures;
  // Descriptions for the report; noises: by Condition::noise; fusion: how weights were chosen, null without fusion.
  nlohmann::json noises = nlohmann::json::array(), data, models, fusion;
  std::vector<WorstClip> worst;  // in the order in which they are shown

  std::string name_of(const Condition& condition) const;  // "clean", "babble -5 dB", "clean, blur:2", "no sound"
  std::vector<std::string> systems() const;               // their names, in order
  // Null where the system cannot answer: the only stream that it perceives is missing.
  const EvaluationRow* row(const std::string& system, const Condition& condition) const;
  std::vector<const EvaluationRow*> leading_rows() const;  // each system's under the first condition
  // One table and one picture: a noise at its levels, the picture damaged in one way, missing or intact.
  struct Panel {
    std::string title;                  // "babble", "white, blur:2", "babble, no video", "no sound"
    std::vector<Condition> conditions;  // clean first
  };
  std::vector<Panel> panels() const;
  // 95 %: bootstrap over groups; Wilson's over clips with fewer than two groups, or where all clips or none are right,
  // which no resampling can tell from chance.
  eval::Interval interval(const EvaluationRow& row) const;
};

inline constexpr int kFewestSpeakers = 20;  // fewer groups than this make the bootstrap's interval too narrow

}  // namespace avsr::pipeline
