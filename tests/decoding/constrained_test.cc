// Beam search with a constraint, with a language model, and with both.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>

#include "decoding/arpa.h"
#include "decoding/ctc_decoder.h"
#include "decoding/grammar.h"
#include "tests/decoding/clips.h"
#include "tests/small_files.h"

namespace avsr::decoding {
namespace {

using Labels = std::vector<int>;
using Unit = LanguageModel::Unit;

constexpr int kAllTexts = 5000;

// The best of all readings by acoustic part + extra(labels); the text and its score.
std::pair<Labels, double> best_reading(const LogProbabilities& clip,
                                       const std::function<double(const Labels&)>& extra) {
  std::pair<Labels, double> best{{}, kLogZero};
  for (const auto& [labels, reading] : all_readings(clip, 0))
    if (const double score = std::log(reading.probability) + extra(labels); score > best.second) best = {labels, score};
  return best;
}

const Symbols kSmall = Symbols::of_characters(" ab");

TEST(Constrained, IsTheBestAllowedText) {
  const Constraint constraint(any_words({"a", "ab", "bb"}), kSmall);
  for (unsigned seed = 0; seed < 15; ++seed) {
    const OwnClip clip = made_up_clip(seed, 6, 4);
    const auto [labels, score] =
        best_reading(clip, [&](const Labels& l) { return constraint.accepts(l) ? 0.0 : kLogZero; });
    const auto found = beam_search(clip, {.beam = kAllTexts, .n_best = kAllTexts}, &constraint);
    EXPECT_EQ(labels_of(found.at(0).symbols), labels);
    EXPECT_NEAR(found[0].score, score, 1e-9);
    for (const Hypothesis& each : found) EXPECT_TRUE(constraint.accepts(labels_of(each.symbols)));
  }
}

TEST(Constrained, ASentenceIsFoundWhereverThereIsRoom) {
  const Symbols letters = Symbols::of_characters(" abcdefghijklmnopqrstuvwxyz");
  const Constraint grid(read_grammar(AVSR_SOURCE_DIR "/recipes/grid.grammar"), letters);
  const int fewest = grid.fewest_steps(Constraint::kStart, true);
  EXPECT_EQ(fewest, 20);  // "bin red at a one now", no letter twice in a row
  for (unsigned seed = 0; seed < 6; ++seed)
    for (const int steps : {fewest, fewest + 1, fewest + 2, 75})
      for (const int beam : {1, 4, 16}) {
        const OwnClip clip = made_up_clip(seed, steps, letters.size());
        const auto found = beam_search(clip, {.beam = beam}, &grid);
        ASSERT_EQ(found.size(), 1u) << steps << " steps, beam " << beam;
        EXPECT_TRUE(grid.accepts(labels_of(found[0].symbols)));
      }
  EXPECT_TRUE(beam_search(made_up_clip(1, fewest - 1, letters.size()), {}, &grid).empty());
}

TEST(Constrained, DoubledLettersNeedTheirSteps) {
  const Constraint constraint(any_words({"bb"}), kSmall);
  const Constraint sentence(parse_grammar("$s = bb bb", "g"), kSmall);
  for (unsigned seed = 0; seed < 20; ++seed)
    for (int beam = 1; beam < 4; ++beam) {
      ASSERT_EQ(beam_search(made_up_clip(seed, 7, 4), {.beam = beam}, &sentence).size(), 1u);
      EXPECT_TRUE(beam_search(made_up_clip(seed, 6, 4), {.beam = beam}, &sentence).empty());
      EXPECT_EQ(beam_search(made_up_clip(seed, 3, 4), {.beam = beam}, &constraint).size(), 1u);
    }
}

// "red" and "reb" sound the same here.
OwnClip red_or_reb(const Symbols& letters, float p_of_b) {
  std::vector<std::vector<float>> rows;
  for (const char c : std::string("re?")) {
    std::vector<float> row(static_cast<size_t>(letters.size()), 0.001f);
    if (c != '?') {
      row[static_cast<size_t>(*letters.find(std::string(1, c)))] = 0.95f;
    } else {
      row[static_cast<size_t>(*letters.find("b"))] = p_of_b;
      row[static_cast<size_t>(*letters.find("d"))] = 0.95f - p_of_b;
    }
    rows.push_back(row);
  }
  return clip_of(rows);
}

TEST(Constrained, AGrammarCorrectsALetter) {
  const Symbols letters = Symbols::of_characters(" bder");
  const OwnClip clip = red_or_reb(letters, 0.9f);
  const Constraint words(any_words({"red", "bed"}), letters);
  EXPECT_EQ(letters.text(labels_of(beam_search(clip, {})[0].symbols)), "reb");
  EXPECT_EQ(letters.text(labels_of(beam_search(clip, {}, &words)[0].symbols)), "red");
}

TEST(WithLanguageModel, AWordModelCorrectsALetter) {
  const Symbols letters = Symbols::of_characters(" bder");
  const OwnClip clip = red_or_reb(letters, 0.9f);
  Ngram ngram(1);
  ngram.add_word("red", -0.5, 0);
  ngram.add_word("</s>", -0.5, 0);
  ngram.add_word("<unk>", -4, 0);
  const LanguageModel model(ngram, letters, Unit::word);
  const auto text_with = [&](double weight) {
    return letters.text(labels_of(beam_search(clip, {.language_weight = weight}, nullptr, &model)[0].symbols));
  };
  EXPECT_EQ(text_with(0), "reb");
  EXPECT_EQ(text_with(0.1), "reb");  // 0.1 x 3.5 x ln 10 < ln 18
  EXPECT_EQ(text_with(0.5), "red");
  const auto found = beam_search(clip, {.language_weight = 0.5, .insertion_bonus = 3}, nullptr, &model);
  EXPECT_NEAR(found[0].language, -1 * std::numbers::ln10, 1e-12);
  EXPECT_NEAR(found[0].score, found[0].acoustic + 0.5 * found[0].language + 3, 1e-12);
}

// The last word counts at the end, words between separators, several separators part no more than one.
double words_score(const Ngram& ngram, const Symbols& symbols, const Labels& labels, int& words) {
  std::vector<std::string> said;
  bool inside = false;
  for (const int label : labels) {
    const std::string& name = symbols.name(label);
    if (name != " " && !inside) said.emplace_back();
    if (name != " ") said.back() += name;
    inside = name != " ";
  }
  words = static_cast<int>(said.size());
  return std::numbers::ln10 * ngram.sentence(said);
}

Ngram small_words() {
  Ngram ngram(2);
  ngram.add_word("<s>", -99, -0.1);
  ngram.add_word("</s>", -0.6, 0);
  ngram.add_word("a", -0.7, -0.3);
  ngram.add_word("ab", -0.9, -0.2);
  ngram.add_word("b", -1.2, 0);
  ngram.add_word("<unk>", -2.5, 0);
  ngram.add(std::vector<int>{0, 2}, -0.2, 0);
  ngram.add(std::vector<int>{2, 4}, -0.1, 0);
  ngram.add(std::vector<int>{4, 1}, -0.3, 0);
  return ngram;
}

TEST(WithLanguageModel, OfWordsIsTheBestOfAllTexts) {
  const Ngram ngram = small_words();
  const LanguageModel model(ngram, kSmall, Unit::word);
  const Constraint constraint(any_words({"a", "ab", "bb"}), kSmall);
  const BeamSearch settings{.beam = kAllTexts, .language_weight = 0.8, .insertion_bonus = 0.7};
  for (unsigned seed = 0; seed < 10; ++seed) {
    const OwnClip clip = made_up_clip(seed, 6, 4);
    for (const Constraint* allowed : {static_cast<const Constraint*>(nullptr), &constraint}) {
      const auto [labels, score] = best_reading(clip, [&](const Labels& l) {
        int words = 0;
        const double language = words_score(ngram, kSmall, l, words);
        return allowed && !allowed->accepts(l) ? kLogZero : 0.8 * language + 0.7 * words;
      });
      const auto found = beam_search(clip, settings, allowed, &model);
      EXPECT_EQ(labels_of(found.at(0).symbols), labels);
      EXPECT_NEAR(found[0].score, score, 1e-9);
    }
  }
}

TEST(WithLanguageModel, OfSymbolsIsTheBestOfAllTexts) {
  Ngram ngram(2);
  for (const auto& [word, p] : std::vector<std::pair<std::string, double>>{
           {"a", -0.4}, {"b", -0.5}, {"<space>", -0.8}, {"<s>", -99}, {"</s>", -0.7}})
    ngram.add_word(word, p, -0.15);
  ngram.add(std::vector<int>{0, 1}, -0.1, 0);
  ngram.add(std::vector<int>{1, 4}, -0.2, 0);
  const LanguageModel model(ngram, kSmall, Unit::symbol);
  const auto name_of = [&](int label) { return label == 1 ? std::string("<space>") : kSmall.name(label); };
  for (unsigned seed = 0; seed < 10; ++seed) {
    const OwnClip clip = made_up_clip(seed, 6, 4);
    for (const double bonus : {-0.5, 0.9}) {
      const auto [labels, score] = best_reading(clip, [&](const Labels& l) {
        std::vector<std::string> names;
        for (const int label : l) names.push_back(name_of(label));
        return 1.5 * std::numbers::ln10 * ngram.sentence(names) + bonus * static_cast<double>(l.size());
      });
      const auto found =
          beam_search(clip, {.beam = kAllTexts, .language_weight = 1.5, .insertion_bonus = bonus}, nullptr, &model);
      EXPECT_EQ(labels_of(found.at(0).symbols), labels);
      EXPECT_NEAR(found[0].score, score, 1e-9);
    }
  }
}

// The n best of a narrow beam are what one gets by asking the language model of every candidate: a wide n-best list,
// ranked again, has the same best text where that text stayed in both beams.
TEST(WithLanguageModel, BetterTextsComeWithIt) {
  const Symbols letters = Symbols::of_characters(" abcdefghijklmnopqrstuvwxyz");
  const Ngram ngram = read_arpa(AVSR_SOURCE_DIR "/tests/decoding/goldens/letters.arpa");
  const LanguageModel model(ngram, letters, Unit::symbol);
  const BeamSearch settings{.n_best = 1, .language_weight = 0.7, .insertion_bonus = 1};
  for (unsigned seed = 0; seed < 5; ++seed) {
    const OwnClip clip = made_up_clip(seed, 30, letters.size(), 3);
    const auto with = beam_search(clip, settings, nullptr, &model), without = beam_search(clip, {});
    const LanguageModel::State start = model.start();
    const auto language_of = [&](const Labels& labels) {
      LanguageModel::State state = start;
      double total = 0;
      for (const int label : labels) {
        total += model.gain(state, label).log_probability;
        state = model.next(state, label);
      }
      return total + model.end(state).log_probability;
    };
    EXPECT_NEAR(with[0].language, language_of(labels_of(with[0].symbols)), 1e-9);
    const double rival = without[0].acoustic + 0.7 * language_of(labels_of(without[0].symbols)) +
                         static_cast<double>(without[0].symbols.size());
    EXPECT_GT(with[0].score, rival);
  }
}

TEST(WithLanguageModel, ABonusCanDecide) {
  Ngram ngram(1);
  for (const char* word : {"a", "b", "<space>"}) ngram.add_word(word, -0.5, 0);
  const LanguageModel model(ngram, kSmall, Unit::symbol);
  const OwnClip clip = clip_of({{0.6f, 0, 0.4f, 0}});
  const auto found_with = [&](double bonus) {
    return labels_of(
        beam_search(clip, {.beam = 1, .language_weight = 0, .insertion_bonus = bonus}, nullptr, &model)[0].symbols);
  };
  EXPECT_EQ(found_with(0), Labels{});
  EXPECT_EQ(found_with(1), Labels{2});
}

// A model to which all texts of a length are alike, and a bonus that makes up for it, change nothing in any beam.
TEST(WithLanguageModel, AnEvenModelChangesNothing) {
  Ngram ngram(1);
  for (const char* word : {"a", "b", "<space>"}) ngram.add_word(word, -0.5, 0);
  const LanguageModel model(ngram, kSmall, Unit::symbol);
  const double bonus = 2 * 0.5 * std::numbers::ln10;
  for (unsigned seed = 0; seed < 20; ++seed)
    for (const int beam : {1, 2, 3, 8}) {
      const OwnClip clip = made_up_clip(seed, 20, 4);
      const auto plain = beam_search(clip, {.beam = beam, .n_best = beam});
      const auto even = beam_search(
          clip, {.beam = beam, .n_best = beam, .language_weight = 2, .insertion_bonus = bonus}, nullptr, &model);
      ASSERT_EQ(even.size(), plain.size());
      for (size_t i = 0; i < plain.size(); ++i) {
        EXPECT_EQ(labels_of(even[i].symbols), labels_of(plain[i].symbols));
        EXPECT_NEAR(even[i].score, plain[i].score, 1e-9);
      }
    }
}

TEST(LanguageModel, CountsWordsWhereTheyEnd) {
  const LanguageModel model(small_words(), kSmall, Unit::word);
  LanguageModel::State state = model.start();
  const auto say = [&](int symbol) {
    const LanguageModel::Gain gain = model.gain(state, symbol);
    state = model.next(state, symbol);
    return std::pair(gain.units, gain.log_probability / std::numbers::ln10);
  };
  const int space = 1, a = 2, b = 3;
  EXPECT_EQ(say(space), std::pair(0, 0.0));  // before the first word
  EXPECT_EQ(say(a), std::pair(0, 0.0));
  EXPECT_EQ(say(space).first, 1);
  EXPECT_EQ(say(space), std::pair(0, 0.0));
  EXPECT_EQ(say(b), std::pair(0, 0.0));
  EXPECT_NEAR(model.end(state).log_probability, std::numbers::ln10 * (-0.1 - 0.3), 1e-12);  // a b </s>
  EXPECT_EQ(model.end(state).units, 1);
  EXPECT_NEAR(say(space).second, -0.1, 1e-12);
  EXPECT_EQ(model.end(state).units, 0);
}

TEST(LanguageModel, WithoutSeparatorSymbolsAreWords) {
  const Symbols words({"_", "a", "ab", "zzz"});
  const LanguageModel model(small_words(), words, Unit::word);
  EXPECT_EQ(model.gain(model.start(), 1).units, 1);
  EXPECT_NEAR(model.gain(model.start(), 1).log_probability, -0.2 * std::numbers::ln10, 1e-12);
  EXPECT_NEAR(model.gain(model.start(), 3).log_probability, -2.6 * std::numbers::ln10, 1e-12);  // <unk>
}

TEST(LanguageModel, AModelOfOtherTextsIsRefused) {
  EXPECT_THAT(tests::failure_of([] { LanguageModel(small_words(), kSmall, Unit::symbol); }),
              testing::HasSubstr("an entry \"<space>\" for \" \", found none; is it one of words?"));
  EXPECT_THAT(tests::failure_of([] { LanguageModel(small_words(), Symbols({"_", "X", "Y"}), Unit::symbol); }),
              testing::HasSubstr("expected entries for the symbols (\"X\", …), found none"));
}

TEST(LanguageModel, ProbabilitiesAboveOneCountAsOne) {
  Ngram ngram(2);
  ngram.add_word("a", -0.1, 5);
  ngram.add_word("b", -0.1, 5);
  const LanguageModel model(ngram, Symbols::of_characters("ab"), Unit::symbol);
  EXPECT_EQ(model.gain(model.next(model.start(), 1), 2).log_probability, 0);
}

TEST(BeamSearch, RefusesModelsOfOtherSymbols) {
  const OwnClip clip = made_up_clip(1, 5, 5), fits = made_up_clip(1, 5, 4);
  const Constraint constraint(any_words({"a"}), kSmall);
  const LanguageModel model(small_words(), kSmall, Unit::word);
  EXPECT_NO_THROW(beam_search(fits, {}, &constraint, &model));
  EXPECT_EQ(tests::failure_of([&] { beam_search(clip, {}, &constraint); }),
            "[beam search] the constraint is of 4 symbols, the clip of 5");
  EXPECT_THROW(beam_search(clip, {}, nullptr, &model), std::invalid_argument);
  EXPECT_THROW(beam_search(fits, {.blank = 1}, &constraint), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::decoding
