#include "pipeline/evaluation/evaluator.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/calibration.h"
#include "eval/scores.h"

namespace avsr::pipeline {
namespace {

using models::Streams;

constexpr size_t kShownWorst = 12;  // clips in the report

Dataset::Settings windows_of(const TestedModels& models) {
  Dataset::Settings wanted;
  if (!models.empty()) wanted.window_frames = models.front()->rule().window_frames;
  return wanted;
}

}  // namespace

Evaluator::Evaluator(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
                     const EvaluationTick& tick)
    : models_(models), settings_(settings), pass_(models, settings, tested, tick, windows_of(models)) {
  static_cast<TestedSplit&>(evaluation_) = pass_.split();
  evaluation_.labels = models_.front()->labels();
  labels_ = static_cast<int>(evaluation_.labels.size());
  for (const Sample& sample : pass_.dataset().samples()) evaluation_.words.push_back(sample.label);
}

Evaluation Evaluator::test(const std::optional<FusedModels>& fused, const std::vector<FusionWay>& ways) {
  for (size_t m = 0; m < models_.size(); ++m) add_rows(pass_.names()[m], models_[m]->streams());
  for (const FusionWay& way : ways)
    add_rows(fmt::format("{} + {}, {}", pass_.names()[fused->audio], pass_.names()[fused->video], way.title()),
             Streams::audiovisual);
  const auto own = [&](size_t m, size_t c) { return pass_.answers_itself(m, c); };
  run(fmt::format("evaluate {}", settings_.split), own, [&](size_t condition, const std::vector<int>& words) {
    for (size_t m = 0; m < models_.size(); ++m)
      if (own(m, condition)) answer(current_[m].at(condition), words, row(m, condition));
    for (size_t w = 0; w < ways.size(); ++w)
      answer(join(ways[w], *fused, condition), words, row(models_.size() + w, condition));
  });
  share_rows();
  add_worst();
  return std::move(evaluation_);
}

Chosen Evaluator::choose(const std::optional<FusedModels>& fused) {
  Chosen chosen{FusionChoice(evaluation_.conditions.size()), {}};
  std::vector<std::vector<float>> first(models_.size());
  const auto wants = [&](size_t m, size_t c) {
    return c == 0 || (fused && (m == fused->audio || m == fused->video) && pass_.twin(m, c) == c);
  };
  run(fmt::format("choose on {}", settings_.split), wants, [&](size_t condition, const std::vector<int>& words) {
    for (size_t m = 0; condition == 0 && m < models_.size(); ++m)
      first[m].insert(first[m].end(), current_[m].at(0).begin(), current_[m].at(0).end());
    if (fused)
      chosen.fusion.add(condition, scores({fused->audio, pass_.twin(fused->audio, condition)}),
                        scores({fused->video, pass_.twin(fused->video, condition)}), words);
  });
  for (const std::vector<float>& probabilities : first) {
    const std::vector<float> logits = eval::log_probabilities({probabilities, labels_});
    chosen.temperatures.push_back(eval::best_temperature({logits, labels_}, evaluation_.words));
  }
  return chosen;
}

void Evaluator::add_rows(const std::string& name, Streams streams) {
  for (const Condition& condition : evaluation_.conditions)
    evaluation_.rows.push_back({name, streams, condition, {}, {}, {}, {}});
}

eval::Scores Evaluator::scores(const TestPass::Source& source) const {
  return {current_[source.model].at(source.condition), labels_};
}

// Of one stream alone where the other one is missing.
std::vector<float> Evaluator::join(const FusionWay& way, const FusedModels& fused, size_t condition) const {
  const std::optional<TestPass::Source> audio = pass_.source(fused.audio, condition),
                                        video = pass_.source(fused.video, condition);
  if (audio && video) return way.join(scores(*audio), scores(*video));
  const eval::Scores alone = scores(audio ? *audio : *video);
  return {alone.values.begin(), alone.values.end()};
}

// Each piece of the split under one condition after the other.
void Evaluator::run(const std::string& what, const TestPass::Wants& wants, const Observe& observe) {
  std::vector<int> words;
  pass_.run(what, wants, [&](const TestBatches::Made& made) {
    if (made.condition == 0) {
      current_.assign(models_.size(), {});
      const size_t last = std::min(made.first_clip + static_cast<size_t>(settings_.batch), evaluation_.words.size());
      words.assign(evaluation_.words.begin() + static_cast<std::ptrdiff_t>(made.first_clip),
                   evaluation_.words.begin() + static_cast<std::ptrdiff_t>(last));
    }
    for (size_t m = 0; m < models_.size(); ++m)
      if (made.batches[m].clips > 0) current_[m][made.condition] = models_[m]->probabilities(made.batches[m]);
    observe(made.condition, words);
  });
}

void Evaluator::answer(const std::vector<float>& probabilities, const std::vector<int>& words,
                       EvaluationRow& row) const {
  for (size_t b = 0; b < words.size(); ++b) {
    const float* of_clip = probabilities.data() + b * static_cast<size_t>(labels_);
    const int best = eval::best_label({of_clip, static_cast<size_t>(labels_)}), said = words[b];
    row.answers.push_back(best);
    row.confidences.push_back(of_clip[best]);
    int before = 0;
    for (int v = 0; v < labels_; ++v) before += of_clip[v] > of_clip[said] || (of_clip[v] == of_clip[said] && v < said);
    row.ranks.push_back(before);
  }
  if (row.condition == evaluation_.conditions.front())
    row.probabilities.insert(row.probabilities.end(), probabilities.begin(), probabilities.end());
}

// Rows that are another row's to the model get its answers; those that nobody can answer go.
void Evaluator::share_rows() {
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t c = 0; c < evaluation_.conditions.size(); ++c) {
      const std::optional<TestPass::Source> from = pass_.source(m, c);
      EvaluationRow& own = row(m, c);
      if (!from || !own.answers.empty()) continue;
      const EvaluationRow& same = row(from->model, from->condition);
      own.answers = same.answers;
      own.confidences = same.confidences;
      own.ranks = same.ranks;
    }
  std::erase_if(evaluation_.rows, [](const EvaluationRow& row) { return row.answers.empty(); });
}

