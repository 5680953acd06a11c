#include "pipeline/evaluation/evaluate_sentences.h"

#include <fmt/format.h>

#include "pipeline/evaluation/sentence_evaluator.h"

namespace avsr::pipeline {

SentenceEvaluation evaluate_sentences(const TestedModels& models, const EvaluationSettings& settings,
                                      const EvaluationTick& tick) {
  SentenceEvaluator evaluator(models, settings, settings.split,
                              tick);  // says what does not fit before anything is chosen
  // What is chosen on the split that is reported would be reported too good.
  const bool chooses = !settings.choose_on.empty() && settings.choose_on != settings.split,
             can_choose = chooses && open_prepared(settings.data, settings.choose_on).size() > 0;
  SearchChoice choice = evaluator.default_choice();
  if (can_choose) {
    EvaluationSettings choosing = settings;
    choosing.split = settings.choose_on;
    choosing.damages.clear();
    choosing.missing.clear();
    choice = SentenceEvaluator(models, choosing, settings.split, tick).choose();
  }
  SentenceEvaluation evaluation = evaluator.test(choice);
  if (can_choose) evaluation.search["chosen_on"] = settings.choose_on;
  if (chooses && !can_choose)
    evaluation.notes.push_back(
        fmt::format("the settings of searches are the defaults: split '{}', on which they are chosen, has no clips",
                    settings.choose_on));
  return evaluation;
}

}  // namespace avsr::pipeline
