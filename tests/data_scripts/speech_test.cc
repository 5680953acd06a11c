// Synthetic speech and the mouth that goes with it.
#include "data_scripts/speech.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data_scripts/visemes.h"
#include "tests/data_scripts/files.h"

namespace avsr::data_scripts {
namespace {

using testing::HasSubstr;

TEST(Segments, AreNamesWithRisingEnds) {
  const auto phones = parse_segments("pau:0.220 ax:0.275 \n b:0.3");
  ASSERT_EQ(phones.size(), 3u);
  EXPECT_EQ(phones[1].name, "ax");
  EXPECT_DOUBLE_EQ(phones[1].start_seconds, 0.220);
  EXPECT_DOUBLE_EQ(phones[2].end_seconds, 0.3);
  EXPECT_THAT(failure_of([] { parse_segments("pau 0.2"); }), HasSubstr("'pau'"));
  EXPECT_THAT(failure_of([] { parse_segments("pau:0.2 ax:0.1"); }), HasSubstr("'ax:0.1'"));
  EXPECT_THAT(failure_of([] { parse_segments("pau:0.2s"); }), HasSubstr("'pau:0.2s'"));
}

TEST(Resample, MovesASineToTheNewFrequencyAndKeepsItsAmplitude) {
  std::vector<float> x(8000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(0.2f * static_cast<float>(i));
  for (const double factor : {0.85, 1.0, 1.25}) {
    const auto y = resample(x, factor);
    ASSERT_NEAR(static_cast<double>(y.size()), 8000 / factor, 1);
    double worst = 0;
    for (size_t i = 100; i + 100 < y.size(); ++i) {
      worst = std::max(worst, std::abs(y[i] - std::sin(0.2 * factor * static_cast<double>(i))));
    }
    EXPECT_LT(worst, 0.02) << factor;
  }
}

TEST(Voices, AreInOneSplitEach) {
  const auto train = voices_of("train"), val = voices_of("val"), test = voices_of("test");
  EXPECT_EQ(train.size(), 24u);
  EXPECT_EQ(val.size(), 4u);
  EXPECT_EQ(test.size(), 8u);
  std::set<std::string> names;
  for (const auto* voices : {&train, &val, &test}) {
    for (const Voice& voice : *voices) EXPECT_TRUE(names.insert(voice.name).second) << voice.name;
  }
  EXPECT_THROW(voices_of("dev"), std::invalid_argument);
}

std::vector<Phone> phones_of(const std::vector<std::string>& names, double each = 0.1) {
  std::vector<Phone> phones;
  for (const auto& name : names) {
    const double start = each * static_cast<double>(phones.size());
    phones.push_back({name, start, start + each});
  }
  return phones;
}

TEST(Visemes, ShowWhatASpeakersMouthShows) {
  const auto apa = phones_of({"aa", "p", "aa"}), afa = phones_of({"aa", "f", "aa"}),
             auwa = phones_of({"aa", "uw", "aa"});
  EXPECT_GT(mouth_at(apa, 0.05).opening, 0.6);
  EXPECT_LT(mouth_at(apa, 0.15).opening, 0.1) << "lips close for p";
  EXPECT_GT(mouth_at(afa, 0.15).teeth, 0.7) << "teeth on the lip for f";
  EXPECT_GT(mouth_at(auwa, 0.15).rounding, 0.7) << "lips round for uw";
  EXPECT_LT(mouth_at(apa, 0.05).rounding, 0.1);
  // Coarticulation: the same vowel is rounder beside a rounded consonant.
  EXPECT_GT(mouth_at(phones_of({"w", "ih"}, 0.08), 0.11).rounding,
            mouth_at(phones_of({"t", "ih"}, 0.08), 0.11).rounding + 0.05);
  // A diphthong moves.
  const auto ow = phones_of({"aw"}, 0.2);
  EXPECT_GT(mouth_at(ow, 0.03).opening, mouth_at(ow, 0.17).opening + 0.3);
  EXPECT_THAT(failure_of([] { mouth_at(phones_of({"q"}), 0); }), HasSubstr("'q'"));
}

TEST(Synthesizer, SpeaksWithTheTimesOfItsWords) {
  if (!program_exists("flite")) GTEST_SKIP() << "the program flite is not installed";
  const TemporaryFolder folder;
  const Synthesizer synthesizer("flite", {"green", "family", "only"});
  for (const char* split : {"train", "test"}) {
    const Voice voice = voices_of(split).front();
    const Utterance utterance = synthesizer.speak(voice, {"green", "family", "only"}, 1, folder / "a.wav");
    ASSERT_EQ(utterance.words.size(), 3u);
    EXPECT_EQ(utterance.words[1].text, "family");
    EXPECT_GT(utterance.words[1].start_seconds, utterance.words[0].start_seconds);
    EXPECT_DOUBLE_EQ(utterance.words[1].start_seconds, utterance.words[0].end_seconds);
    EXPECT_GT(utterance.audio.seconds(), utterance.words[2].end_seconds);  // flite may cut the last pause short
    EXPECT_LT(utterance.audio.seconds(), utterance.phones.back().end_seconds + 0.05);
    // Speech is loud within the words, and the pause before them is quiet.
    const auto power = [&](double from, double to) {
      double sum = 0;
      for (auto i = static_cast<size_t>(from * 16000); i < static_cast<size_t>(to * 16000); ++i) {
        sum += utterance.audio.samples[i] * utterance.audio.samples[i];
      }
      return sum / (to - from);
    };
    EXPECT_GT(power(utterance.words[0].start_seconds, utterance.words[2].end_seconds),
              30 * power(0, utterance.words[0].start_seconds - 0.05));
    EXPECT_GT(power(utterance.words[2].end_seconds - 0.1, utterance.words[2].end_seconds - 0.02),
              10 * power(utterance.words[2].end_seconds + 0.04, utterance.audio.seconds()));
  }
}

TEST(Synthesizer, SaysWhatToInstallWhenTheProgramIsAbsent) {
  EXPECT_THAT(failure_of([] { Synthesizer("no-such-program", {"green"}); }), HasSubstr("apt-get install flite"));
}

}  // namespace
}  // namespace avsr::data_scripts
