#include "pipeline/evaluation/sentence_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>

#include "io/parallel.h"
#include "pipeline/pinning.h"
#include "pipeline/recognition/sentence_choice.h"

namespace avsr::pipeline {
namespace {

Dataset::Settings whole_sentences() {
  Dataset::Settings wanted;
  wanted.targets = Targets::characters;
  return wanted;
}

// The network rests meanwhile.
void on_all_cores(size_t count, const std::function<void(size_t)>& work) {
  io::parallel_for(count, allowed_cores(), [&](size_t i) {
    free_this_thread();
    work(i);
  });
}

}  // namespace

SentenceEvaluator::SentenceEvaluator(const TestedModels& models, const EvaluationSettings& settings,
                                     const std::string& tested, const EvaluationTick& tick)
    : models_(models),
      settings_(settings),
      tick_(tick),
      pass_(models, settings, tested, tick, whole_sentences()),
      decodings_(decodings_of(settings.sentences)) {
  for (const SentenceDecoding& decoding : decodings_) decoders_.emplace_back(models_.front()->labels(), decoding.files);
  for (const auto& model : models_) timings_.push_back(timing_from_json(model->decoding()));
  static_cast<TestedSplit&>(evaluation_) = pass_.split();
  evaluation_.data["sentences"] = evaluation_.keys.size();
  evaluation_.data.erase("clips");
  for (const SentenceDecoding& decoding : decodings_) evaluation_.decodings.push_back(decoding.name);
  const Dataset& dataset = pass_.dataset();
  for (const Sample& sample : dataset.samples())
    evaluation_.said.push_back(
        said_sentence(decoders_.front().symbols().text(sample.text), dataset.record(sample.clip).words));
}

SearchChoice SentenceEvaluator::default_choice() const {
  decoding::BeamSearch search;
  if (settings_.sentences.beam > 0) search.beam = settings_.sentences.beam;
  return SearchChoice(models_.size(), std::vector<decoding::BeamSearch>(decodings_.size(), search));
}

decoding::LogProbabilities SentenceEvaluator::view(size_t model, const Answer& answer) const {
  return {answer.log_probabilities, static_cast<int>(models_[model]->labels().size())};
}

void SentenceEvaluator::run(const std::string& what, const Observe& observe) {
  const auto own = [&](size_t m, size_t c) { return pass_.answers_itself(m, c); };
  pass_.run(what, own, [&](const TestBatches::Made& made) {
    for (size_t m = 0; m < models_.size(); ++m) {
      const HostBatch& batch = made.batches[m];
      if (batch.clips == 0) continue;
      const SymbolProbabilities heard = models_[m]->symbol_probabilities(batch);
      std::vector<Answer> answers;
      for (int b = 0; b < batch.clips; ++b) {
        const decoding::LogProbabilities clip = heard.of(b);
        answers.push_back({{clip.values.begin(), clip.values.end()}});
      }
      observe(m, made.condition, made.first_clip, std::move(answers));
    }
  });
}

std::vector<decoding::TimedWord> SentenceEvaluator::read(size_t model, size_t decoding,
                                                         const decoding::BeamSearch& search,
                                                         const Answer& answer) const {
  const SentenceDecoder& decoder = decoders_[decoding];
  const decoding::LogProbabilities clip = view(model, answer);
  if (decodings_[decoding].greedy) return decoder.words(decoder.greedy(clip), clip.steps(), timings_[model]);
  const std::vector<decoding::Hypothesis> found = decoder.search(clip, search);
  if (found.empty()) return {};
  return decoder.words(found.front(), clip.steps(), timings_[model]);
}

int64_t SentenceEvaluator::word_errors(size_t model, size_t decoding, const decoding::BeamSearch& search,
                                       const std::vector<std::vector<Answer>>& answers) const {
  std::atomic<int64_t> errors = 0;
  const size_t clips = evaluation_.said.size();
  on_all_cores(answers.size() * clips, [&](size_t i) {
    const std::vector<Answer>& under = answers[i / clips];
    if (!under.empty())
      errors +=
          heard_sentence(evaluation_.said[i % clips], read(model, decoding, search, under[i % clips])).words.errors();
  });
  return errors;
}

SearchChoice SentenceEvaluator::choose() {
  const std::string what = fmt::format("choose on {}", settings_.split);
  std::vector<std::vector<std::vector<Answer>>> answers(
      models_.size(), std::vector<std::vector<Answer>>(evaluation_.conditions.size()));
  run(what, [&](size_t m, size_t c, size_t, std::vector<Answer> found) {
    std::move(found.begin(), found.end(), std::back_inserter(answers[m][c]));
  });
  SearchChoice choice = default_choice();
  const auto searches = static_cast<int64_t>(models_.size() * (decodings_.size() - 1));
  int64_t done = 0;
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t d = 0; d < decodings_.size(); ++d) {
      if (decodings_[d].greedy) continue;
      choice[m][d] =
          choose_search(decoders_[d].has_language_model(), settings_.sentences.beam,
                        [&](const decoding::BeamSearch& search) { return word_errors(m, d, search, answers[m]); });
      if (tick_) tick_("choose the settings of searches", ++done, searches);
    }
  return choice;
}

