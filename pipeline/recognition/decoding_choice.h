// Chooses, on validation clips, how what a model hears becomes words, and keeps the choice in the model file.
#pragma once

#include <optional>
#include <string>

#include "models/backend/backend.h"
#include "models/word_decoder.h"
#include "pipeline/reporter.h"

namespace avsr::pipeline {

// Of a sentence model: choose_sentence_decoding. Of a word model on sentences: of a grid of settings the one with the
// fewest word errors on the clean clips (of equals the first). On clips of single words: the probability that 95 % of
// the rightly recognised clips reach is the threshold of "unknown", the rest stays at its default. The model file is
// rewritten, atomically; its weights stay. Returns one line for people, no value (and leaves the file) when tick said
// to stop. Throws std::runtime_error when the split has no clip that the model can read.
std::optional<std::string> choose_decoding(backend::Backend& backend, const std::string& model, const std::string& data,
                                           const Tick& tick = {}, const std::string& split = "val");

}  // namespace avsr::pipeline
