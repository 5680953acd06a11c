#include "pipeline/recognition/sentence_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <stdexcept>

#include "io/temporary_folder.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::vector<std::string> kLabels{"<blank>", " ", "a", "b", "c"};

// Log-probabilities of steps that hear one character each ('-': the blank), the next one in the alphabet nearly as
// well.
std::vector<float> heard(const std::string& steps, float next = 0.3f) {
  std::vector<float> values;
  for (const char c : steps) {
    const size_t symbol = c == '-' ? 0 : c == ' ' ? 1 : static_cast<size_t>(c - 'a') + 2;
    for (size_t v = 0; v < kLabels.size(); ++v)
      values.push_back(std::log(v == symbol ? 0.6f : v == (symbol + 1) % kLabels.size() ? next : (0.4f - next) / 3));
  }
  return values;
}

std::string complaint_of(const DecodingFiles& files) {
  try {
    SentenceDecoder(kLabels, files);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

class SentenceDecoderTest : public testing::Test {
 protected:
  std::filesystem::path write(const char* name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  static std::string best(const SentenceDecoder& decoder, const std::vector<float>& clip,
                          const decoding::BeamSearch& settings = {}) {
    const auto found = decoder.search({clip, static_cast<int>(kLabels.size())}, settings);
    return found.empty() ? "nothing" : decoder.text(found.front());
  }
  io::TemporaryFolder folder_;
};

TEST_F(SentenceDecoderTest, GivesTextsAndWordsWithTimes) {
  const SentenceDecoder decoder(kLabels);
  const std::vector<float> clip = heard("-aa- b-b");
  const decoding::Hypothesis hypothesis = decoder.greedy({clip, 5});
  EXPECT_EQ(decoder.text(hypothesis), "a bb");
  EXPECT_EQ(best(decoder, clip), "a bb");
  const auto words = decoder.words(hypothesis, 8);
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[1].text, "bb");
  EXPECT_DOUBLE_EQ(words[0].start_seconds, 0.04);
  EXPECT_DOUBLE_EQ(words[1].end_seconds, 0.32);
}

TEST_F(SentenceDecoderTest, WritesWhatIsAllowed) {
  const std::vector<float> clip = heard("a-b -a");
  EXPECT_EQ(best(SentenceDecoder(kLabels, {.words = write("words.txt", "ac\nb\n")}), clip), "ac b");
  EXPECT_EQ(best(SentenceDecoder(kLabels, {.grammar = write("g.txt", "$s = cc | ac a\n")}), clip), "ac a");
  const SentenceDecoder longer(kLabels, {.grammar = write("long.txt", "$s = abcabcabc\n")});
  EXPECT_TRUE(longer.constrained());
  EXPECT_EQ(best(longer, clip), "nothing");
}

TEST_F(SentenceDecoderTest, AsksALanguageModelOfWordsOrOfSymbols) {
  const std::vector<float> clip = heard("a- -b");
  const std::string head = "\\data\\\nngram 1=5\n\n\\1-grams:\n-0.1\t</s>\n-99\t<s>\n";
  const SentenceDecoder of_words(kLabels,
                                 {.language_model = write("w.arpa", head + "-0.4\ta\n-2\tb\n-0.4\tc\n\n\\end\\\n")});
  const SentenceDecoder of_symbols(
      kLabels, {.language_model = write("s.arpa", head + "-0.5\t<space>\n-0.5\ta\n-0.5\tc\n\n\\end\\\n")});
  ASSERT_TRUE(of_words.has_language_model());
  EXPECT_EQ(best(of_words, clip, {.language_weight = 0}), "a b");
  EXPECT_EQ(best(of_words, clip), "a c");
  EXPECT_EQ(best(of_symbols, clip), "a c");
}

TEST_F(SentenceDecoderTest, NamesAFileThatDoesNotFit) {
  EXPECT_THAT(complaint_of({.words = write("d.txt", "ad\n")}), AllOf(HasSubstr("d.txt"), HasSubstr("ad")));
  EXPECT_THAT(complaint_of({.language_model = write("no.arpa", "hello\n")}), HasSubstr("no.arpa"));
  EXPECT_THAT(complaint_of({.grammar = folder_ / "absent.txt"}), HasSubstr("absent.txt"));
  EXPECT_THAT(complaint_of({.words = "words.txt", .grammar = "grammar.txt"}),
              AllOf(HasSubstr("words.txt"), HasSubstr("grammar.txt"), HasSubstr("both")));
}

}  // namespace
}  // namespace avsr::pipeline
