// How good transcripts are: word errors against a reference, how far the times of right words are off, and words heard
// where nobody speaks.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/error_rate.h"
#include "eval/metrics.h"
#include "io/clip.h"
#include "io/subtitles.h"

namespace avsr::pipeline {

class TranscriptScore {
 public:
  // reference: the words with their times; what lies outside them (and within `seconds`) is silence. A recognised word
  // whose middle lies there is false.
  void add(const std::vector<io::Word>& reference, const std::vector<io::TimedWord>& words, double seconds);

  int files() const { return files_; }
  const eval::ErrorCounts& errors() const { return errors_; }
  double silence_seconds() const { return silence_seconds_; }
  int64_t false_words() const { return false_words_; }
  double false_words_a_minute() const;  // of silence; 0 when there is none
  // Medians of how far starts and ends of right words are from the reference's; none where no word is right.
  std::optional<double> start_error_seconds() const { return eval::median(start_errors_); }
  std::optional<double> end_error_seconds() const { return eval::median(end_errors_); }
  std::string text() const;  // one line for people
  nlohmann::json json() const;

 private:
  int files_ = 0;
  eval::ErrorCounts errors_;
  double silence_seconds_ = 0;
  int64_t false_words_ = 0;
  std::vector<double> start_errors_, end_errors_;  // of right words: 0 or above
};

}  // namespace avsr::pipeline
