// Measures, on validation sentences, how late a sentence model's symbols stand, and how well it reads.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "decoding/words.h"
#include "pipeline/recognition/recognizer.h"
#include "pipeline/reporter.h"

namespace avsr::pipeline {

// What a model file's "decoding" holds of a sentence model: {"kind": "ctc", "start_shift_seconds": -0.02,
// "end_shift_seconds": 0.04, "chosen": how}. null gives no shift.
decoding::WordTiming timing_from_json(const nlohmann::json& json);

// The texts of clean sentences are aligned with what the model hears (decoding/alignment.h); the shifts are the medians
// of what is then missing to the corpus' own times (where there are none: 0). "chosen" says it for people, with the
// word error rate of the best path. No value when tick said to stop. Throws std::runtime_error when the split has no
// sentence that the model can read.
std::optional<nlohmann::json> choose_sentence_decoding(Recognizer& recognizer, const std::string& data,
                                                       const std::string& split, const Tick& tick);

}  // namespace avsr::pipeline
