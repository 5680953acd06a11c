#include "pipeline/recognition/decoding_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "eval/error_rate.h"
#include "io/shards.h"
#include "models/model_file.h"
#include "pipeline/data/dataset.h"
#include "pipeline/data/spread.h"
#include "pipeline/data/usable_clip.h"
#include "pipeline/recognition/sentence_choice.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {
namespace {

constexpr int kHopFrames = 2;
constexpr int kMostClips = 300;
constexpr double kKeptShare = 0.95;

struct Sentence {
  std::vector<std::string> words;
  ClipWindows windows;
};

struct Choice {
  models::WordDecoding decoding;
  std::string text;
};

std::vector<std::string> texts_of(const std::vector<SpokenWord>& spoken) {
  std::vector<std::string> texts;
  for (const SpokenWord& word : spoken)
    if (!word.unknown) texts.push_back(word.word.text);
  return texts;
}

Choice choose_on_sentences(const std::vector<Sentence>& sentences, const std::vector<std::string>& labels) {
  Choice best;
  eval::ErrorCounts fewest;
  for (const float unknown_below : {0.1f, 0.15f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f})
    for (const float switch_cost : {0.5f, 1.f, 2.f, 3.f, 4.f, 6.f, 8.f})
      for (const int fewest_windows : {1, 2}) {
        const models::WordDecoding decoding{unknown_below, switch_cost, fewest_windows};
        eval::ErrorCounts errors;
        for (const Sentence& sentence : sentences)
          errors += eval::token_errors(sentence.words, texts_of(words_of(sentence.windows, labels, decoding, 0)));
        if (fewest.reference == 0 || errors.errors() < fewest.errors()) {
          fewest = errors;
          best.decoding = decoding;
        }
      }
  best.text = fmt::format("word error rate {:.1f} % on {} validation sentences", 100 * fewest.rate(), sentences.size());
  return best;
}

Choice choose_on_words(std::vector<float> right, size_t clips) {
  Choice choice;
  if (!right.empty()) {
    std::sort(right.begin(), right.end());
    const auto index = static_cast<size_t>((1 - kKeptShare) * static_cast<double>(right.size()));
    choice.decoding.unknown_below = std::clamp(right[index], 0.01f, 0.99f);
  }
  choice.text = fmt::format("{:.0f} % of the {} rightly recognised of {} validation clips reach it", 100 * kKeptShare,
                            right.size(), clips);
  return choice;
}

std::optional<Choice> choose(Recognizer& recognizer, const std::string& data, const std::string& split,
                             const Tick& tick) {
  const io::ShardDataset shards = open_prepared(data, split);
  const std::vector<int> chosen = spread(shards.size(), kMostClips);
  std::vector<Sentence> sentences;
  std::vector<float> right;
  size_t clips = 0;
  int64_t done = 0;
  for (const int i : chosen) {
    if (tick && !tick(done++, static_cast<int64_t>(chosen.size()))) return std::nullopt;
    const io::ClipRecord& record = shards.record(i);
    if (!usable(record.clip, record.samples, recognizer.streams())) continue;
    const io::Clip clip = shards.read(i, part_of(recognizer.streams()));
    ClipWindows windows = windows_of_clip(recognizer, clip, kHopFrames);
    if (clip.label.empty()) {
      std::vector<std::string> words;
      for (const io::Word& word : clip.words) words.push_back(word.text);
      if (!words.empty()) sentences.push_back({std::move(words), std::move(windows)});
      continue;
    }
    ++clips;
    const std::vector<SpokenWord> answer = words_of(windows, recognizer.labels(), {.unknown_below = 1e-3f}, 1);
    if (answer.size() == 1 && answer[0].word.text == clip.label)
      right.push_back(static_cast<float>(answer[0].word.confidence));
  }
  if (sentences.empty() && clips == 0)
    throw std::runtime_error(
        fmt::format("[decoding] {} has no clip of split '{}' that {} can read", data, split, recognizer.path()));
  return sentences.empty() ? choose_on_words(std::move(right), clips)
                           : choose_on_sentences(sentences, recognizer.labels());
}

void keep(const nlohmann::json& decoding, const std::string& model, backend::Backend& backend) {
  models::LoadedModel loaded = models::load_model(model, backend);
  loaded.file.decoding = decoding;
  models::save_model(model, loaded.file, loaded.network->parameters());
}

}  // namespace

std::optional<std::string> choose_decoding(backend::Backend& backend, const std::string& model, const std::string& data,
                                           const Tick& tick, const std::string& split) {
  Recognizer recognizer(backend, model);
  if (recognizer.sentences()) {
    const auto found = choose_sentence_decoding(recognizer, data, split, tick);
    if (!found) return std::nullopt;
    keep(*found, model, backend);
    return fmt::format("{}: {}", model, found->at("chosen").get<std::string>());
  }
  const std::optional<Choice> chosen = choose(recognizer, data, split, tick);
  if (!chosen) return std::nullopt;
  const Choice& choice = *chosen;
  nlohmann::json decoding = to_json(choice.decoding);
  decoding["chosen"] = choice.text;
  keep(decoding, model, backend);
  return fmt::format("{}: words below {:.2f} are unknown, switch cost {:.1f} ({})", model,
                     choice.decoding.unknown_below, choice.decoding.switch_cost, choice.text);
}

}  // namespace avsr::pipeline
