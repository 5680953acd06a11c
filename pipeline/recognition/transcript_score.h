// How good transcripts are: word errors against a reference, and words heard where nobody speaks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/error_rate.h"
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
  std::string text() const;             // one line for people
  nlohmann::json json() const;

 private:
  int files_ = 0;
  eval::ErrorCounts errors_;
  double silence_seconds_ = 0;
  int64_t false_words_ = 0;
};

}  // namespace avsr::pipeline
