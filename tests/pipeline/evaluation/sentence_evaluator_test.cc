// Models of sentences tested in noise: a small one, hardly trained, read in several ways.
#include "pipeline/evaluation/sentence_evaluator.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <stdexcept>

#include "pipeline/evaluation/evaluate_sentences.h"
#include "pipeline/evaluation/sentence_numbers.h"
#include "tests/pipeline/command_call.h"
#include "tests/pipeline/training/schedule_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(SentenceDecodings, AreWhatThereAreFilesFor) {
  const auto names = [](const SentenceSettings& settings) {
    std::vector<std::string> found;
    for (const SentenceDecoding& decoding : decodings_of(settings)) found.push_back(decoding.name);
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("greedy", "beam"));
  EXPECT_THAT(names({.grammar = "g"}), ElementsAre("greedy", "beam", "grammar"));
  EXPECT_THAT(names({.words = "w", .grammar = "g", .language_model = "l"}),
              ElementsAre("greedy", "beam", "words", "grammar", "language model", "words + language model",
                          "grammar + language model"));
  const SentenceDecoding both = decodings_of({.words = "w", .language_model = "l"}).back();
  EXPECT_EQ(both.files.words, "w");
  EXPECT_EQ(both.files.language_model, "l");
}

TEST(SentenceDecodings, SettingsAreChosenOneAfterTheOther) {
  std::vector<std::string> tried;
  const auto errors = [&](const decoding::BeamSearch& s) -> int64_t {
    tried.push_back(fmt::format("{:g} {:g} {}", s.language_weight, s.insertion_bonus, s.beam));
    return (s.language_weight == 1.5 ? 0 : 5) + (s.insertion_bonus == 1 ? 0 : 2) + (s.beam > 8 ? 0 : 1);
  };
  const decoding::BeamSearch chosen = choose_search(true, 0, errors);
  EXPECT_EQ(chosen.language_weight, 1.5);
  EXPECT_EQ(chosen.insertion_bonus, 1);
  EXPECT_EQ(chosen.beam, 16) << "as good as 32";
  EXPECT_EQ(tried.size(), std::size(kLanguageWeights) + std::size(kInsertionBonuses) + std::size(kBeams));
  EXPECT_EQ(tried.back(), "1.5 1 32");
  tried.clear();
  EXPECT_EQ(choose_search(false, 5, errors).beam, 5);
  EXPECT_TRUE(tried.empty()) << "there is nothing to choose";
}

class SentenceEvaluatorTest : public ScheduleTest {
 protected:
  SentenceEvaluatorTest() {
    RunSettings run;
    run.recipe = parse_recipe(R"(name: sentences
network:
  video: {input: dct, dct_coefficients: 10}
  audio: {input: mfcc}
  recurrent: {layers: 1, hidden: 8}
  fusion: {layers: 1, hidden: 8}
data: {targets: characters, symbols: [down, up], crop: 20, size: 16}
stages:
  - {name: hear, streams: audio, train: [audio], loss: ctc, rate: 2.0e-2, decay: constant, batch: 4, epochs: 1}
  - {name: both, streams: audiovisual, back_end: none, train: [fusion], loss: ctc, rate: 2.0e-2, decay: constant,
     batch: 4, epochs: 1}
)",
                              "sentences.yaml");
    run.data = folder_ / "data";
    run.out = folder_ / "run";
    run.workers = 1;
    if (!run_schedule(*backend_, run)) throw std::runtime_error("the training was stopped");
    std::ofstream(folder_ / "grammar.txt") << "$word = down | up\n$both = $word $word\n";
    settings_.data = folder_ / "data";
    settings_.noises = {"white"};
    settings_.levels_db = {std::nullopt, 0.0};
    settings_.sentences.grammar = (folder_ / "grammar.txt");
  }
  std::vector<std::unique_ptr<Recognizer>> models() {
    std::vector<std::unique_ptr<Recognizer>> opened;
    for (const char* name : {"run/audio.safetensors", "run/audiovisual.safetensors"})
      opened.push_back(std::make_unique<Recognizer>(*backend_, folder_ / name));
    return opened;
  }

  EvaluationSettings settings_;
};

TEST_F(SentenceEvaluatorTest, ReadsEveryAnswerInEveryWay) {
  const SentenceEvaluation evaluation = evaluate_sentences(models(), settings_);
  EXPECT_EQ(evaluation.rows.size(), 2u * 3 * 2);
  EXPECT_EQ(evaluation.said.size(), 8u);
  EXPECT_THAT(evaluation.systems(), ElementsAre("audio", "audiovisual"));
  for (const SentenceRow& row : evaluation.rows)
    for (const HeardSentence& heard : row.heard) {
      EXPECT_EQ(heard.words.reference, 1);
      if (row.decoding == "grammar") {
        EXPECT_EQ(eval::words_of(heard.text).size(), 2u) << heard.text;
      }
    }
  EXPECT_EQ(evaluation.search.at("chosen_on"), "val");
  EXPECT_EQ(evaluation.search.at("settings").size(), 4u);  // two searches of two models
  // The same digits for other batches and threads.
  settings_.batch = 3;
  settings_.workers = 3;
  nlohmann::json first = results_json(evaluation), second = results_json(evaluate_sentences(models(), settings_));
  EXPECT_EQ(first, second);
}

TEST_F(SentenceEvaluatorTest, IsACommand) {
  const std::string audio = folder_ / "run/audio.safetensors", data = folder_ / "data", out = folder_ / "report";
  const Outcome done =
      call(run_evaluate, {"A=" + audio, "--data", data, "--noise", "white", "--snr", "clean,0", "--grammar",
                          folder_ / "grammar.txt", "--beam", "4", "--threads", "1", "--out", out});
  EXPECT_EQ(done.code, 0) << done.failure << done.misuse;
  EXPECT_THAT(done.out, AllOf(HasSubstr("WER %"), HasSubstr("A, greedy"), HasSubstr("A, grammar")));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "report/report.html"));
  EXPECT_THAT(call(run_compare, {out, out}).out, AllOf(HasSubstr("8 sentences"), HasSubstr("matched-pairs test")));
  EXPECT_THAT(call(run_evaluate, {audio, "--data", data, "--words", "absent.txt"}).misuse, HasSubstr("absent.txt"));
  EXPECT_THAT(call(run_evaluate, {audio, "--data", data, "--beam", "-1"}).misuse, HasSubstr("--beam"));
}

TEST_F(SentenceEvaluatorTest, RefusesModelsOfWordsBeside) {
  RunSettings words = settings("words");
  words.recipe.stages.resize(1);
  ASSERT_TRUE(run_schedule(*backend_, words));
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "words"))
    if (entry.path().extension() == ".safetensors") file = entry.path().string();
  ASSERT_FALSE(file.empty());
  const std::string audio = folder_ / "run/audio.safetensors", data = folder_ / "data";
  EXPECT_THAT(call(run_evaluate, {"S=" + audio, "W=" + file, "--data", data, "--threads", "1"}).failure,
              AllOf(HasSubstr(audio), HasSubstr("writes sentences"), HasSubstr(file), HasSubstr("knows words")));
  EXPECT_THAT(call(run_evaluate, {file, "--data", data, "--beam", "4", "--threads", "1"}).misuse,
              AllOf(HasSubstr("--beam"), HasSubstr(file)));
}

}  // namespace
}  // namespace avsr::pipeline
