#include "decoding/ngram.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "decoding/arpa.h"
#include "tests/small_files.h"

namespace avsr::decoding {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const std::string kGoldens = AVSR_SOURCE_DIR "/tests/decoding/goldens/";

Ngram parsed(const std::string& text) {
  std::istringstream in(text);
  return read_arpa(in, "lm.arpa");
}
std::string failure_in(const std::string& text) {
  return tests::failure_of([&] { parsed(text); });
}

double after(const Ngram& model, const Words& context, std::string_view word) {
  Ngram::Context before;
  for (const std::string& own : context) model.advance(before, model.number(own));
  return model.log_probability(before, model.number(word));
}

TEST(Ngram, IsKenLms) {
  const json goldens = json::parse(std::ifstream(kGoldens + "ngram.json"));
  int compared = 0;
  for (const auto& [name, sentences] : goldens.items()) {
    const Ngram model = read_arpa(kGoldens + name + ".arpa");
    EXPECT_EQ(model.order(), name == "words" ? 3 : 4);
    for (const json& golden : sentences) {
      const Words words = golden.at("words");
      const std::vector<double> each = golden.at("each");
      ASSERT_EQ(each.size(), words.size() + 1);
      Ngram::Context context = model.start();
      for (size_t i = 0; i < each.size(); ++i) {
        const int word = i < words.size() ? model.number(words[i]) : model.end().value();
        EXPECT_NEAR(model.log_probability(context, word), each[i], 1e-5) << name << " " << i;  // KenLM's floats
        model.advance(context, word);
        ++compared;
      }
      EXPECT_NEAR(model.sentence(words), golden.at("sentence"), 1e-4);
    }
  }
  EXPECT_GT(compared, 100);
}

// P(b | a) = 0.5 is listed, and P(c | a b) = 0.8; the weights of a, b and a b are 0.5, 0.25 and 0.4.
const char* const kSmall =
    "\\data\\\nngram 1=4\nngram 2=2\nngram 3=1\n\n\\1-grams:\n"
    "-1\t<unk>\n-0.5228787\ta\t-0.30103\n-0.69897\tb\t-0.60206\n-0.39794\tc\n\n"
    "\\2-grams:\n-0.30103\ta b\t-0.39794\n-0.2218487\tb c\n\n\\3-grams:\n-0.09691\ta b c\n\n\\end\\\n";

TEST(Ngram, ByHand) {
  const Ngram model = parsed(kSmall);
  EXPECT_EQ(model.order(), 3);
  EXPECT_EQ(model.size(), 7u);
  const auto p = [&](const Words& context, std::string_view word) { return std::pow(10, after(model, context, word)); };
  EXPECT_NEAR(p({}, "a"), 0.3, 1e-6);
  EXPECT_NEAR(p({"a"}, "b"), 0.5, 1e-6);
  EXPECT_NEAR(p({"a", "b"}, "c"), 0.8, 1e-6);
  EXPECT_NEAR(p({"c", "b"}, "c"), 0.6, 1e-6);               // of "c b" nothing is listed
  EXPECT_NEAR(p({"a"}, "c"), 0.5 * 0.4, 1e-6);              // one weight
  EXPECT_NEAR(p({"a", "b"}, "a"), 0.4 * 0.25 * 0.3, 1e-6);  // two
  EXPECT_NEAR(p({"b", "a"}, "b"), 0.5, 1e-6);               // a context that is not listed has weight 1
  EXPECT_NEAR(p({"a", "b"}, "d"), 0.4 * 0.25 * 0.1, 1e-6);  // unlisted words are <unk>
  EXPECT_NEAR(p({"a", "d"}, "c"), 0.4, 1e-6);
  EXPECT_NEAR(p({"b", "c", "a", "a", "b"}, "c"), 0.8, 1e-6);  // only two words count
}

TEST(Ngram, WithoutMarksAndUnknown) {
  const Ngram model = parsed("\\data\\\nngram 1=1\n\\1-grams:\n-0.5 a\n\\end\\\n");
  EXPECT_EQ(model.start().entries.size(), 1u);
  EXPECT_FALSE(model.end());
  EXPECT_EQ(model.number("b"), Ngram::kUnknown);
  EXPECT_NEAR(model.sentence(Words{"a", "b", "a"}), -0.5 - 100 - 0.5, 1e-12);
  EXPECT_EQ(model.sentence({}), 0);
}

TEST(Ngram, ProbabilitiesSumToOne) {
  const Ngram model = read_arpa(kGoldens + "words.arpa");
  std::ifstream in(kGoldens + "words.arpa");
  Words words;
  std::string line;
  while (std::getline(in, line) && line != "\\2-grams:") {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) words.push_back(line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1));
  }
  ASSERT_EQ(words.size(), 24u);
  for (const Words& context :
       {Words{}, Words{"<s>"}, Words{"<s>", "set"}, Words{"red", "in"}, Words{"again", "again"}}) {
    double sum = 0;
    for (const std::string& word : words) sum += std::pow(10, after(model, context, word));
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST(Ngram, Builds) {
  Ngram model(2);
  EXPECT_TRUE(model.add_word("a", -1, 0));
  EXPECT_FALSE(model.add_word("a", -2, 0));
  EXPECT_TRUE(model.add(std::vector<int>{0, 0}, -0.5, 0));
  EXPECT_FALSE(model.add(std::vector<int>{0, 0}, -0.25, 0));
  EXPECT_EQ(after(model, {"a"}, "a"), -0.5);
  EXPECT_THROW(model.add(std::vector<int>{0, 1}, -1, 0), std::invalid_argument);
  EXPECT_THROW(model.add(std::vector<int>{0, -1}, -1, 0), std::invalid_argument);
  EXPECT_THROW(model.add(std::vector<int>{0, 0, 0}, -1, 0), std::invalid_argument);
  EXPECT_THROW(model.add({}, -1, 0), std::invalid_argument);
  EXPECT_THROW(Ngram(0), std::invalid_argument);
}

TEST(Arpa, ReadsWhatProgramsWrite) {
  // Remarks before the data, CR LF, spaces for tabs, spaces about signs, -inf, weights of 0 at the highest order, a
  // bigram whose first word has no weight, a trigram whose first two words are no bigram, text behind the end.
  const Ngram model = parsed(
      "made by a program\r\n\r\n\\data\\ \r\nngram  1 = 4\r\nngram 2= 1\r\nngram 3=1\r\n\r\n\\1-grams:\r\n"
      "-inf <s> -0.25\r\n-99\t</s>\r\n-0.30103\t\xc3\xa9t\xc3\xa9 \r\n -0.5 \\b\t0.25\r\n\r\n\\2-grams:\r\n"
      "-0.125 <s> \xc3\xa9t\xc3\xa9 0\r\n\\3-grams:\r\n-0.75\t<s> \\b \xc3\xa9t\xc3\xa9\t0\r\n\r\n\\end\\\r\n\xff "
      "anything\r\n");
  EXPECT_EQ(after(model, {"<s>"}, "été"), -0.125);
  EXPECT_EQ(after(model, {"<s>"}, "\\b"), -0.75);  // -0.25 - 0.5
  EXPECT_EQ(after(model, {"<s>", "\\b"}, "été"), -0.75);
  EXPECT_EQ(after(model, {"\\b"}, "été"), 0.25 - 0.30103);     // a weight may be above 1
  EXPECT_EQ(after(model, {"<s>", "\\b"}, "\\b"), 0.25 - 0.5);  // "<s> \b" is no bigram, so has no weight
  EXPECT_EQ(after(model, {}, "<s>"), Ngram::kUnlisted);
}

TEST(Arpa, ErrorsNameLineExpectedAndFound) {
  EXPECT_EQ(failure_in(""), "lm.arpa:1: expected \\data\\, found the end of the file: it is empty");
  EXPECT_EQ(failure_in("no\nmodel\n"),
            "lm.arpa:3: expected \\data\\, found the end of the file: is it cut off, or no ARPA file?");
  const std::string small = kSmall;
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = small;
    const size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return failure_in(text.replace(at, what.size(), instead));
  };
  EXPECT_EQ(with("ngram 2", "ngram 3"),
            "lm.arpa:3: expected \"ngram 2=\" and a count, or \\1-grams:, found \"ngram 3=2\"");
  for (const char* odd : {"ngram 2", "ngram 2=", "ngram 2=-1", "ngram 2=2x", "ngram 2=2 3", "2=2", "ngram=2",
                          "ngram 2=99999999999999999999"})
    EXPECT_THAT(with("ngram 2=2", odd), HasSubstr("lm.arpa:3: expected \"ngram 2=\" and a count")) << odd;
  EXPECT_EQ(with("ngram 1=4\nngram 2=2\nngram 3=1\n", ""),
            "lm.arpa:3: expected ngram 1= and a count, found \"\\1-grams:\"");
  EXPECT_EQ(with("\\2-grams:", "\\3-grams:"), "lm.arpa:12: expected \\2-grams:, found \"\\3-grams:\"");
  EXPECT_EQ(with("ngram 2=2", "ngram 2=3"),
            "lm.arpa:16: expected 3 2-grams as announced at the file's beginning, not 2, before this line, found "
            "\"\\3-grams:\"");
  EXPECT_THAT(with("ngram 3=1", "ngram 3=0"), HasSubstr("expected 0 3-grams as announced"));
  EXPECT_THAT(with("ngram 3=1", "ngram 3=1\nngram 4=1"),
              HasSubstr("lm.arpa:20: expected \\4-grams:, found \"\\end\\\""));
  EXPECT_THAT(with("\n\\end\\\n", ""), HasSubstr("found the end of the file: is it cut off"));
  EXPECT_THAT(with("\\end\\", "\\4-grams:"), HasSubstr("expected \\end\\ after the last n-gram"));
  EXPECT_EQ(with("-0.2218487\tb c", "-0.2218487\tb"),
            "lm.arpa:14: expected a probability, 2 words and perhaps a back-off weight, found \"-0.2218487\\x09b\"");
  EXPECT_THAT(with("-0.2218487\tb c", "-0.2218487\tb c d e"), HasSubstr("lm.arpa:14: expected a probability, 2 words"));
  for (const char* odd : {"x", "0.5", "nan", "1e999", "-0,22", "--1", "inf"})
    EXPECT_THAT(with("-0.2218487", odd), HasSubstr("lm.arpa:14: expected a log10 probability, 0 or less, found"))
        << odd;
  for (const char* odd : {"x", "nan", "inf", "1e9"})
    EXPECT_THAT(with("a\t-0.30103", std::string("a\t") + odd), HasSubstr("lm.arpa:8: expected a log10 back-off weight"))
        << odd;
  EXPECT_THAT(with("a b c", "a b c\t-0.1"), HasSubstr("expected no back-off weight in the longest n-grams"));
  EXPECT_EQ(with("b c\n", "b d\n"),
            "lm.arpa:14: expected words that are unigrams, and \"d\" is none, found \"-0.2218487\\x09b d\"");
  EXPECT_THAT(with("b c\n", "a b\n"), HasSubstr("lm.arpa:14: expected each n-gram once"));
  EXPECT_THAT(with("c\n\n", "a\n\n"), HasSubstr("lm.arpa:10: expected each n-gram once"));
  EXPECT_THAT(with("c\n\n", "\xe9\n\n"), HasSubstr("lm.arpa:10: expected UTF-8, found \"\\xE9"));
}

TEST(Arpa, FilesThatCannotBeReadAreNamed) {
  EXPECT_EQ(tests::failure_of([] { read_arpa("/nowhere/a.arpa"); }), "/nowhere/a.arpa: cannot be opened");
  EXPECT_THAT(tests::failure_of([] { read_arpa("/tmp"); }), HasSubstr("/tmp: cannot be opened"));
}

// Every beginning of a file, and every file with one byte changed, is read or refused: nothing else happens.
TEST(Arpa, DamagedFilesAreRefusedOrRead) {
  const std::string whole = kSmall;
  int refused = 0;
  for (size_t length = 0; length < whole.size(); ++length)
    refused += failure_in(whole.substr(0, length)).empty() ? 0 : 1;
  EXPECT_EQ(refused, static_cast<int>(whole.size()) - 1);  // only the last line's end may be missing
  refused = 0;
  for (size_t at = 0; at < whole.size(); ++at)
    for (const char byte : {'\0', '\n', '\\', '9', '\xff', ' '}) {
      std::string damaged = whole;
      damaged[at] = byte;
      refused += failure_in(damaged).empty() ? 0 : 1;
    }
  EXPECT_GT(refused, static_cast<int>(whole.size()));
}

}  // namespace
}  // namespace avsr::decoding