SentenceEvaluation SentenceEvaluator::test(const SearchChoice& choice) {
  add_rows();
  describe(choice);
  run(fmt::format("evaluate {}", settings_.split), [&](size_t m, size_t c, size_t first,
                                                       const std::vector<Answer>& answers) {
    on_all_cores(answers.size() * decodings_.size(), [&](size_t i) {
      const size_t b = i % answers.size(), d = i / answers.size();
      row(m, d, c).heard[first + b] = heard_sentence(evaluation_.said[first + b], read(m, d, choice[m][d], answers[b]));
    });
  });
  share_rows();
  return std::move(evaluation_);
}

SentenceRow& SentenceEvaluator::row(size_t model, size_t decoding, size_t condition) {
  return evaluation_.rows[(model * decodings_.size() + decoding) * evaluation_.conditions.size() + condition];
}

void SentenceEvaluator::add_rows() {
  for (size_t m = 0; m < models_.size(); ++m)
    for (const SentenceDecoding& decoding : decodings_)
      for (const Condition& condition : evaluation_.conditions)
        evaluation_.rows.push_back({pass_.names()[m], decoding.name, models_[m]->streams(), condition,
                                    std::vector<HeardSentence>(evaluation_.said.size())});
}

// Rows that are another row's to the model get its answers; those that nobody can answer go.
void SentenceEvaluator::share_rows() {
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t d = 0; d < decodings_.size(); ++d)
      for (size_t c = 0; c < evaluation_.conditions.size(); ++c) {
        if (pass_.answers_itself(m, c)) continue;
        const std::optional<TestPass::Source> from = pass_.source(m, c);
        row(m, d, c).heard = from ? row(from->model, d, from->condition).heard : std::vector<HeardSentence>{};
      }
  std::erase_if(evaluation_.rows, [](const SentenceRow& row) { return row.heard.empty(); });
}

void SentenceEvaluator::describe(const SearchChoice& choice) {
  evaluation_.search = {{"words", settings_.sentences.words},
                        {"grammar", settings_.sentences.grammar},
                        {"language_model", settings_.sentences.language_model},
                        {"chosen_on", nullptr},
                        {"settings", nlohmann::json::array()}};
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t d = 0; d < decodings_.size(); ++d) {
      if (decodings_[d].greedy) continue;
      nlohmann::json one = to_json(choice[m][d], decoders_[d].has_language_model());
      one.update({{"model", pass_.names()[m]}, {"decoding", decodings_[d].name}});
      evaluation_.search["settings"].push_back(std::move(one));
    }
}

}  // namespace avsr::pipeline
