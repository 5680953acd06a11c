// Models of sentences on a split, each clip under every condition, read in several ways.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/evaluation/evaluate.h"
#include "pipeline/evaluation/sentence_decodings.h"
#include "pipeline/evaluation/sentence_evaluation.h"
#include "pipeline/evaluation/test_pass.h"

namespace avsr::pipeline {

// Settings of the search of each model (first) in each decoding.
using SearchChoice = std::vector<std::vector<decoding::BeamSearch>>;

// Note [The network answers once]
// How an answer is read is no matter of the network: each model is asked once for each clip and condition, and its
// probabilities are read in all ways. To choose settings, those of the other split are kept.
class SentenceEvaluator {
 public:
  // tested: the split that the evaluation is of; settings.split may be another one, on which settings are chosen.
  // Throws std::runtime_error when a model does not fit the data, or a file the model's symbols.
  SentenceEvaluator(const TestedModels& models, const EvaluationSettings& settings, const std::string& tested,
                    const EvaluationTick& tick);

  SearchChoice default_choice() const;
  // Fewest word errors over all conditions together, as whoever uses a decoder does not know the noise.
  SearchChoice choose();
  SentenceEvaluation test(const SearchChoice& choice);

 private:
  struct Answer {
    std::vector<float> log_probabilities;  // (T, V)
  };
  decoding::LogProbabilities view(size_t model, const Answer& answer) const;
  using Observe = std::function<void(size_t model, size_t condition, size_t first_clip, std::vector<Answer> answers)>;
  void run(const std::string& what, const Observe& observe);
  std::vector<decoding::TimedWord> read(size_t model, size_t decoding, const decoding::BeamSearch& search,
                                        const Answer& answer) const;
  int64_t word_errors(size_t model, size_t decoding, const decoding::BeamSearch& search,
                      const std::vector<std::vector<Answer>>& answers) const;
  SentenceRow& row(size_t model, size_t decoding, size_t condition);
  void add_rows();
  void share_rows();
  void describe(const SearchChoice& choice);

  const TestedModels& models_;
  const EvaluationSettings& settings_;
  const EvaluationTick& tick_;
  TestPass pass_;
  std::vector<SentenceDecoding> decodings_;
  std::vector<SentenceDecoder> decoders_;      // of each decoding; models have the same symbols
  std::vector<decoding::WordTiming> timings_;  // of each model
  SentenceEvaluation evaluation_;
};

}  // namespace avsr::pipeline
