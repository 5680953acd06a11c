// A model of fixed crops finds the mouth only in frames of its corpus' size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "io/atomic_file.h"
#include "io/video_writer.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/device.h"
#include "pipeline/recognition/transcribe.h"
#include "pipeline/training/schedule.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

CropRule rule_for(int height, int width) {
  CropRule rule{"fixed"};
  rule.box = {4, 6, kSmallCrop, kSmallCrop};
  rule.source_height = height;
  rule.source_width = width;
  return rule;
}

std::string write_grey_video(const std::string& path, int height, int width) {
  io::Frames frames{kSmallFrames, height, width, {}};
  frames.pixels.assign(frames.frame_size() * kSmallFrames, 90);
  io::write_video(path, frames, {}, {});
  return path;
}

TEST(FixedCrop, FitsFramesOfItsOwnSize) {
  EXPECT_TRUE(rule_for(48, 64).fits(48, 64));
  EXPECT_FALSE(rule_for(48, 64).fits(64, 48));
  EXPECT_TRUE(rule_for(0, 0).fits(64, 48)) << "its size is not known";
  EXPECT_TRUE(CropRule{}.fits(1080, 1920)) << "a tracked crop finds the mouth anywhere";
}

TEST(FixedCrop, TranscribesNoFramesOfAnotherSize) {
  const TemporaryFolder folder;
  write_small_corpus(folder / "data");
  io::write_file_atomically(folder / "data/dataset.json", nlohmann::json{{"crop", to_json(rule_for(48, 64))}}.dump());
  const auto backend = open_device({"cpu", 1});
  RunSettings run;
  run.recipe = small_recipe();
  run.data = folder / "data";
  run.out = folder / "run";
  run.stages = {"v-conv", "v-rec"};
  run.workers = 1;
  run_schedule(*backend, run);
  Recognizer recognizer(*backend, folder / "run/video.safetensors");

  const TranscribeSettings settings;
  EXPECT_EQ(transcribe_file(recognizer, nullptr, write_grey_video(folder / "own.mp4", 48, 64), settings).frames,
            kSmallFrames);
  const std::string other = write_grey_video(folder / "other.mp4", 96, 128);
  EXPECT_THAT([&] { transcribe_file(recognizer, nullptr, other, settings); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("other.mp4"), HasSubstr("48 x 64"),
                                                      HasSubstr("96 x 128"), HasSubstr("video.safetensors"))));
}

}  // namespace
}  // namespace avsr::pipeline