// The clips that the first audiovisual model, else the first model, was most sure about and wrong, under the condition
// that is hardest for it with an intact picture.
void Evaluator::add_worst() {
  size_t m = 0;
  while (m < models_.size() && models_[m]->streams() != Streams::audiovisual) ++m;
  if (m == models_.size()) m = 0;
  const EvaluationRow* hardest = nullptr;
  for (const EvaluationRow& row : evaluation_.rows)
    if (row.model == pass_.names()[m] && !row.condition.damage && !row.condition.missing &&
        (!hardest || row.correct(evaluation_.words) < hardest->correct(evaluation_.words)))
      hardest = &row;
  std::vector<size_t> wrong;
  for (size_t i = 0; i < evaluation_.words.size(); ++i)
    if (hardest->answers[i] != evaluation_.words[i]) wrong.push_back(i);
  std::stable_sort(wrong.begin(), wrong.end(),
                   [&](size_t a, size_t b) { return hardest->confidences[a] > hardest->confidences[b]; });
  wrong.resize(std::min(wrong.size(), kShownWorst));
  const TestBatches clips = pass_.batches({});
  for (const size_t i : wrong) {
    Stretch stretch = clips.clip_under(hardest->condition, i);
    if (models_[m]->streams() == Streams::audio) stretch.mouth = {};
    if (models_[m]->streams() == Streams::video) stretch.audio = {};
    evaluation_.worst.push_back({pass_.names()[m], evaluation_.keys[i], hardest->condition, evaluation_.words[i],
                                 hardest->answers[i], hardest->confidences[i], std::move(stretch.mouth),
                                 std::move(stretch.audio)});
  }
}

}  // namespace avsr::pipeline
