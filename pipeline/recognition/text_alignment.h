// When each word of a known text was said in a media file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decoding/symbols.h"
#include "pipeline/recognition/transcribe.h"

namespace avsr::pipeline {

// A text as a model writes it: words with one space between, letters in the case that the model has where it has only
// one (ASCII). Throws std::invalid_argument naming every character that the model lacks, and on a text without words.
std::vector<int> spelled(std::string_view text, const decoding::Symbols& symbols);

struct AlignedText {
  io::MediaInfo media;
  std::vector<io::TimedWord> words;  // confidence: mean probability of its letters where they were found
  double seconds = 0;                // of the file
  double log_probability = 0;        // ln of the best path's probability, all frames of the file together
};

// The transcriber's one model writes sentences. Frames in which nobody speaks, or nobody answers, are blanks. Memory:
// the probabilities of the whole file (10 MB an hour), and decoding/alignment.h. Throws std::runtime_error naming the
// file where the text cannot be said in its frames, and as Transcriber::transcribe.
AlignedText align_file(const Transcriber& transcriber, const std::string& path, std::string_view text,
                       const std::function<void(int64_t done, int64_t expected)>& tick = {});

}  // namespace avsr::pipeline
