// Words of a whole recording from a word model: windows over it, decoded.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/word_decoder.h"
#include "pipeline/recognition/recognizer.h"
#include "pipeline/recognition/sliding_windows.h"
#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {

// Index of the background label, or -1.
int background_of(const std::vector<std::string>& labels);

models::WordDecoding decoding_from_json(const nlohmann::json& json);  // null gives the defaults
nlohmann::json to_json(const models::WordDecoding& decoding);

// Settings of the windows that suit a model. Throws as require_no_word_boundary.
WindowSettings window_settings(const Recognizer& recognizer, int hop_frames);

// Words of a recording, from what its windows say. Each model's answers are decoded with its own settings; a word that
// goes on where another model takes over is one word, heard by the one that heard more of it. A single window (a clip
// of one word) gives exactly one answer. Memory: as models::WordDecoder, and what is found.
class WordSequence {
 public:
  // top: how many alternatives each word has.
  WordSequence(const std::vector<std::string>& labels, const std::map<models::Streams, models::WordDecoding>& decodings,
               int top);

  void add(const Answer& answer, std::span<const float> row);  // of the next window
  void finish(const WindowTimes& times);                       // no add afterwards

  const std::vector<SpokenWord>& words() const { return words_; }     // in order of time
  const std::vector<Segment>& segments() const { return segments_; }  // neighbouring windows with one answer

 private:
  struct Found {
    models::WordEvent event;  // without its mean
    models::Streams heard_by;
    std::vector<std::pair<std::string, double>> alternatives;
  };
  struct Run {
    Answer answer;
    int64_t first = 0, last = 0;  // windows
  };

  void take(models::Streams streams, std::vector<models::WordEvent>&& events);
  void make_words(const WindowTimes& times);
  void make_segments(const WindowTimes& times);

  const std::vector<std::string> labels_;
  const std::map<models::Streams, models::WordDecoding> decodings_;
  const int top_, background_;
  std::map<models::Streams, models::WordDecoder> decoders_;
  std::vector<float> first_row_;
  const std::vector<float> no_input_;
  std::vector<Found> found_;
  std::vector<Run> runs_;
  int64_t windows_ = 0;
  std::vector<SpokenWord> words_;
  std::vector<Segment> segments_;
};

// What a model says to all windows of a clip, to be decoded more than once.
struct ClipWindows {
  std::vector<float> probabilities;  // (windows, labels)
  std::vector<Answer> answers;       // (windows)
  WindowTimes times;
  models::Streams heard_by = models::Streams::audio;
};
ClipWindows windows_of_clip(Recognizer& recognizer, const io::Clip& clip, int hop_frames);
std::vector<SpokenWord> words_of(const ClipWindows& windows, const std::vector<std::string>& labels,
                                 const models::WordDecoding& decoding, int top);

}  // namespace avsr::pipeline
