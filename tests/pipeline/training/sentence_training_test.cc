// Sentences from clips to a model: texts of one symbol, learned by CTC.
#include <gmock/gmock.h>

#include <atomic>

#include "decoding/ctc_decoder.h"
#include "io/atomic_file.h"
#include "models/model_file.h"
#include "pipeline/recognition/decoding_choice.h"
#include "pipeline/recognition/recognizer.h"
#include "tests/pipeline/training/schedule_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;

Recipe sentences() {
  return parse_recipe(R"(name: sentences
network:
  video: {input: dct, dct_coefficients: 10}
  audio: {input: mfcc}
  fusion: {layers: 1, hidden: 16}
data:
  targets: characters
  symbols: [down, up]
  crop: 20
  size: 16
  noise: {levels_db: [20]}
stages:
  - {name: read, streams: audiovisual, back_end: none, train: [fusion], loss: ctc, rate: 2.0e-2, decay: constant,
     batch: 4, epochs: 20}
)",
                      "sentences.yaml");
}

class SentenceTraining : public ScheduleTest {
 protected:
  RunSettings run(const std::string& out) const {
    RunSettings run = settings(out);
    run.recipe = sentences();
    return run;
  }
};

TEST_F(SentenceTraining, LearnsToWriteWhatItHears) {
  ASSERT_TRUE(run_schedule(*backend_, run("run")));
  const std::string path = folder_ / "run/audiovisual.safetensors";
  const std::optional<std::string> chosen = choose_decoding(*backend_, path, folder_ / "data");
  ASSERT_TRUE(chosen);
  EXPECT_THAT(*chosen, HasSubstr("on 8 validation sentences"));
  EXPECT_EQ(models::read_model_header(path).decoding.at("kind"), "ctc");

  Recognizer recognizer(*backend_, path);
  ASSERT_TRUE(recognizer.sentences());
  const decoding::Symbols symbols(recognizer.labels());
  Dataset::Settings wanted;
  const auto test = Dataset::open(folder_ / "data", "test", wanted);
  int right = 0;
  for (const Sample& sample : test->samples()) {
    const SymbolProbabilities heard =
        recognizer.symbol_probabilities({cut_stretch(*test->clip(sample.clip), 0, sample.frames)});
    EXPECT_EQ(heard.steps, backend::Lengths{kSmallFrames});
    const decoding::Hypothesis best = decoding::greedy(heard.of(0));
    right += symbols.text(decoding::labels_of(best.symbols)) == test->labels()[static_cast<size_t>(sample.label)];
  }
  EXPECT_GE(right, 7) << *chosen << io::read_text_file(folder_ / "run/read/log.jsonl");
  EXPECT_THROW(recognizer.probabilities({cut_stretch(*test->clip(0), 0, kSmallFrames)}), std::logic_error);
}

TEST_F(SentenceTraining, StoppedAndResumedEndsAtTheSameBits) {
  RunSettings whole = run("whole"), parts = run("parts");
  whole.recipe.stages[0].epochs = parts.recipe.stages[0].epochs = 2;
  ASSERT_TRUE(run_schedule(*backend_, whole));
  std::atomic<bool> stop = false;
  parts.stop = &stop;
  parts.reporter.tick = [&](int64_t done, int64_t, const std::string& what) {
    if (what == "read epoch 1/2" && done == 12) stop = true;
  };
  ASSERT_FALSE(run_schedule(*backend_, parts));
  parts.stop = nullptr;
  parts.resume = true;
  ASSERT_TRUE(run_schedule(*backend_, parts));
  EXPECT_GT(expect_equal_under(read("whole/audiovisual.safetensors"), read("parts/audiovisual.safetensors"), "fusion"),
            5);
}

}  // namespace
}  // namespace avsr::pipeline
