#include "pipeline/recognition/sentence_windows.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <tuple>
#include <vector>

namespace avsr::pipeline {
namespace {

constexpr int kWindow = 10;

Answer heard() {
  Answer answer;
  answer.heard_by = models::Streams::audio;
  return answer;
}
Answer silence() {
  Answer answer;
  answer.in_silence = true;
  return answer;
}

// (start, frames, first, end, begins, ends)
using Row = std::tuple<int64_t, int, int64_t, int64_t, bool, bool>;

// answers: 's' for speech, '.' for silence.
std::vector<Row> windows_of(const std::string& answers) {
  SentenceWindows windows(kWindow);
  std::vector<Row> rows;
  int64_t frames = 0;
  const auto take = [&] {
    while (const auto w = windows.take(frames)) {
      EXPECT_LE(w->start + w->frames, frames);
      rows.emplace_back(w->start, w->frames, w->first, w->end, w->begins, w->ends);
    }
  };
  for (const char c : answers) {
    windows.push(c == 's' ? heard() : silence());
    ++frames;
    const int64_t needed = windows.needed_from();
    const size_t before = rows.size();
    take();
    for (size_t i = before; i < rows.size(); ++i) EXPECT_GE(std::get<0>(rows[i]), needed);
  }
  windows.finish();
  take();
  return rows;
}

TEST(SentenceWindows, AShortStretchIsFilledWithWhatIsAroundIt) {
  const std::vector<Row> expected{{0, 0, 0, 8, true, true}, {5, 10, 8, 12, true, true}, {12, 0, 12, 20, true, true}};
  EXPECT_EQ(windows_of("........ssss........"), expected);
}

TEST(SentenceWindows, TheRecordingsEndsLimitIt) {
  EXPECT_EQ(windows_of(".ssss......."),
            (std::vector<Row>{{0, 0, 0, 1, true, true}, {0, 10, 1, 5, true, true}, {5, 0, 5, 12, true, true}}));
  EXPECT_EQ(windows_of(".......ssss."),
            (std::vector<Row>{{0, 0, 0, 7, true, true}, {2, 10, 7, 11, true, true}, {11, 0, 11, 12, true, true}}));
  EXPECT_EQ(windows_of(".sss"), (std::vector<Row>{{0, 0, 0, 1, true, true}, {0, 4, 1, 4, true, true}}));
  EXPECT_EQ(windows_of("ssssssssss"), (std::vector<Row>{{0, 10, 0, 10, true, true}}));
}

TEST(SentenceWindows, ALongStretchHasAGridFromItsOwnStart) {
  const std::vector<Row> expected{{0, 0, 0, 3, true, true},      {3, 10, 3, 13, true, false},
                                  {8, 10, 8, 18, false, false},  {13, 10, 13, 23, false, false},
                                  {16, 10, 16, 26, false, true}, {26, 0, 26, 28, true, true}};
  EXPECT_EQ(windows_of("...sssssssssssssssssssssss.."), expected);
  EXPECT_EQ(windows_of("sssssssssss"), (std::vector<Row>{{0, 10, 0, 10, true, false}, {1, 10, 1, 11, false, true}}));
  EXPECT_EQ(windows_of("ssssssssssssss"), (std::vector<Row>{{0, 10, 0, 10, true, false}, {4, 10, 4, 14, false, true}}));
}

TEST(SentenceWindows, RefusesWindowsOfOneFrame) { EXPECT_THROW(SentenceWindows{1}, std::invalid_argument); }

}  // namespace
}  // namespace avsr::pipeline
