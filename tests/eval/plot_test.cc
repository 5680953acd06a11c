#include "eval/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace avsr::eval {
namespace {

using testing::HasSubstr;

const std::vector<Curve> kCurves{{"audio's", {{true, 0, 0.99, 0.98, 1}, {false, 0, 0.8, 0.75, 0.84}}},
                                 {"video", {{true, 0, 0.7, 0.65, 0.74}, {false, 0, 0.7, 0.65, 0.74}}}};

TEST(NoiseCurve, ProgramHoldsEveryPointAndQuotesText) {
  const std::string program = noise_curve_program(kCurves, "words", "curve.svg");
  EXPECT_THAT(program, HasSubstr("'audio''s'"));
  EXPECT_THAT(program, HasSubstr("\n0 80 75 84\n5 99 98 100\ne\n"));  // clean stands 5 dB beyond the last level
  EXPECT_THAT(program, HasSubstr("'clean' 5"));
  EXPECT_THROW(noise_curve_program(kCurves, "words", "curve.pdf"), std::invalid_argument);
}

TEST(NoiseCurve, BandsHaveTheIntervals) {
  const std::string program = noise_bands(kCurves, "100 % babble").commands;
  EXPECT_THAT(program, HasSubstr("'-' using 1:3:4 with filledcurves linecolor rgb '#0072B2' notitle"));
  EXPECT_THAT(program, HasSubstr("dashtype 2 pointtype 5 title 'video'"));
  size_t drawn = 0;  // once as a band, once as a line
  for (size_t at = program.find("\n0 80 75 84\n5 99 98 100\ne\n"); at != std::string::npos;
       at = program.find("\n0 80 75 84\n", at + 1))
    ++drawn;
  EXPECT_EQ(drawn, 2u);
  EXPECT_THAT(program, HasSubstr("from 2.5, graph 0"));
}

TEST(NoiseCurve, OfErrorsHasRoomAboveAHundred) {
  for (const std::string& program : {noise_curve_program(kCurves, "words", "curve.svg", Measure::word_error_rate),
                                     noise_bands(kCurves, "babble", Measure::word_error_rate).commands}) {
    EXPECT_THAT(program, HasSubstr("set ylabel 'word error rate (%)'\nset yrange [0:*]\n"));
    EXPECT_THAT(program, testing::Not(HasSubstr("accuracy")));
  }
}

TEST(NoiseCurve, IsDrawn) {
  if (std::system("gnuplot --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gnuplot is not installed";
  const std::filesystem::path picture = std::filesystem::path(testing::TempDir()) / "avsr_curve.svg";
  std::filesystem::remove(picture);
  draw_noise_curve(kCurves, "words", picture);
  std::ifstream file(picture);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("<svg"));
  EXPECT_THAT(text, HasSubstr("clean"));
  EXPECT_THROW(draw_noise_curve(kCurves, "words", "/nonexistent/curve.svg"), std::runtime_error);
}

// A program that is not there must not end ours: the error says what to install.
TEST(NoiseCurve, IsMissedWithoutGnuplot) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  std::string complaint;
  try {
    draw_noise_curve(kCurves, "words", "curve.svg");
  } catch (const std::runtime_error& error) {
    complaint = error.what();
  }
  setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(complaint, testing::AllOf(HasSubstr("curve.svg"), HasSubstr("gnuplot-nox")));
}

}  // namespace
}  // namespace avsr::eval
