#include "eval/error_rate.h"

#include <fstream>
#include <stdexcept>

#include "eval/bootstrap.h"
#include "eval/significance.h"
#include "tests/eval/goldens.h"

namespace avsr::eval {
namespace {

using Texts = std::vector<std::string>;

// Of jiwer and SciPy: goldens/make_error_rates.py writes the file.
const nlohmann::json& error_rates() {
  static const auto kGoldens =
      nlohmann::json::parse(std::ifstream(AVSR_SOURCE_DIR "/tests/eval/goldens/error_rates.json"));
  return kGoldens;
}

// "bin/bin blue/- -/red": each step's tokens.
std::string steps_text(const Texts& reference, const Texts& hypothesis) {
  std::string text;
  for (const EditStep& step : edit_alignment(reference, hypothesis)) {
    const auto name = [](const Texts& texts, int i) { return i < 0 ? "-" : texts.at(static_cast<size_t>(i)); };
    if (!text.empty()) text += ' ';
    text += name(reference, step.reference) + '/' + name(hypothesis, step.hypothesis);
  }
  return text;
}

// Where texts can be aligned in several ways with as few errors, their kinds may differ from jiwer's; their sum may
// not.
void expect_counts(const ErrorCounts& found, const nlohmann::json& wanted, const std::string& what) {
  EXPECT_EQ(found.errors(), wanted.at(0).get<int64_t>() + wanted.at(1).get<int64_t>() + wanted.at(2).get<int64_t>())
      << what;
  EXPECT_EQ(found.deletions - found.insertions, wanted.at(1).get<int64_t>() - wanted.at(2).get<int64_t>()) << what;
  EXPECT_EQ(found.reference, wanted.at(3).get<int64_t>()) << what;
}

TEST(ErrorRate, IsJiwers) {
  for (const nlohmann::json& texts : error_rates().at("texts")) {
    ErrorCounts words, characters;
    for (const nlohmann::json& pair : texts.at("pairs")) {
      const std::string said = pair.at("said"), heard = pair.at("heard");
      const ErrorCounts of_words = token_errors(words_of(said), words_of(heard)),
                        of_characters = token_errors(characters_of(said), characters_of(heard));
      expect_counts(of_words, pair.at("words"), said);
      expect_counts(of_characters, pair.at("characters"), said);
      words += of_words;
      characters += of_characters;
    }
    EXPECT_DOUBLE_EQ(words.rate(), texts.at("wer"));
    EXPECT_DOUBLE_EQ(characters.rate(), texts.at("cer"));
  }
}

TEST(ErrorRate, CountsEachKindOfEdit) {
  const Texts said{"bin", "blue", "at", "f", "two", "now"};
  EXPECT_EQ(token_errors(said, said), (ErrorCounts{0, 0, 0, 6}));
  EXPECT_EQ(token_errors(std::vector<int>{1, 2, 3, 4}, std::vector<int>{1, 5, 4, 4}), (ErrorCounts{2, 0, 0, 4}));
  const ErrorCounts mixed = token_errors(said, Texts{"bin", "red", "at", "two", "now", "please"});
  EXPECT_EQ(mixed, (ErrorCounts{1, 1, 1, 6}));
  EXPECT_DOUBLE_EQ(mixed.rate(), 0.5);
  EXPECT_EQ(token_errors({}, Texts{"a", "b"}), (ErrorCounts{0, 0, 2, 0}));
  EXPECT_EQ(token_errors(Texts{"a"}, {}), (ErrorCounts{0, 1, 0, 1}));
  EXPECT_DOUBLE_EQ(token_errors({}, Texts{"a"}).rate(), 1);
  EXPECT_DOUBLE_EQ(token_errors(Texts{}, Texts{}).rate(), 0);
  EXPECT_DOUBLE_EQ(token_errors(Texts{"a"}, Texts{"b", "c", "d"}).rate(), 3);
}

TEST(EditAlignment, SaysWhichTokensAreWrong) {
  EXPECT_EQ(steps_text({"bin", "blue", "at", "f", "two"}, {"bin", "red", "at", "two", "now"}),
            "bin/bin blue/red at/at f/- two/two -/now");
  EXPECT_EQ(steps_text({}, {"a"}), "-/a");
  EXPECT_EQ(steps_text({"a"}, {}), "a/-");
  EXPECT_EQ(steps_text({}, {}), "");
  // Of two ways with two errors, the one with a match.
  EXPECT_EQ(steps_text({"a", "b"}, {"b", "c"}), "a/- b/b -/c");
  // Which of two equal words was left out is anybody's guess, but always the same.
  EXPECT_EQ(steps_text({"a", "a"}, {"a"}), "a/- a/a");
}

TEST(Tokens, AreWordsAndCharacters) {
  EXPECT_EQ(words_of("  bin\tblue\n at "), (Texts{"bin", "blue", "at"}));
  EXPECT_TRUE(words_of(" \n").empty());
  EXPECT_EQ(characters_of("aß 日𝄞"), (Texts{"a", "ß", " ", "日", "𝄞"}));
  // No UTF-8: a continuation alone, a character cut off, bytes that never occur.
  EXPECT_EQ(characters_of("\x80"
                          "a\xC3"),
            (Texts{"\x80", "a", "\xC3"}));
  EXPECT_EQ(characters_of("\xE6\x97"
                          "a\xFF\xF8\xC0"),
            (Texts{"\xE6", "\x97", "a", "\xFF", "\xF8", "\xC0"}));
}

TEST(MatchedPairs, IsSciPysTestOverAllSigns) {
  for (const nlohmann::json& golden : error_rates().at("matched_pairs")) {
    const std::vector<int64_t> a = golden.at("a"), b = golden.at("b");
    EXPECT_NEAR(matched_pairs_p(a, b), golden.at("p").get<double>(), 1e-12);
    EXPECT_EQ(matched_pairs_p(b, a), matched_pairs_p(a, b));
  }
}

TEST(MatchedPairs, OfOneErrorASentenceIsMcNemars) {
  const std::vector<int64_t> a{1, 1, 1, 1, 1, 0, 0, 1, 0}, b{0, 0, 0, 0, 0, 1, 0, 0, 0};
  const std::vector<uint8_t> right_a{0, 0, 0, 0, 0, 1, 1, 0, 1}, right_b{1, 1, 1, 1, 1, 0, 1, 1, 1};
  EXPECT_NEAR(matched_pairs_p(a, b), mcnemar(right_a, right_b).p, 1e-15);
  EXPECT_EQ(matched_pairs_p(a, a), 1);
  EXPECT_EQ(matched_pairs_p({}, {}), 1);
  EXPECT_THROW(matched_pairs_p(a, std::vector<int64_t>{1}), std::invalid_argument);
}

TEST(MatchedPairs, OfManySentencesIsNormal) {
  // Of every hundred sentences 26 have an error less and 25 one more.
  const auto p_of = [](int sentences) {
    std::vector<int64_t> a(static_cast<size_t>(sentences), 1), b = a;
    for (size_t i = 0; i < b.size(); ++i) b[i] += i % 100 < 26 ? -1 : i % 100 < 51 ? 1 : 0;
    return matched_pairs_p(a, b);
  };
  // SciPy's binomial test of 100 among 204 and of 10000 among 20400.
  EXPECT_NEAR(p_of(400), 0.8337, 1e-4);
  EXPECT_NEAR(p_of(40000), 0.0052, 1e-4);
}

TEST(ErrorRateInterval, ComesNearSciPys) {
  const nlohmann::json& golden = error_rates().at("bootstrap");
  const std::vector<double> words = golden.at("words"), a = golden.at("a"), b = golden.at("b");
  std::vector<double> difference;
  std::vector<int> own_groups;
  for (size_t i = 0; i < a.size(); ++i) {
    difference.push_back(a[i] - b[i]);
    own_groups.push_back(static_cast<int>(i));
  }
  const auto near = [](const std::optional<Interval>& found, const nlohmann::json& wanted) {
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->low, wanted.at(0).get<double>(), 0.002);
    EXPECT_NEAR(found->high, wanted.at(1).get<double>(), 0.002);
  };
  near(bootstrap_ratio(a, words, own_groups, 40000), golden.at("interval_a"));
  near(bootstrap_ratio(difference, words, own_groups, 40000), golden.at("interval_difference"));
}

TEST(ErrorRateInterval, DrawsNoSentencesWithoutWords) {
  // Half of the draws of two would have no word at all.
  const std::vector<double> errors{2, 1}, words{4, 0};
  const auto interval = bootstrap_ratio(errors, words, std::vector<int>{0, 1});
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 0.5);
  EXPECT_DOUBLE_EQ(interval->high, 0.75);
  const std::vector<int> groups{0, 1};
  EXPECT_THROW(bootstrap_ratio(errors, std::vector<double>{0, 0}, groups), std::invalid_argument);
  EXPECT_THROW(bootstrap_ratio(errors, std::vector<double>{1, -1}, groups), std::invalid_argument);
  EXPECT_THROW(bootstrap_ratio(errors, std::vector<double>{1}, groups), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::eval
