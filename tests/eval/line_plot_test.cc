#include "eval/line_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace avsr::eval {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

LinePlot rates() {
  LinePlot plot{.title = "rate's", .x_label = "epoch", .y_label = "rate", .log_y = true, .mark_x = 2};
  plot.lines = {{"a", {{1, 0.1}, {2, 0}, {3, std::numeric_limits<double>::quiet_NaN()}, {4, 0.01}}}, {"nothing", {}}};
  return plot;
}

TEST(LinePlot, ProgramHoldsWhatCanBeDrawn) {
  const std::string program = line_plots_program({rates(), {}}, {"a.svg", "b.svg"});
  EXPECT_THAT(program, HasSubstr("set title 'rate''s'"));
  EXPECT_THAT(program, HasSubstr("\n1 0.1\n4 0.01\ne\n"));
  EXPECT_THAT(program, HasSubstr("set logscale y"));
  EXPECT_THAT(program, HasSubstr("from 2, graph 0 to 2, graph 1"));
  EXPECT_THAT(program, Not(HasSubstr("nothing")));
  EXPECT_THAT(program, Not(HasSubstr("b.svg")));
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

}  // namespace
}  // namespace avsr::eval
