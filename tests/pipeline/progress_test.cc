#include "pipeline/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;

TEST(Progress, APartOfTheOnlyFileGivesATimeLeft) {
  testing::internal::CaptureStderr();
  {
    Progress progress("transcribe", "files", 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    progress.update(0, "talk.mp4", 0.5);
    progress.interrupt();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("0/1 files"));
  EXPECT_THAT(text, HasSubstr(" left, talk.mp4"));
}

}  // namespace
}  // namespace avsr::pipeline
