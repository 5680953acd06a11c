// What is made of the answers of sentence models: counts, times, comparisons, and everything that is written.
#include "pipeline/evaluation/sentence_evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "pipeline/evaluation/compare_results.h"
#include "pipeline/evaluation/evaluate_sentences.h"
#include "pipeline/evaluation/sentence_numbers.h"
#include "pipeline/evaluation/sentence_page.h"
#include "tests/pipeline/evaluation/small_sentences.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(HeardSentence, IsCountedAndTimed) {
  const SaidSentence said = said_sentence("bin blue at", {{"bin", 0, 0.4}, {"blue", 0.4, 0.8}, {"at", 0.8, 1.2}});
  const HeardSentence heard = heard_sentence(said, heard_words("bin glue at now", 0.05, -0.1));
  EXPECT_EQ(heard.text, "bin glue at now");
  EXPECT_EQ(heard.words, (eval::ErrorCounts{1, 0, 1, 3}));
  EXPECT_EQ(heard.characters, (eval::ErrorCounts{1, 0, 4, 11}));
  ASSERT_EQ(heard.start_errors.size(), 2u) << "of the words that are right";
  EXPECT_NEAR(heard.start_errors[1], 0.05, 1e-9);
  EXPECT_NEAR(heard.end_errors[1], -0.1, 1e-9);
  EXPECT_EQ(heard_sentence(said, {}).words, (eval::ErrorCounts{0, 3, 0, 3}));
}

TEST(SaidSentence, HasTimesOnlyOfItsOwnWords) {
  const std::vector<io::Word> times{{"bin", 0, 0.4}, {"blue", 0.4, 0.8}};
  EXPECT_EQ(said_sentence(" bin  blue", times).times.size(), 2u);
  EXPECT_EQ(said_sentence("bin  blue ", times).text, "bin blue");
  EXPECT_TRUE(said_sentence("bin red", times).times.empty());
  EXPECT_TRUE(said_sentence("bin", times).times.empty());
  EXPECT_TRUE(said_sentence("bin", {{"bin", 0, 0}}).times.empty()) << "a word without times";
}

TEST(SentenceEvaluation, PoolsOverSentences) {
  const SentenceEvaluation evaluation = sentence_evaluation();
  const SentenceRow &clean = evaluation.rows[0], &noisy = evaluation.rows[1];
  EXPECT_EQ(noisy.words(), (eval::ErrorCounts{1, 3, 0, 8}));
  EXPECT_EQ(noisy.characters(), (eval::ErrorCounts{1, 8, 0, 29}));
  EXPECT_DOUBLE_EQ(noisy.sentences_right(), 0.5);
  EXPECT_EQ(noisy.timed_words(), 4);
  EXPECT_NEAR(*noisy.start_error(), 0.05, 1e-9);
  EXPECT_NEAR(*noisy.end_error(), 0.1, 1e-9);
  EXPECT_FALSE((SentenceRow{.condition = {}}).start_error());
  const auto nothing_wrong = evaluation.interval(clean, SentenceEvaluation::Unit::words);
  ASSERT_TRUE(nothing_wrong);
  EXPECT_DOUBLE_EQ(nothing_wrong->low, 0);
  EXPECT_GT(nothing_wrong->high, 0.2) << "eight words tell little";
  const auto interval = evaluation.interval(noisy, SentenceEvaluation::Unit::words);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 0);
  EXPECT_LE(interval->high, 1);
  EXPECT_GE(interval->high, 0.75);
  EXPECT_EQ(evaluation.reference(), "AV");
  EXPECT_EQ(evaluation.hardest("A", "greedy"), &noisy);
}

TEST(SentenceNumbers, CompareModelsReadInTheSameWay) {
  const std::vector<ErrorComparison> comparisons = compare(sentence_evaluation());
  ASSERT_EQ(comparisons.size(), 4u);
  const ErrorComparison &clean = comparisons[0], &noisy = comparisons[1];
  EXPECT_EQ(clean.system, "AV");
  EXPECT_EQ(clean.over, "A");
  EXPECT_EQ(clean.p, 1);
  EXPECT_EQ(noisy.decoding, "greedy");
  EXPECT_DOUBLE_EQ(noisy.difference, 2.0 / 8);
  EXPECT_EQ(noisy.better, 1);
  EXPECT_EQ(noisy.worse, 0);
  EXPECT_DOUBLE_EQ(noisy.p, 1) << "a single sentence tells nothing";
  ASSERT_TRUE(noisy.interval);
  EXPECT_GE(noisy.interval->low, 0);
  EXPECT_EQ(comparisons[2].decoding, "grammar");
}

