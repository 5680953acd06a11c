// A media file in, words with times out. Memory does not grow with the file's length, but for the probabilities.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/data/crop_rule.h"
#include "pipeline/recognition/transcript.h"
#include "pipeline/recognition/word_sequence.h"

namespace avsr::pipeline {

struct TranscribeSettings {
  int hop_frames = 2;             // between windows
  int top = 3;                    // alternatives listed for each word
  models::WordDecoding decoding;  // the model's own, unless the user chose
  bool allow_damaged = false;     // transcribe what can be read of a damaged file
};

// face_model: for models trained on tracked crops; may be null otherwise. tick: frames done, now and then, and how
// many the file should have (0 where it does not say).
// Throws std::runtime_error naming the file when it cannot be read or lacks a stream that the model needs.
Transcript transcribe_file(Recognizer& recognizer, const std::shared_ptr<const preprocessing::FaceModel>& face_model,
                           const std::string& path, const TranscribeSettings& settings,
                           const std::function<void(int64_t done, int64_t expected)>& tick = {});

}  // namespace avsr::pipeline
