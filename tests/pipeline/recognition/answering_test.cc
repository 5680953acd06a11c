#include "pipeline/recognition/answering.h"

#include <gtest/gtest.h>

namespace avsr::pipeline {
namespace {

using models::Streams;

TEST(Answering, ChoosesByFaceAndSound) {
  const ModelKinds all{true, true, true}, separate{true, true, false}, both{.audiovisual = true};
  const Evidence everything{true, true, true}, face{true, false, false}, sound{false, true, true}, nothing{};
  EXPECT_EQ(all.answer(everything).heard_by, Streams::audiovisual);
  EXPECT_EQ(all.answer(face).heard_by, Streams::video);
  EXPECT_EQ(all.answer(sound).heard_by, Streams::audio);
  EXPECT_EQ(all.answer(nothing).heard_by, std::nullopt);
  EXPECT_EQ(separate.answer(everything).heard_by, Streams::audio);
  EXPECT_EQ(both.answer(everything).heard_by, Streams::audiovisual);
  EXPECT_EQ(both.answer(face).heard_by, std::nullopt);
  EXPECT_EQ(both.answer(sound).heard_by, std::nullopt);
}

TEST(Answering, SaysWhatIsMissingAsFarAsTheModelsAskForIt) {
  const ModelKinds all{true, true, true}, lips{.video = true}, ears{.audio = true};
  EXPECT_EQ(missing_text(all.answer({true, true, true})), "");
  EXPECT_EQ(missing_text(all.answer({false, true, true})), "no face");
  EXPECT_EQ(missing_text(all.answer({true, false, false})), "no sound");
  EXPECT_EQ(missing_text(all.answer({false, false, false})), "no face, no sound");
  EXPECT_EQ(missing_text(lips.answer({true, false, false})), "");
  EXPECT_EQ(missing_text(ears.answer({false, true, true})), "");
}

// Lips that move while nobody speaks are no reason to ask the model that reads them.
TEST(Answering, NobodyAnswersInThePausesOfSoundThatIsThere) {
  const ModelKinds all{true, true, true}, lips{.video = true};
  const Answer pause = all.answer({true, true, false});
  EXPECT_EQ(pause.heard_by, std::nullopt);
  EXPECT_EQ(missing_text(pause), "silence");
  EXPECT_EQ(lips.answer({true, true, false}).heard_by, Streams::video);
}

}  // namespace
}  // namespace avsr::pipeline