TEST(SentenceNumbers, ListMistakesAndWorstSentences) {
  const SentenceEvaluation evaluation = sentence_evaluation();
  const SentenceRow& noisy = evaluation.rows[1];
  const std::vector<Mistake> words = word_mistakes(evaluation, noisy),
                             characters = character_mistakes(evaluation, noisy);
  ASSERT_EQ(words.size(), 4u);
  EXPECT_EQ(words[3].said, "pin");  // once missed, once replaced
  EXPECT_EQ(words[3].heard, "bin");
  EXPECT_EQ(words[0].heard, "");
  ASSERT_FALSE(characters.empty());
  EXPECT_EQ(characters[0].said, " ");
  EXPECT_EQ(characters[0].times, 2);
  EXPECT_THAT(worst_sentences(noisy, 5), ElementsAre(2u, 0u));
  EXPECT_THAT(worst_sentences(noisy, 1), ElementsAre(2u));
}

TEST(SentenceReport, IsWrittenForPeopleAndPrograms) {
  const SentenceEvaluation evaluation = sentence_evaluation();
  const io::TemporaryFolder folder;
  write_results(evaluation, folder.path());
  const nlohmann::json results = nlohmann::json::parse(io::read_text_file(folder / "results.json"));
  const nlohmann::json& row = results.at("rows").at(1);
  EXPECT_DOUBLE_EQ(row.at("wer").get<double>(), 0.5);
  EXPECT_EQ(row.at("deletions"), 3);
  EXPECT_EQ(row.at("snr_db"), 0.0);
  EXPECT_EQ(row.at("heard").at(2), "");
  EXPECT_THAT(row.at("errors").get<std::vector<int>>(), ElementsAre(1, 0, 3, 0));
  EXPECT_NEAR(row.at("start_error_ms").get<double>(), 50, 1e-6);
  EXPECT_EQ(results.at("clips").at("texts").at(1), "lay <red>");
  EXPECT_EQ(read_results(folder.path()).at("kind"), "sentences");  // `avsr compare` takes it

  const std::string csv = io::read_text_file(folder / "results.csv");
  EXPECT_THAT(csv, AllOf(HasSubstr("model,decoding,streams,noise,snr_db,damage,missing,wer,"),
                         HasSubstr("\nA,greedy,audio,white,0,,,0.5,")));
  const std::string md = io::read_text_file(folder / "results.md");
  EXPECT_THAT(md, AllOf(HasSubstr("# Word error rate: 4 sentences"), HasSubstr("| A, greedy | 0.0 (0.0-32.4) | 50.0 ("),
                        HasSubstr("| over A, grammar | +0.0"), HasSubstr("| pin at f | – | 3 |"),
                        HasSubstr("| AV, grammar | 16 | – | – |"), HasSubstr("Chosen on split val.")));
  EXPECT_THAT(md, HasSubstr("| A, greedy | white 0 dB | 8 | 1 | 3 | 0 | 50.0 | 50 | 100 |"));
  EXPECT_TRUE(std::filesystem::exists(folder / "noise-curve.svg"));
  const std::string table = error_rate_table(evaluation, false);
  EXPECT_THAT(table, AllOf(HasSubstr("WER %"), HasSubstr("A, grammar       0.0     50.0\n")));
}

TEST(SentencePage, ShowsTheTextsAlignedAndTakesNoneForHtml) {
  const SentenceEvaluation evaluation = sentence_evaluation();
  const std::string page = sentence_page(evaluation, results_json(evaluation));
  EXPECT_THAT(page, AllOf(HasSubstr("<h1>Evaluation: 4 sentences</h1>"), HasSubstr("run/&lt;av&gt;.safetensors"),
                          HasSubstr("Note: a &lt;b&gt;note&lt;/b&gt;."), HasSubstr("<code>&lt;g&gt;.txt</code>")));
  EXPECT_THAT(page, AllOf(HasSubstr("<caption>Word error rate (%), white, greedy</caption>"),
                          HasSubstr("<caption>Character error rate (%), white, grammar</caption>"),
                          HasSubstr("Points that AV is ahead")));
  EXPECT_THAT(page, HasSubstr("<td>pin</td><td>blue</td></tr>\n<tr><th scope=\"row\">recognised</th><td "
                              "class=\"wrong\" title=\"replaced\">bin</td><td>blue</td>"));
  EXPECT_THAT(page, HasSubstr("title=\"missed\">–</td>"));
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("<red>")), Not(HasSubstr("<script")), Not(HasSubstr("http")), Not(HasSubstr("{{"))));
  size_t tables = 0, captions = 0;
  for (size_t at = page.find("<table"); at != std::string::npos; at = page.find("<table", at + 1)) ++tables;
  for (size_t at = page.find("<caption"); at != std::string::npos; at = page.find("<caption", at + 1)) ++captions;
  EXPECT_EQ(tables, captions);
  EXPECT_GT(tables, 8u);
}

}  // namespace
}  // namespace avsr::pipeline
