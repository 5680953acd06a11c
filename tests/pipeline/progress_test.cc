#include "pipeline/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace avsr::pipeline {
namespace {

using testing::MatchesRegex;

// What `work` writes on stderr, which is no terminal here.
template <typename Work>
std::string written(Work&& work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

void wait_a_second() { std::this_thread::sleep_for(std::chrono::milliseconds(1010)); }

TEST(Progress, SaysDurationsAsPeopleDo) {
  EXPECT_EQ(duration_text(3.4), "3 s");
  EXPECT_EQ(duration_text(245), "4:05");
  EXPECT_EQ(duration_text(3729), "1:02:09");
}

TEST(Progress, APartOfTheOnlyFileGivesATimeLeft) {
  const std::string text = written([] {
    Progress progress("transcribe", "files", 1);
    wait_a_second();
    progress.update(0, "talk.mp4", 0.5);
    progress.interrupt();
  });
  EXPECT_THAT(text, MatchesRegex("transcribe: 0/1 files, [0-9]+ s left, talk.mp4\n"))
      << "no file is done: there is no rate";
}

TEST(Progress, LinesAreASecondApartOffATerminal) {
  const std::string text = written([] {
    Progress progress("prepare", "clips", 20);
    for (int i = 1; i <= 10; ++i) progress.update(i);
    wait_a_second();
    progress.update(11);
    progress.update(12);
    progress.update(20);
    progress.finish();
  });
  EXPECT_THAT(text, MatchesRegex("prepare: 11/20 clips, [0-9.]+ clips/s, [0-9]+ s left\n"
                                 "prepare: 20/20 clips, [0-9.]+ clips/s, [0-9]+ s\n"));
}

TEST(Progress, ShortWorkIsOneLineOffATerminal) {
  const std::string text = written([] {
    Progress progress("transcribe", "files", 3);
    for (int file = 0; file < 3; ++file) {
      progress.update(file, "talk.mp4", 0.9);
      progress.update(file + 1);
    }
    progress.finish();
  });
  EXPECT_THAT(text, MatchesRegex("transcribe: 3/3 files, [0-9]+ s\n"));
}

}  // namespace
}  // namespace avsr::pipeline
