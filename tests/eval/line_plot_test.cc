#include "eval/line_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <set>

#include "eval/line_style.h"

namespace avsr::eval {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

LinePlot rates() {
  LinePlot plot{
      .title = "rate's", .x_label = "epoch", .y_label = "rate", .log_y = true, .y_range = {}, .marks = {{2, "best"}}};
  plot.lines = {{"a", {{1, 0.1}, {2, 0}, {3, std::numeric_limits<double>::quiet_NaN()}, {4, 0.01}}}, {"nothing", {}}};
  return plot;
}

TEST(LinePlot, ProgramHoldsWhatCanBeDrawn) {
  const std::string program = line_plot_program(rates()).commands;
  EXPECT_THAT(program, HasSubstr("set title 'rate''s'"));
  EXPECT_THAT(program, HasSubstr("\n1 0.1\n4 0.01\ne\n"));
  EXPECT_THAT(program, HasSubstr("set logscale y"));
  EXPECT_THAT(program, HasSubstr("from 2, graph 0 to 2, graph 1"));
  EXPECT_THAT(program, HasSubstr("label 'best' at 2,"));
  EXPECT_THAT(program, Not(HasSubstr("nothing")));
  EXPECT_EQ(line_plot_program({}).commands, "");
}

// In print as on the screen: no two of the first lines have both dashes and marker in common.
TEST(LineStyle, TellsLinesApartWithoutColour) {
  std::set<std::string> styles, without_colour;
  for (size_t i = 0; i < 56; ++i) styles.insert(line_style(i));
  EXPECT_EQ(styles.size(), 56u);
  for (size_t i = 0; i < 8; ++i) without_colour.insert(line_style(i).substr(line_style(i).find("dashtype")));
  EXPECT_EQ(without_colour.size(), 8u);
}

TEST(LinePlot, IsAnSvgElement) {
  if (std::system("gnuplot --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "gnuplot is not installed";
  const std::vector<std::string> pictures = draw_line_plots({rates(), {}, rates()});
  ASSERT_EQ(pictures.size(), 3u);
  EXPECT_THAT(pictures[0], StartsWith("<svg"));
  EXPECT_THAT(pictures[0], HasSubstr("epoch"));
  EXPECT_EQ(pictures[1], "");
  EXPECT_EQ(pictures[2], pictures[0]);
}

TEST(LineStyle, TheKeyHasRoomForItsTitles) {
  EXPECT_EQ(key_above({"a"}, 560).place, "off");
  EXPECT_EQ(key_above({"a", "b", "c", "d"}, 560).place, "above maxcols 3");
  EXPECT_EQ(key_above({"a", std::string(60, 'b'), "c"}, 560).place, "above maxcols 1");
  EXPECT_EQ(key_above({"a", std::string(60, 'b'), "c"}, 560).height, 3 * key_above({"a", "b"}, 560).height);
}

}  // namespace
}  // namespace avsr::eval
