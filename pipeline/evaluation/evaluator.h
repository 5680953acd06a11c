// Models of words on a split, each clip under every condition.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/scores.h"
#include "pipeline/evaluation/decision_fusion.h"
#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/evaluation.h"
#include "pipeline/evaluation/test_pass.h"
#include "pipeline/evaluation/tested_models.h"

namespace avsr::pipeline {

// Whose decisions are joined: indices of the models.
struct FusedModels {
  size_t audio = 0, video = 0;
};

// What is chosen on one split to be used on another.
struct Chosen {
  FusionChoice fusion;
  std::vector<double> temperatures;  // of each model
};

class Evaluator {
 public:
  // tested: the split that the evaluation is of; settings.split may be another one, on which something is chosen.
  // Throws std::runtime_error when a model does not fit the data or cannot do without a stream.
  Evaluator(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
            const EvaluationTick& tick);

  // Rows of the models, then of the joined decisions.
  Evaluation test(const std::optional<FusedModels>& fused, const std::vector<FusionWay>& ways);
  // Weights on all conditions, for the fused models; temperatures on the first one.
  Chosen choose(const std::optional<FusedModels>& fused);
  std::vector<std::string> condition_names() const { return pass_.condition_names(); }

 private:
  void add_rows(const std::string& name, models::Streams streams);
  EvaluationRow& row(size_t system, size_t condition) {
    return evaluation_.rows[system * evaluation_.conditions.size() + condition];
  }
  eval::Scores scores(const TestPass::Source& source) const;
  std::vector<float> join(const FusionWay& way, const FusedModels& fused, size_t condition) const;
  using Observe = std::function<void(size_t condition, const std::vector<int>& words)>;
  void run(const std::string& what, const TestPass::Wants& wants, const Observe& observe);
  void answer(const std::vector<float>& probabilities, const std::vector<int>& words, EvaluationRow& row) const;
  void share_rows();
  void add_worst();

  const TestedModels& models_;
  const EvaluationSettings& settings_;
  TestPass pass_;
  Evaluation evaluation_;
  int labels_ = 0;
  std::vector<std::map<size_t, std::vector<float>>> current_;  // of the piece at hand: model -> condition -> (N, V)
};

}  // namespace avsr::pipeline
