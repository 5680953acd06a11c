#include "pipeline/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <string>

namespace avsr::pipeline {
namespace {

// What `work` writes on stderr, which is no terminal here.
template <typename Work>
std::string written(Work&& work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

// Stands still but for what a test lets pass.
struct TestClock {
  Progress::Clock::time_point time;
  Progress make(const char* what, const char* unit, int64_t total) {
    return {what, unit, total, [this] { return time; }};
  }
  void pass(double seconds) { time += std::chrono::milliseconds(std::llround(1000 * seconds)); }
};

TEST(Progress, SaysDurationsAsPeopleDo) {
  EXPECT_EQ(duration_text(3.4), "3 s");
  EXPECT_EQ(duration_text(245), "4:05");
  EXPECT_EQ(duration_text(3729), "1:02:09");
}

TEST(Progress, APartOfTheOnlyFileGivesATimeLeft) {
  const std::string text = written([] {
    TestClock clock;
    Progress progress = clock.make("transcribe", "files", 1);
    clock.pass(4);
    progress.update(0, "talk.mp4", 0.5);
    progress.interrupt();
  });
  EXPECT_EQ(text, "transcribe: 0/1 files, 4 s left, talk.mp4\n") << "no file is done: there is no rate";
}

TEST(Progress, LinesAreASecondApartOffATerminal) {
  const std::string text = written([] {
    TestClock clock;
    Progress progress = clock.make("prepare", "clips", 20);
    clock.pass(0.9);
    for (int i = 1; i <= 10; ++i) progress.update(i);
    clock.pass(0.2);
    progress.update(11);
    clock.pass(0.9);
    progress.update(12);
    progress.update(20);
    progress.finish();
  });
  EXPECT_EQ(text,
            "prepare: 11/20 clips, 10 clips/s, 1 s left\n"
            "prepare: 20/20 clips, 10 clips/s, 2 s\n");
}

TEST(Progress, ShortWorkIsOneLineOffATerminal) {
  const std::string text = written([] {
    TestClock clock;
    Progress progress = clock.make("transcribe", "files", 3);
    for (int file = 0; file < 3; ++file) {
      progress.update(file, "talk.mp4", 0.9);
      progress.update(file + 1);
    }
    progress.finish();
  });
  EXPECT_EQ(text, "transcribe: 3/3 files, 0 s\n");
}

}  // namespace
}  // namespace avsr::pipeline
