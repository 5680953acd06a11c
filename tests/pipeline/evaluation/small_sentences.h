// An evaluation of sentences made by hand.
#pragma once

#include <string>
#include <vector>

#include "pipeline/evaluation/sentence_evaluation.h"

namespace avsr::pipeline {

// Four sentences of 2, 2, 3 and 1 words, each a recording of its own, clean and in white noise of 0 dB; systems A and
// AV, read by "greedy" and "grammar". The words' corpus times are 0.4 s each, one after the other; what is heard starts
// 0.05 s and ends 0.1 s later. AV hears "bin" for "pin" in noise, A besides nothing of the third sentence.
SentenceEvaluation sentence_evaluation();

// The words of a text, 0.4 seconds each; starts and ends `late` seconds late.
std::vector<decoding::TimedWord> heard_words(const std::string& text, double late_starts = 0, double late_ends = 0);

}  // namespace avsr::pipeline
