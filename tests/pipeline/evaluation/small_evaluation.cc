#include "tests/pipeline/evaluation/small_evaluation.h"

#include <cmath>

#include "pipeline/evaluation/decision_fusion.h"

namespace avsr::pipeline {
namespace {

constexpr int kClips = 24, kLabels = 4;

// Surer and more often right the fewer of every `slips` clips are wrong; from 0 on, all are right.
EvaluationRow row_of(const Evaluation& evaluation, const std::string& model, models::Streams streams,
                     const Condition& condition, int slips) {
  EvaluationRow row{model, streams, condition, {}, {}, {}, {}};
  for (int i = 0; i < kClips; ++i) {
    const int word = evaluation.words[static_cast<size_t>(i)];
    const bool wrong = slips > 0 && i % slips == 0;
    row.answers.push_back(wrong ? (word + 1) % kLabels : word);
    row.confidences.push_back(wrong ? 0.5f : 0.85f);
    row.ranks.push_back(wrong ? 1 : 0);
    for (int label = 0; label < kLabels; ++label)
      row.probabilities.push_back(label == row.answers.back() ? row.confidences.back()
                                                              : (1 - row.confidences.back()) / (kLabels - 1));
  }
  if (!(condition == evaluation.conditions.front())) row.probabilities.clear();
  return row;
}

void add_fusion(Evaluation& evaluation) {
  FusionChoice choice(1);
  const EvaluationRow &audio = evaluation.rows.front(), &video = *evaluation.row("video", evaluation.conditions[0]);
  choice.add(0, {audio.probabilities, kLabels}, {video.probabilities, kLabels}, evaluation.words);
  evaluation.fusion = {{"split", "val"}, {"rules", choice.describe({"clean"})}};
}

void add_worst_clips(Evaluation& evaluation) {
  WorstClip heard{"audio & <i>more</i>", "s1_pin", {}, 1, 2, 0.97f, {}, {}};
  for (int i = 0; i < 16000; ++i) heard.audio.samples.push_back(0.3f * std::sin(0.4f * static_cast<float>(i)));
  WorstClip seen{"video", "s2_bin", evaluation.conditions[9], 2, 1, 0.8f, {25, 8, 8, {}}, {}};
  for (int i = 0; i < 25 * 64; ++i) seen.mouth.pixels.push_back(static_cast<uint8_t>(i));
  evaluation.worst = {heard, seen};
}

}  // namespace

Evaluation page_evaluation() {
  Evaluation evaluation;
  evaluation.labels = {"<background>", "<script>alert(1)</script>", "50 % of it's \"own\"", "bin"};
  for (int i = 0; i < kClips; ++i) {
    evaluation.words.push_back(i % kLabels);
    evaluation.keys.push_back(std::to_string(i));
    evaluation.speakers.push_back(i < 10 ? "s1" : "s2");
    evaluation.groups.push_back(i / 2);
  }
  evaluation.grouped_by = "recording";
  evaluation.notes = {"a <b>note</b>"};
  evaluation.noises = {
      {{"kind", "babble"}, {"name", "babble"}, {"voices", 8}, {"hash", "00ff"}},
      {{"kind", "file"}, {"name", "hum"}, {"file", "/noises/<hum>.wav"}, {"seconds", 2.5}, {"hash", "1234abcd"}}};
  evaluation.data = {{"folder", "data & more"}, {"split", "test"}, {"hash", "beef"},    {"clips", kClips},
                     {"labels", kLabels},       {"seed", 1},       {"room", "hall.wav"}};
  evaluation.temperatures["video"] = 0.5;
  evaluation.models = {{{"name", "video"}, {"file", "run/video.safetensors"}, {"streams", "video"}}};
  for (const auto& damage : {std::optional<VideoDamage>(), std::optional(parse_damage("blur:2"))}) {
    evaluation.conditions.push_back({-1, std::nullopt, damage, std::nullopt});
    for (int noise = 0; noise < 2; ++noise)
      for (const double level : {0.0, -5.0}) evaluation.conditions.push_back({noise, level, damage, std::nullopt});
  }
  evaluation.conditions.push_back({-1, std::nullopt, std::nullopt, models::Streams::audio});
  struct System {
    const char* name;
    models::Streams streams;
    int clean, noisy;
  };
  for (const System& system :
       {System{"audio & <i>more</i>", models::Streams::audio, 8, 2}, System{"video", models::Streams::video, 5, 5},
        System{"both", models::Streams::audiovisual, 0, 12}})
    for (const Condition& condition : evaluation.conditions) {
      if (condition.missing == system.streams) continue;
      evaluation.rows.push_back(row_of(evaluation, system.name, system.streams, condition,
                                       condition.noise < 0 ? system.clean : system.noisy));
    }
  add_fusion(evaluation);
  add_worst_clips(evaluation);
  return evaluation;
}

}  // namespace avsr::pipeline
