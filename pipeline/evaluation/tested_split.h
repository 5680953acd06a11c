// What an evaluation is of, whatever its models answer: clips, conditions, noises, models.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pipeline/evaluation/test_batches.h"

namespace avsr::pipeline {

inline constexpr int kFewestSpeakers = 20;  // fewer groups than this make the bootstrap's interval too narrow

struct TestedSplit {
  std::vector<Condition> conditions;  // the intact picture first; clean, then noise by noise
  std::vector<std::string> keys;      // of the clips
  std::vector<std::string> speakers;  // of the clips; "" where unknown
  // Clips that are not independent have the same number: those of a speaker where there are kFewestSpeakers or more,
  // else those cut from one recording.
  std::vector<int> groups;
  std::string grouped_by;          // "speaker" or "recording"
  std::vector<std::string> notes;  // what a reader of the tables must know
  // Descriptions for the report; noises: by Condition::noise.
  nlohmann::json noises = nlohmann::json::array(), data, models;

  std::string name_of(const Condition& condition) const;  // "clean", "babble -5 dB", "clean, blur:2", "no sound"
  // One table and one picture: a noise at its levels, the picture damaged in one way, missing or intact.
  struct Panel {
    std::string title;                  // "babble", "white, blur:2", "babble, no video", "no sound"
    std::vector<Condition> conditions;  // clean first
  };
  std::vector<Panel> panels() const;
  // noise, snr_db ("clean" without), damage and missing (null without) of a row in results.json.
  void describe(const Condition& condition, nlohmann::json& row) const;
};

std::string level_name(const Condition& condition);  // "clean", "-5 dB", "no sound"

}  // namespace avsr::pipeline
