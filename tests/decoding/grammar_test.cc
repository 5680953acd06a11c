#include "decoding/grammar.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <stdexcept>

#include "tests/decoding/temporary_file.h"

namespace avsr::decoding {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::failure_of;

// All sentences of at most this many words, in order.
std::set<std::string> sentences(const WordGraph& graph, int longest) {
  std::set<std::string> found;
  const std::function<void(int, const std::string&, int)> walk = [&](int state, const std::string& text, int words) {
    const WordGraph::State& own = graph.states.at(static_cast<size_t>(state));
    if (own.may_end) found.insert(text);
    if (words == longest) return;
    for (const WordGraph::Arc& arc : own.arcs) {
      const std::string& word = graph.words.at(static_cast<size_t>(arc.word));
      walk(arc.next, text.empty() ? word : text + " " + word, words + 1);
    }
  };
  walk(0, "", 0);
  return found;
}
std::set<std::string> sentences(const std::string& text, int longest) {
  return sentences(parse_grammar(text, "test.grammar"), longest);
}
std::string failure_in(const std::string& text) {
  return failure_of([&] { parse_grammar(text, "test.grammar"); });
}

TEST(Grammar, OfGridHas64000Sentences) {
  const WordGraph graph = read_grammar(AVSR_SOURCE_DIR "/recipes/grid.grammar");
  EXPECT_EQ(graph.words.size(), 51u);
  EXPECT_EQ(graph.states.size(), 7u);
  double ways = 1;
  for (size_t state = 0; state + 1 < graph.states.size(); ++state) {
    ways *= static_cast<double>(graph.states[state].arcs.size());
    EXPECT_FALSE(graph.states[state].may_end);
  }
  EXPECT_EQ(ways, 4 * 4 * 4 * 25 * 10 * 4);
  EXPECT_TRUE(graph.states.back().may_end);
}

TEST(Grammar, SignsMeanWhatTheHeaderSays) {
  EXPECT_THAT(sentences("$s = a b", 9), ElementsAre("a b"));
  EXPECT_THAT(sentences("$s = a b | c", 9), ElementsAre("a b", "c"));
  EXPECT_THAT(sentences("$s = a (b | c) d", 9), ElementsAre("a b d", "a c d"));
  EXPECT_THAT(sentences("$s = a [b] c", 9), ElementsAre("a b c", "a c"));
  EXPECT_THAT(sentences("$s = a+ b", 4), ElementsAre("a a a b", "a a b", "a b"));
  EXPECT_THAT(sentences("$s = a* b", 3), ElementsAre("a a b", "a b", "b"));
  EXPECT_THAT(sentences("$s = (a | b c)+", 3), ElementsAre("a", "a a", "a a a", "a b c", "b c", "b c a"));
  EXPECT_THAT(sentences("$s = [a | b]", 9), ElementsAre("", "a", "b"));
  EXPECT_THAT(sentences("$s = ([a]*)+ ", 2), ElementsAre("", "a", "a a"));
  EXPECT_THAT(sentences("$s = a b | a c", 9), ElementsAre("a b", "a c"));
  EXPECT_THAT(sentences("$s = a+* b", 2), ElementsAre("a b", "b"));
}

TEST(Grammar, RulesUseThoseAbove) {
  EXPECT_THAT(sentences("$x = a | b\n$y = $x [$x]\n$s = c $y", 9),
              ElementsAre("c a", "c a a", "c a b", "c b", "c b a", "c b b"));
  EXPECT_THAT(sentences("$x=a\n# remark\n\n$s = $x #b\n  | don't|été # c\r\n\td\n", 9),
              ElementsAre("a", "don't", "été d"));
  EXPECT_THAT(sentences("$x = a\n$s = x$x", 9), ElementsAre("x a"));  // a name ends a word
  EXPECT_THAT(sentences("$unused = b\n$s = a#b", 9), ElementsAre("a#b"));
}

TEST(Grammar, IsDeterministic) {
  const WordGraph graph = parse_grammar("$s = a b c | a b d | a [b] c+", "g");
  for (const WordGraph::State& state : graph.states) {
    std::set<int> words;
    for (const WordGraph::Arc& arc : state.arcs) EXPECT_TRUE(words.insert(arc.word).second);
  }
}

TEST(Grammar, ErrorsNameLineExpectedAndFound) {
  EXPECT_EQ(failure_in(""), "test.grammar: expected rules, $name = …, found none");
  EXPECT_EQ(failure_in("# nothing\n"), "test.grammar: expected rules, $name = …, found none");
  EXPECT_EQ(failure_in("\nbin blue"), "test.grammar:2: expected a rule, $name = …, found \"bin\"");
  EXPECT_EQ(failure_in("$s bin"), "test.grammar:1: expected \"=\" after the name of the rule, found \"bin\"");
  EXPECT_EQ(failure_in("$s ="),
            "test.grammar:1: expected a word, a rule's name, \"(\" or \"[\", found the end of the rule");
  EXPECT_EQ(failure_in("$s = a |"),
            "test.grammar:1: expected a word, a rule's name, \"(\" or \"[\", found the end of the rule");
  EXPECT_THAT(failure_in("$s = | a"),
              HasSubstr("test.grammar:1: expected a word, a rule's name, \"(\" or \"[\", found \"|\""));
  EXPECT_THAT(failure_in("$s = ()"), HasSubstr("found \")\""));
  EXPECT_THAT(failure_in("$s = + a"), HasSubstr("found \"+\""));
  EXPECT_EQ(failure_in("$s = (a\n b"), "test.grammar:2: expected \")\", found the end of the rule");
  EXPECT_EQ(failure_in("$s = [a)"), "test.grammar:1: expected \"]\", found \")\"");
  EXPECT_EQ(failure_in("$s = a)"),
            "test.grammar:1: expected a word, a rule's name, \"|\" or the end of the rule, found \")\"");
  EXPECT_THAT(failure_in("$s = a = b"), HasSubstr("or the end of the rule, found \"=\""));
  EXPECT_EQ(failure_in("$s = a $x\n$x = b"),
            "test.grammar:1: expected a rule that stands above this one, found \"$x\"");
  EXPECT_THAT(failure_in("$s = a $s"), HasSubstr("expected a rule that stands above this one, found \"$s\""));
  EXPECT_EQ(failure_in("$s = a\n$s = b"), "test.grammar:2: expected a name that no rule above has, found \"$s\"");
  EXPECT_EQ(failure_in("$s = a $ b"), "test.grammar:1: expected the name of a rule after $, found none");
  EXPECT_THAT(failure_in("  a\n$s = b"), HasSubstr("test.grammar:1: expected a rule at the beginning of the line"));
  EXPECT_EQ(failure_in("$s = a\n  | \xe9"),
            "test.grammar:2: expected UTF-8, found \"\\xE9\" at byte 5; convert the file (iconv -t UTF-8)");
  EXPECT_THAT(failure_of([] { read_grammar("/nowhere/g"); }), HasSubstr("/nowhere/g: cannot be opened"));
}

TEST(Grammar, TooLargeOnesAreRefused) {
  std::string doubling = "$x0 = a b\n";
  for (int i = 1; i < 60; ++i)
    doubling += "$x" + std::to_string(i) + " = $x" + std::to_string(i - 1) + " $x" + std::to_string(i - 1) + "\n";
  EXPECT_THAT(failure_in(doubling), HasSubstr("with all rules written out the grammar has more than"));
  std::string window = "$s = (a | b)* a";  // which of the last 40 words were a?
  for (int i = 0; i < 40; ++i) window += " (a | b)";
  EXPECT_THAT(failure_in(window), HasSubstr("more than 200000 continuations"));
  EXPECT_THAT(failure_in("$s = " + std::string(100'000, '(')), HasSubstr("at most 100 brackets in one another"));
  EXPECT_EQ(failure_in("$s = " + std::string(100, '(') + "a" + std::string(100, ')')), "");
}

// Whatever bytes a grammar consists of, it is read or refused: nothing else happens.
TEST(Grammar, DamagedOnesAreRefusedOrRead) {
  const std::string whole = "$x = a | b # c\n$y = [ $x ] d+\n  | e*\n$s = $x ( $y f )";
  EXPECT_EQ(failure_in(whole), "");
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at)
    for (const char byte : {'\0', '\n', '$', '(', ']', '+', '|', '=', '#', ' ', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = byte;
      refused += failure_in(damaged).empty() ? 0 : 1;
    }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace avsr::decoding
