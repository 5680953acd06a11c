#include "pipeline/recognition/transcript_score.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace avsr::pipeline {

void TranscriptScore::add(const std::vector<io::Word>& reference, const std::vector<io::TimedWord>& words,
                          double seconds) {
  std::vector<std::string> expected, found;
  double spoken = 0;
  for (const io::Word& word : reference) {
    expected.push_back(word.text);
    spoken += word.end_seconds - word.start_seconds;
  }
  for (const io::TimedWord& word : words) {
    found.push_back(word.text);
    const double middle = 0.5 * (word.start_seconds + word.end_seconds);
    const bool in_speech = std::any_of(reference.begin(), reference.end(), [&](const io::Word& r) {
      return middle >= r.start_seconds && middle <= r.end_seconds;
    });
    false_words_ += in_speech ? 0 : 1;
  }
  const std::vector<eval::EditStep> steps = eval::edit_alignment(expected, found);
  errors_ += eval::count_errors(steps);
  for (const eval::EditStep& step : steps) {
    if (step.edit != eval::Edit::match) continue;
    const io::Word& said = reference[static_cast<size_t>(step.reference)];
    const io::TimedWord& heard = words[static_cast<size_t>(step.hypothesis)];
    start_errors_.push_back(std::abs(heard.start_seconds - said.start_seconds));
    end_errors_.push_back(std::abs(heard.end_seconds - said.end_seconds));
  }
  silence_seconds_ += std::max(0., seconds - spoken);
  ++files_;
}

double TranscriptScore::false_words_a_minute() const {
  return silence_seconds_ > 0 ? 60 * static_cast<double>(false_words_) / silence_seconds_ : 0;
}

std::string TranscriptScore::text() const {
  std::string times;
  if (!start_errors_.empty())
    times = fmt::format("; right words start {:.0f} and end {:.0f} ms off (medians)", 1000 * *start_error_seconds(),
                        1000 * *end_error_seconds());
  return fmt::format(
      "word error rate {:.1f} % ({} wrong, {} missed, {} inserted of {} words in {} files){}; {:.1f} false words a "
      "minute of silence ({} in {:.0f} s)",
      100 * errors_.rate(), errors_.substitutions, errors_.deletions, errors_.insertions, errors_.reference, files_,
      times, false_words_a_minute(), false_words_, silence_seconds_);
}

nlohmann::json TranscriptScore::json() const {
  nlohmann::json json{{"files", files_},
                      {"word_error_rate", errors_.rate()},
                      {"substitutions", errors_.substitutions},
                      {"deletions", errors_.deletions},
                      {"insertions", errors_.insertions},
                      {"reference_words", errors_.reference},
                      {"silence_seconds", silence_seconds_},
                      {"false_words", false_words_},
                      {"false_words_a_minute", false_words_a_minute()}};
  if (!start_errors_.empty()) {
    json["start_error_seconds"] = *start_error_seconds();
    json["end_error_seconds"] = *end_error_seconds();
  }
  return json;
}

}  // namespace avsr::pipeline
