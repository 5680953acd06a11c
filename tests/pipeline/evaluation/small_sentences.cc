#include "tests/pipeline/evaluation/small_sentences.h"

namespace avsr::pipeline {

std::vector<decoding::TimedWord> heard_words(const std::string& text, double late_starts, double late_ends) {
  std::vector<decoding::TimedWord> words;
  for (const std::string& word : eval::words_of(text)) {
    const double start = 0.4 * static_cast<double>(words.size());
    words.push_back({word, start + late_starts, start + 0.4 + late_ends, 1});
  }
  return words;
}

SentenceEvaluation sentence_evaluation() {
  SentenceEvaluation evaluation;
  evaluation.noises = {{{"kind", "white"}, {"name", "white"}}};
  evaluation.data = {{"split", "test"}, {"hash", "beef"}, {"seed", 1}, {"sentences", 4}};
  evaluation.models = {{{"name", "AV"}, {"file", "run/<av>.safetensors"}, {"streams", "audiovisual"}}};
  evaluation.grouped_by = "recording";
  evaluation.notes = {"a <b>note</b>"};
  evaluation.conditions = {{}, {0, 0.0, std::nullopt}};
  evaluation.decodings = {"greedy", "grammar"};
  evaluation.search = {{"words", ""},
                       {"grammar", "<g>.txt"},
                       {"language_model", ""},
                       {"chosen_on", "val"},
                       {"settings", {{{"model", "AV"}, {"decoding", "grammar"}, {"beam", 16}}}}};
  for (const char* text : {"pin blue", "lay <red>", "pin at f", "soon"}) {
    std::vector<io::Word> times;
    for (const decoding::TimedWord& word : heard_words(text))
      times.push_back({word.text, word.start_seconds, word.end_seconds});
    evaluation.said.push_back(said_sentence(text, times));
    evaluation.keys.push_back("clip" + std::to_string(evaluation.keys.size()));
    evaluation.groups.push_back(static_cast<int>(evaluation.groups.size()));
    evaluation.speakers.emplace_back("s1");
  }
  for (const char* model : {"A", "AV"})
    for (const std::string& decoding : evaluation.decodings)
      for (const Condition& condition : evaluation.conditions) {
        const bool noisy = condition.noise >= 0, alone = std::string(model) == "A";
        SentenceRow row{model, decoding, alone ? models::Streams::audio : models::Streams::audiovisual, condition, {}};
        for (const SaidSentence& said : evaluation.said) {
          std::string text = said.text;
          if (noisy && text.starts_with("pin")) text.front() = 'b';
          if (noisy && alone && said.words.size() == 3) text.clear();
          row.heard.push_back(heard_sentence(said, heard_words(text, 0.05, 0.1)));
        }
        evaluation.rows.push_back(std::move(row));
      }
  return evaluation;
}

}  // namespace avsr::pipeline
