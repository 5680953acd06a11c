#include "pipeline/recognition/utterance_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::vector<std::string> kLabels{"<blank>", " ", "a", "b"};

// A row for each letter ('-' is the blank), in which it has the probability 0.7, and `second` 0.2.
Utterance utterance_of(const std::string& letters, char second = '-') {
  Utterance utterance;
  utterance.first_frame = 50;
  utterance.frames = static_cast<int>(letters.size());
  utterance.answer.heard_by = models::Streams::audiovisual;
  for (const char letter : letters)
    for (const char symbol : {'-', ' ', 'a', 'b'})
      utterance.log_probabilities.push_back(std::log(symbol == letter ? 0.7f : symbol == second ? 0.2f : 0.05f));
  return utterance;
}

TEST(UtteranceDecoder, WordsHaveTimesInTheRecordingAndTheModelsShifts) {
  const SentenceDecoder decoder(kLabels);
  SentenceTuning tuning;
  tuning.timing.start_shift_seconds = -0.04;
  tuning.timing.end_shift_seconds = 0.02;
  const DecodedUtterance decoded = decode(decoder, utterance_of("--aab- -b---"), tuning, 2);
  EXPECT_EQ(decoded.segment.text, "ab b");
  EXPECT_NEAR(decoded.segment.start_seconds, 2, 1e-9);
  EXPECT_NEAR(decoded.segment.end_seconds, 2.48, 1e-9);
  EXPECT_EQ(decoded.segment.heard_by, models::Streams::audiovisual);
  ASSERT_EQ(decoded.words.size(), 2u);
  EXPECT_EQ(decoded.words[0].word.text, "ab");
  EXPECT_NEAR(decoded.words[0].word.start_seconds, 2.08 - 0.04, 1e-9);
  EXPECT_NEAR(decoded.words[0].word.end_seconds, 2.20 + 0.02, 1e-9);
  EXPECT_NEAR(decoded.words[0].word.confidence, 0.7, 1e-3);
  EXPECT_EQ(decoded.words[1].heard_by, models::Streams::audiovisual);
  ASSERT_EQ(decoded.segment.n_best.size(), 2u);
  EXPECT_EQ(decoded.segment.n_best[0].text, "ab b");
  EXPECT_GT(decoded.segment.n_best[0].score, decoded.segment.n_best[1].score);
}

TEST(UtteranceDecoder, ABeamOfOneTakesTheBestSymbols) {
  SentenceTuning tuning;
  tuning.beam = 1;
  EXPECT_EQ(decode(SentenceDecoder(kLabels), utterance_of("ab -a"), tuning, 1).segment.text, "ab a");
}

TEST(UtteranceDecoder, WhatNobodyAnswersIsMarked) {
  Utterance silence;
  silence.frames = 25;
  silence.answer.in_silence = true;
  const DecodedUtterance decoded = decode(SentenceDecoder(kLabels), silence, {}, 1);
  EXPECT_EQ(decoded.segment.heard_by, std::nullopt);
  EXPECT_EQ(decoded.segment.missing, "silence");
  EXPECT_TRUE(decoded.words.empty());
}

TEST(SentenceTuning, ComesFromTheModelAndTheUser) {
  EXPECT_EQ(sentence_tuning_from_json({}).beam, 16);
  const SentenceTuning model = sentence_tuning_from_json(
      {{"kind", "ctc"}, {"beam", 8}, {"language_weight", 0.5}, {"start_shift_seconds", -0.02}, {"chosen", "so"}});
  EXPECT_EQ(sentence_tuning_from_json(to_json(model)).timing.start_shift_seconds, -0.02);
  SentenceChoices user;
  user.n_best = 12;
  user.insertion_bonus = 1.5;
  const SentenceTuning both = user.applied_to(model);
  EXPECT_EQ(both.beam, 12);
  EXPECT_EQ(both.language_weight, 0.5);
  EXPECT_EQ(both.insertion_bonus, 1.5);
  EXPECT_THAT([] { sentence_tuning_from_json({{"unknown_below", 0.3}}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("kind")));
  EXPECT_THAT([] { sentence_tuning_from_json({{"kind", "ctc"}, {"beam", "wide"}}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("incomplete")));
}

TEST(SentenceTuning, ChoicesThatContradictEachOtherAreRefused) {
  const auto refused = [](const SentenceChoices& choices, const char* what) {
    EXPECT_THAT([&] { choices.validate(); }, ThrowsMessage<std::invalid_argument>(HasSubstr(what)));
  };
  refused({.beam = 0}, "--beam");
  refused({.beam = 4, .n_best = 5}, "--n-best 5");
  refused({.language_weight = 1}, "--language-model");
  refused({.files = {.words = "w", .grammar = "g"}}, "--grammar");
}

}  // namespace
}  // namespace avsr::pipeline
