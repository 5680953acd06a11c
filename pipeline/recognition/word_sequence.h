// Words of a whole recording from a word model: windows over it, decoded.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
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

// All windows of a prepared clip, finished.
SlidingWindows windows_of_clip(Recognizer& recognizer, const io::Clip& clip, int hop_frames);

// What the finished windows say, in order of time. A single window (a clip of one word) always gives exactly one
// answer.
std::vector<SpokenWord> words_of(const SlidingWindows& windows, const std::vector<std::string>& labels,
                                 const models::WordDecoding& decoding, int top);

// The same where several models answered, each with its own decoding. A word that goes on where another model takes
// over is one word, heard by the one that heard more of it.
std::vector<SpokenWord> words_of(const SlidingWindows& windows, const std::vector<std::string>& labels,
                                 const std::map<models::Streams, models::WordDecoding>& decodings, int top);

// Neighbouring windows with one answer, and the words whose middle lies there.
std::vector<Segment> segments_of(const SlidingWindows& windows, const std::vector<SpokenWord>& words);

}  // namespace avsr::pipeline
