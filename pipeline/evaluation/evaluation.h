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
#include "pipeline/evaluation/tested_split.h"

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

struct Evaluation : TestedSplit {
  std::vector<EvaluationRow> rows;  // system by system, conditions in their order
  std::vector<int> words;           // of the clips: index of the label
  std::vector<std::string> labels;  // that the models know
  // Of a model by its name: what its log-probabilities are divided by to be as sure as they are right; chosen on
  // another split.
  std::map<std::string, double> temperatures;
  nlohmann::json fusion;         // how its weights were chosen, for the report; null without fusion
  std::vector<WorstClip> worst;  // in the order in which they are shown

  std::vector<std::string> systems() const;  // their names, in order
  // Null where the system cannot answer: the only stream that it perceives is missing.
  const EvaluationRow* row(const std::string& system, const Condition& condition) const;
  std::vector<const EvaluationRow*> leading_rows() const;  // each system's under the first condition
  // 95 %: bootstrap over groups; Wilson's over clips with fewer than two groups, or where all clips or none are right,
  // which no resampling can tell from chance.
  eval::Interval interval(const EvaluationRow& row) const;
};

}  // namespace avsr::pipeline
