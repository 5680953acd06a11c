#include "pipeline/recognition/utterance_cutter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace avsr::pipeline {
namespace {

// Symbols: blank '-', separator ' ', 'a', 'b'.
constexpr int kSymbols = 4;
const std::string kNames = "- ab";

// A row for each letter, in which it has the probability p.
std::vector<float> rows_of(const std::string& letters, double p = 0.94) {
  std::vector<float> rows;
  for (const char letter : letters)
    for (const char symbol : kNames)
      rows.push_back(static_cast<float>(std::log(symbol == letter ? p : (1 - p) / (kSymbols - 1))));
  return rows;
}

std::string letters_of(const Utterance& utterance) {
  std::string letters;
  for (int t = 0; t < utterance.frames && !utterance.log_probabilities.empty(); ++t) {
    const auto row = utterance.log_probabilities.begin() + t * kSymbols;
    letters += kNames[static_cast<size_t>(std::max_element(row, row + kSymbols) - row)];
  }
  return letters;
}

class UtteranceCutterTest : public testing::Test {
 protected:
  static SentenceWindow window(int64_t start, int frames, bool begins, bool ends) {
    SentenceWindow window{start, frames, start, start + frames, begins, ends, {}};
    window.answer.heard_by = models::Streams::audio;
    return window;
  }
  void add(const SentenceWindow& window, const std::string& letters, double p = 0.94) {
    cutter_.add(window, rows_of(letters, p));
  }

  std::vector<Utterance> found_;
  UtteranceCutter cutter_{{kSymbols, 1, 6, 40}, [this](Utterance&& utterance) { found_.push_back(utterance); }};
};

TEST_F(UtteranceCutterTest, AShortStretchIsOneUtteranceOfItsOwnFrames) {
  SentenceWindow short_one = window(100, 10, true, true);
  short_one.first = 102;
  short_one.end = 108;
  add(short_one, "ab-a--b-ab");
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].first_frame, 102);
  EXPECT_EQ(letters_of(found_[0]), "-a--b-");
}

TEST_F(UtteranceCutterTest, APauseCuts) {
  add(window(0, 24, true, true), "--ab-a b-- -----b-aa----");
  ASSERT_EQ(found_.size(), 2u);
  EXPECT_EQ(letters_of(found_[0]), "--ab-a b-- ");
  EXPECT_EQ(found_[1].first_frame, 11);
  EXPECT_EQ(letters_of(found_[1]), "-----b-aa----");
}

TEST_F(UtteranceCutterTest, NothingIsMadeOfBlanksAndOfLongOnesLittleIsKept) {
  add(window(0, 30, true, true), std::string(20, '-') + std::string(10, ' '));
  EXPECT_TRUE(found_.empty());
  add(window(50, 24, true, true), std::string(22, '-') + "ab");
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_GT(found_[0].first_frame, 50);
  EXPECT_EQ(found_[0].first_frame + found_[0].frames, 74);
  EXPECT_EQ(letters_of(found_[0]).substr(letters_of(found_[0]).size() - 5), "---ab");
}

TEST_F(UtteranceCutterTest, WindowsAreJoinedWhereTheyAgree) {
  // The middle of the overlap of frames 8 … 15 is 12; there the windows disagree, at 13 they agree.
  add(window(0, 16, true, false), "a-b-a-b-a-b-a-b-");
  add(window(8, 16, false, true), "bbbbb-a-a-a-a-a-");
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(letters_of(found_[0]), "a-b-a-b-a-b-a-a-a-a-a-a-");
}

TEST_F(UtteranceCutterTest, ALongUtteranceIsCutWhereItIsQuietest) {
  std::string letters;
  while (letters.size() < 60) letters += "ab";
  letters.replace(30, 5, "-----");
  add(window(0, 60, true, true), letters);
  ASSERT_EQ(found_.size(), 2u);
  EXPECT_EQ(found_[0].frames, 32);
  EXPECT_EQ(letters_of(found_[0]) + letters_of(found_[1]), letters);
}

TEST_F(UtteranceCutterTest, TellsStretchesThatNobodyAnswers) {
  SentenceWindow silence{10, 0, 10, 35, true, true, {}};
  silence.answer.in_silence = true;
  cutter_.add(silence, {});
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].first_frame, 10);
  EXPECT_EQ(found_[0].frames, 25);
  EXPECT_TRUE(found_[0].answer.in_silence);
}

TEST_F(UtteranceCutterTest, RefusesWhatDoesNotFit) {
  EXPECT_THROW(add(window(0, 4, true, true), "ab"), std::logic_error);
  EXPECT_THROW(UtteranceCutter({kSymbols, 4, 6, 40}, [](Utterance&&) {}), std::invalid_argument);
  EXPECT_THROW(UtteranceCutter({kSymbols, 1, 6, 11}, [](Utterance&&) {}), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::pipeline
