// A split opened for the models of an evaluation, and passed through them once, each clip under every condition.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/test_noise.h"
#include "pipeline/evaluation/tested_models.h"
#include "pipeline/evaluation/tested_split.h"

namespace avsr::pipeline {

class TestPass {
 public:
  // tested: the split that the evaluation is of; settings.split may be another one, on which something is chosen.
  // wanted: what of the data; streams and labels are the models'. All but `wanted` must outlive this object. Throws
  // std::runtime_error when a model does not fit the data or cannot do without a stream.
  TestPass(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
           const EvaluationTick& tick, Dataset::Settings wanted);

  const TestedSplit& split() const { return split_; }
  const Dataset& dataset() const { return *dataset_; }
  const std::vector<std::string>& names() const { return names_; }  // of the models
  std::vector<std::string> condition_names() const;

  // The first condition that is this one to the model: a lip-reader hears no noise, and an ear sees no damage.
  size_t twin(size_t model, size_t condition) const;
  // Whose answers count for a model under a condition, and under which condition they are the same. None: nobody can
  // answer.
  struct Source {
    size_t model, condition;
  };
  std::optional<Source> source(size_t model, size_t condition) const;
  // Whether it is the model itself, under no earlier condition.
  bool answers_itself(size_t model, size_t condition) const;

  using Wants = std::function<bool(size_t model, size_t condition)>;
  TestBatches batches(const Wants& wants) const;
  // Each piece of the split under one condition after the other, with a batch for each model that is wanted. what: for
  // the tick.
  void run(const std::string& what, const Wants& wants,
           const std::function<void(const TestBatches::Made& made)>& observe) const;

 private:
  void open_data(Dataset::Settings wanted);
  void check_missing();
  void open_noises(const std::string& tested);
  void note_once(const std::string& note);

  const TestedModels& models_;
  const EvaluationSettings& settings_;
  const EvaluationTick& tick_;
  TestedSplit split_;
  std::vector<std::string> names_;
  std::shared_ptr<CacheBudget> cache_;
  std::unique_ptr<Dataset> dataset_;
  std::vector<TestNoise> noises_;
  io::Waveform room_;
  Targets targets_ = Targets::words;
  bool hears_ = false;
};

}  // namespace avsr::pipeline
