#include "decoding/constraint.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>
#include <stdexcept>

#include "decoding/grammar.h"
#include "tests/decoding/temporary_file.h"
#include "tests/small_files.h"

namespace avsr::decoding {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::failure_of;

const Symbols kLetters = Symbols::of_characters(" abcdefghijklmnopqrstuvwxyz'");

bool accepts(const Constraint& constraint, const std::string& text) {
  return constraint.accepts(kLetters.encode(text));
}

TEST(WordList, AllowsItsWordsAlone) {
  const Constraint constraint(any_words({"a", "an", "ant", "don't", "a"}), kLetters);
  for (const char* good : {"", "a", "an", "ant", "don't", "a a an", "ant don't a"})
    EXPECT_TRUE(accepts(constraint, good)) << good;
  for (const char* bad : {" ", "a ", " a", "a  a", "b", "aa", "don", "ants", "a b"})
    EXPECT_FALSE(accepts(constraint, bad)) << bad;
}

TEST(WordList, SaysWhatMayFollow) {
  const Constraint constraint(any_words({"be", "bee", "c"}), kLetters);
  const int b = *kLetters.find("b"), c = *kLetters.find("c"), e = *kLetters.find("e"), space = *kLetters.find(" ");
  const auto symbols_after = [&](Constraint::State state) {
    std::vector<int> symbols;
    for (const auto& arc : constraint.arcs(state)) symbols.push_back(arc.symbol);
    return symbols;
  };
  EXPECT_THAT(symbols_after(Constraint::kStart), ElementsAre(b, c));
  const auto after_b = constraint.arcs(Constraint::kStart)[0].next;
  EXPECT_THAT(symbols_after(after_b), ElementsAre(e));
  EXPECT_FALSE(constraint.may_end(after_b));
  const auto after_be = constraint.arcs(after_b)[0].next;
  EXPECT_THAT(symbols_after(after_be), ElementsAre(space, e));
  EXPECT_TRUE(constraint.may_end(after_be));
  const auto after_space = constraint.arcs(after_be)[0].next;
  EXPECT_THAT(symbols_after(after_space), ElementsAre(b, c));
  EXPECT_FALSE(constraint.may_end(after_space));
}

TEST(WordList, CountsTheStepsToTheEnd) {
  const Constraint constraint(parse_grammar("$s = bee be", "g"), kLetters);
  Constraint::State state = Constraint::kStart;
  EXPECT_EQ(constraint.fewest_steps(state, true), 7);  // b e _ e space b e
  std::vector<std::pair<int, int>> steps;              // behind the symbol itself, and behind a blank
  for (int i = 0; i < 6; ++i) {
    state = constraint.arcs(state)[0].next;
    steps.emplace_back(constraint.fewest_steps(state, false), constraint.fewest_steps(state, true));
  }
  EXPECT_THAT(steps, ElementsAre(std::pair(6, 6), std::pair(5, 4), std::pair(3, 3), std::pair(2, 2), std::pair(1, 1),
                                 std::pair(0, 0)));
  EXPECT_TRUE(constraint.may_end(state));
}

TEST(Constraint, WithoutSeparatorSymbolsAreWords) {
  const Symbols symbols({"_", "bin", "red", "blue", "now"});
  const Constraint constraint(parse_grammar("$s = bin (red | blue)+ [now]", "g"), symbols, std::nullopt);
  for (const auto& good : std::vector<std::vector<int>>{{1, 2}, {1, 3, 3, 2, 4}, {1, 2, 4}})
    EXPECT_TRUE(constraint.accepts(good));
  for (const auto& bad : std::vector<std::vector<int>>{{}, {1}, {2}, {1, 4}, {1, 2, 4, 2}, {1, 2, 4, 4}})
    EXPECT_FALSE(constraint.accepts(bad));
  EXPECT_THROW(Constraint(any_words({"binred"}), symbols, std::nullopt), std::invalid_argument);
  EXPECT_THROW(Constraint(any_words({"bin"}), symbols), std::invalid_argument);  // " " is no symbol
}

TEST(Constraint, RefusesWordsThatCannotBeSpelt) {
  EXPECT_THAT(failure_of([] { Constraint(any_words({"naïve"}), kLetters); }), HasSubstr("\"naïve\" cannot be written"));
  EXPECT_THAT(failure_of([] { Constraint(any_words({"a b"}), kLetters); }),
              HasSubstr("\"a b\" contains the separator"));
  EXPECT_THROW(Constraint(WordGraph{}, kLetters), std::invalid_argument);
  const WordGraph endless{{"a"}, {{{{0, 0}}, false}}};
  EXPECT_THAT(failure_of([&] { Constraint(endless, kLetters); }), HasSubstr("no end can be reached"));
  const WordGraph broken{{"a"}, {{{{0, 7}}, true}}}, other{{"a"}, {{{{3, 0}}, true}}};
  EXPECT_THROW(Constraint(broken, kLetters), std::out_of_range);
  EXPECT_THROW(Constraint(other, kLetters), std::out_of_range);
  EXPECT_THROW(any_words({}), std::invalid_argument);
  EXPECT_THROW(any_words({"a", ""}), std::invalid_argument);
}

TEST(WordList, IsReadFromAFile) {
  const TemporaryFile file("  bin\r\nblue\t\n\n été");
  EXPECT_THAT(read_word_list(file.path()), ElementsAre("bin", "blue", "été"));
  const auto failure = [](const std::string& text) {
    const TemporaryFile bad(text);
    const std::string error = failure_of([&] { read_word_list(bad.path()); });
    EXPECT_THAT(error, HasSubstr(bad.path().string()));
    return error;
  };
  EXPECT_THAT(failure("a\nb c\n"), HasSubstr(":2: expected one word a line, found 2: \"b c\""));
  EXPECT_THAT(failure("a\n\n\xe9t\xe9\n"), HasSubstr(":3: expected UTF-8, found \"\\xE9t\\xE9\" at byte 1"));
  EXPECT_THAT(failure(" \n\n"), HasSubstr("expected words, one a line, found none"));
  EXPECT_THAT(failure_of([] { read_word_list("/nowhere/words"); }), HasSubstr("/nowhere/words: cannot be opened"));
}

}  // namespace
}  // namespace avsr::decoding
