// Pictures of gnuplot inside a page.
#include "eval/gnuplot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "eval/confusion_map.h"
#include "eval/plot.h"
#include "eval/reliability_plot.h"

namespace avsr::eval {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

bool has_gnuplot() { return std::system("gnuplot --version >/dev/null 2>&1") == 0; }

// 3 of "a" are right, one is taken for "b"; "b" is right; nobody says "c" or "d", and "d" is answered once.
ConfusionMatrix some_confusions() {
  return confusion_matrix(std::vector<int>{0, 0, 0, 0, 1, 1}, std::vector<int>{0, 0, 0, 1, 1, 3}, 4);
}
const std::vector<std::string> kNames{"<script>x</script>", "50 %d", "c", "it's & \"d\""};

TEST(Gnuplot, TicsAreNoFormats) { EXPECT_EQ(gnuplot_quoted_tic("50 %d's"), "'50 %%d''s'"); }

TEST(ConfusionMap, ShowsLabelsThatOccur) {
  EXPECT_THAT(labels_to_show(some_confusions(), 4), ElementsAre(0, 1, 3));
  EXPECT_THAT(labels_to_show(some_confusions(), 3), ElementsAre(0, 1, 3));
  // "b" is in two wrong clips; of "a" and "d" with one each the first.
  EXPECT_THAT(labels_to_show(some_confusions(), 2), ElementsAre(0, 1));
}

TEST(ConfusionMap, SharesAreOfAllClipsOfTheRow) {
  const std::string program = confusion_map(some_confusions(), kNames, {0, 1}).commands;
  EXPECT_THAT(program, HasSubstr("\n0 0 75.00\n1 0 25.00\n1 1 50.00\ne\n"));
  EXPECT_THAT(program, HasSubstr("\n1 0 1\ne\n0 0 3\n1 1 1\ne\n"));  // the pale cell's number, then the dark ones'
  EXPECT_EQ(confusion_map(some_confusions(), kNames, {2}).commands, "");
}

TEST(ReliabilityPlot, HasABarForEachBinWithClips) {
  const std::vector<ReliabilityBin> bins{{0, 0.5, 4, 0.4, 0.25}, {0.5, 1, 0, {}, {}}};
  EXPECT_THAT(reliability_plot(bins).commands,
              HasSubstr("\n25.000 25.000 50.000\ne\n40.000 25.000\ne\n25.000 25.000 4\ne\n"));
  EXPECT_EQ(reliability_plot(std::vector<ReliabilityBin>{bins[1]}).commands, "");
}

TEST(DrawSvgs, DrawsAllWithTextsAsTheyAre) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  const std::vector<ReliabilityBin> bins{{0, 1, 4, 0.4, 0.25}};
  const std::vector<std::string> pictures =
      draw_svgs({confusion_map(some_confusions(), kNames, {0, 1, 3}),
                 {},
                 reliability_plot(bins),
                 noise_bands({{"a_b <b>", {{true, 0, 0.9, 0.8, 1}, {false, 0, 0.5, 0.4, 0.6}}}, {"c", {}}}, "noise")},
                "plots");
  ASSERT_EQ(pictures.size(), 4u);
  EXPECT_EQ(pictures[1], "");
  for (const size_t i : {0u, 2u, 3u}) EXPECT_THAT(pictures[i], AllOf(StartsWith("<svg"), HasSubstr("</svg>")));
  EXPECT_THAT(pictures[0], AllOf(HasSubstr("&lt;script>x&lt;/script>"), HasSubstr("50 %d"), HasSubstr("it's &amp;"),
                                 Not(HasSubstr("<script"))));
  EXPECT_THAT(pictures[0], Not(HasSubstr("<image")));  // cells are shapes, sharp at any size
  EXPECT_THAT(pictures[3], HasSubstr("a_b &lt;b>"));
}

TEST(DrawSvgs, FitsIntoAPageWithOthers) {
  const std::string svg =
      "<svg viewBox=\"0 0 1 1\" xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">"
      "<title>Gnuplot</title><desc>Produced</desc><circle id='dot'/><g id=\"curve\"><title>curve</title>"
      "<use xlink:href='#dot' fill='url(#dot)'/></g></svg>";
  EXPECT_EQ(svg_in_page(svg, "p1-"),
            "<svg viewBox=\"0 0 1 1\"><circle id='p1-dot'/><g id=\"p1-curve\"><use href='#p1-dot' "
            "fill='url(#p1-dot)'/></g></svg>");
}

}  // namespace
}  // namespace avsr::eval
