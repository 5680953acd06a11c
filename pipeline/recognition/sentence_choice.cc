#include "pipeline/recognition/sentence_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "decoding/ctc_decoder.h"
#include "eval/error_rate.h"
#include "eval/metrics.h"
#include "pipeline/data/dataset.h"
#include "pipeline/data/spread.h"

namespace avsr::pipeline {
namespace {

constexpr int kMostClips = 300;

// What was found on the sentences so far.
class Measurement {
 public:
  explicit Measurement(const std::vector<std::string>& labels) : symbols_(labels), separator_(symbols_.find(" ")) {}

  void add(const io::Clip& clip, const std::vector<int>& text, const decoding::LogProbabilities& heard) {
    ++sentences_;
    errors_ += eval::token_errors(eval::words_of(symbols_.text(text)),
                                  eval::words_of(symbols_.text(decoding::best_path(heard.values, heard.symbols))));
    const auto alignment = decoding::align(heard, text);
    if (!alignment) return;
    const std::vector<decoding::TimedWord> words =
        decoding::words_of(alignment->symbols, symbols_, separator_, heard.steps());
    if (words.size() != clip.words.size()) return;
    for (size_t w = 0; w < words.size(); ++w) {
      if (clip.words[w].end_seconds <= clip.words[w].start_seconds) continue;
      late_starts_.push_back(clip.words[w].start_seconds - words[w].start_seconds);
      late_ends_.push_back(clip.words[w].end_seconds - words[w].end_seconds);
    }
  }

  int64_t sentences() const { return sentences_; }
  nlohmann::json json() const {
    const double start = eval::median(late_starts_).value_or(0), end = eval::median(late_ends_).value_or(0);
    const auto off = [](const std::vector<double>& missing, double shift) {
      std::vector<double> errors;
      for (const double one : missing) errors.push_back(1000 * std::abs(one - shift));
      return eval::median(errors).value_or(0);
    };
    std::string chosen =
        fmt::format("word error rate {:.1f} % on {} validation sentences, best path", 100 * errors_.rate(), sentences_);
    if (!late_starts_.empty())
      chosen += fmt::format("; of known texts words start {:.0f} and end {:.0f} ms off (medians)",
                            off(late_starts_, start), off(late_ends_, end));
    return {{"kind", "ctc"}, {"start_shift_seconds", start}, {"end_shift_seconds", end}, {"chosen", chosen}};
  }

 private:
  decoding::Symbols symbols_;
  std::optional<int> separator_;
  int64_t sentences_ = 0;
  eval::ErrorCounts errors_;
  std::vector<double> late_starts_, late_ends_;
};

}  // namespace

decoding::WordTiming timing_from_json(const nlohmann::json& json) {
  decoding::WordTiming timing;
  if (json.is_null()) return timing;
  timing.start_shift_seconds = json.value("start_shift_seconds", 0.0);
  timing.end_shift_seconds = json.value("end_shift_seconds", 0.0);
  return timing;
}

std::optional<nlohmann::json> choose_sentence_decoding(Recognizer& recognizer, const std::string& data,
                                                       const std::string& split, const Tick& tick) {
  Dataset::Settings wanted;
  wanted.streams = recognizer.streams();
  wanted.targets = Targets::characters;
  wanted.labels = recognizer.labels();
  const auto dataset = Dataset::open(data, split, wanted);  // says so where there is none
  const std::vector<int> chosen = spread(static_cast<int>(dataset->samples().size()), kMostClips);
  Measurement measurement(recognizer.labels());
  for (const int i : chosen) {
    if (tick && !tick(measurement.sentences(), static_cast<int64_t>(chosen.size()))) return std::nullopt;
    const Sample& sample = dataset->samples()[static_cast<size_t>(i)];
    const SymbolProbabilities heard = recognizer.symbol_probabilities(
        {cut_stretch(*dataset->clip(sample.clip), 0, sample.frames, part_of(recognizer.streams()))});
    measurement.add(dataset->record(sample.clip), sample.text, heard.of(0));
  }
  return measurement.json();
}

}  // namespace avsr::pipeline
