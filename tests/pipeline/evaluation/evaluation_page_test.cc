// The page on an evaluation: what it holds, that it asks for nothing, and that nothing in it is taken for HTML.
#include "pipeline/evaluation/evaluation_page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <regex>
#include <set>
#include <stdexcept>

#include "pipeline/evaluation/evaluation_numbers.h"
#include "tests/pipeline/evaluation/small_evaluation.h"

namespace avsr::pipeline {
namespace {

std::string page_of(const Evaluation& evaluation) { return evaluation_page(evaluation, results_json(evaluation)); }

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

bool has_gnuplot() { return std::system("gnuplot --version >/dev/null 2>&1") == 0; }

std::string page_without_gnuplot(const Evaluation& evaluation) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  std::string page = page_of(evaluation);
  setenv("PATH", path.c_str(), 1);
  return page;
}

// Opens and closes every element in turn; says what does not fit.
std::string what_is_not_well_formed(const std::string& page) {
  std::vector<std::string> open;
  for (size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const size_t end = page.find('>', at);
    if (end == std::string::npos) return "a tag without end";
    const std::string tag = page.substr(at + 1, end - at - 1);
    if (tag.front() == '!' || tag.back() == '/') continue;
    const size_t first = tag.front() == '/' ? 1 : 0;
    const std::string name = tag.substr(first, tag.find_first_of(" \n\t") - first);
    if (tag.front() != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return fmt::format("</{}> at {}, open: {}", name, at, open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : fmt::format("never closed: {}", open.back());
}

std::multiset<std::string> all_of(const std::string& page, const std::regex& pattern) {
  std::multiset<std::string> found;
  for (auto match = std::sregex_iterator(page.begin(), page.end(), pattern); match != std::sregex_iterator(); ++match)
    found.insert((*match)[1]);
  return found;
}

size_t count(const std::string& page, const std::string& text) {
  size_t times = 0;
  for (size_t at = page.find(text); at != std::string::npos; at = page.find(text, at + text.size())) ++times;
  return times;
}

class EvaluationPage : public testing::Test {
 protected:
  static void SetUpTestSuite() { page_ = page_of(page_evaluation()); }
  static std::string page_;
};
std::string EvaluationPage::page_;

TEST_F(EvaluationPage, IsWellFormed) {
  EXPECT_EQ(what_is_not_well_formed(page_), "");
  const std::multiset<std::string> ids = all_of(page_, std::regex("\\sid=[\"']([^\"']*)"));
  for (const std::string& id : ids) EXPECT_EQ(ids.count(id), 1u) << id;
  for (const std::string& id : all_of(page_, std::regex("(?:href=[\"']#|labelledby=\"|url\\(#)([^\"')]*)")))
    EXPECT_EQ(ids.count(id), 1u) << "there is no " << id;
  EXPECT_EQ(count(page_, "<table"), count(page_, "<caption>"));
  EXPECT_EQ(count(page_, "<th "), count(page_, "<th scope="));
  EXPECT_EQ(count(page_, "<img "), count(page_, " alt=\""));
}

TEST_F(EvaluationPage, AsksForNothing) {
  EXPECT_THAT(page_, AllOf(Not(HasSubstr("http")), Not(HasSubstr("@import")), Not(HasSubstr("<script"))));
  for (const std::string& target : all_of(page_, std::regex("(?:src|href)=[\"']([^\"']{0,22})")))
    EXPECT_TRUE(target.front() == '#' || target == "data:image/png;base64,") << target;
}

TEST_F(EvaluationPage, TakesNoNameForHtml) {
  EXPECT_THAT(page_, AllOf(HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"), HasSubstr("audio &amp; &lt;i&gt;more"),
                           HasSubstr("/noises/&lt;hum&gt;.wav"), HasSubstr("data &amp; more"),
                           HasSubstr("Note: a &lt;b&gt;note&lt;/b&gt;.")));
  EXPECT_THAT(page_,
              AllOf(Not(HasSubstr("<script>")), Not(HasSubstr("<i>")), Not(HasSubstr("<hum>")), Not(HasSubstr("<b>"))));
}

TEST_F(EvaluationPage, IsTheSameEachTime) { EXPECT_EQ(page_of(page_evaluation()), page_); }

TEST_F(EvaluationPage, TellsWhatWasTested) {
  EXPECT_THAT(page_, AllOf(HasSubstr("<h1>Evaluation: 3 words, 24 clips</h1>"), HasSubstr("<dt>room</dt><dd>hall.wav"),
                           HasSubstr("<dt>hash of the data</dt><dd>beef"), HasSubstr("<code>run/video.safetensors"),
                           HasSubstr("babble, 8 voices at a time</td><td><code>00ff"),
                           HasSubstr("(2.5 s)</td><td><code>1234abcd")));
}

TEST_F(EvaluationPage, HasATableForEachNoiseAndDamage) {
  for (const char* title : {"babble", "hum", "babble, blur:2", "hum, blur:2"})
    EXPECT_THAT(page_, AllOf(HasSubstr(fmt::format("<caption>Accuracy (%), {}</caption>", title)),
                             HasSubstr(fmt::format("<caption>Points ahead, {}</caption>", title))));
  EXPECT_THAT(page_, HasSubstr("clean</th><th scope=\"col\" class=\"n\">0 dB</th><th scope=\"col\" class=\"n\">-5 dB"));
  // The audio alone has no answer there.
  EXPECT_THAT(page_, HasSubstr("more&lt;/i&gt;</th><td class=\"n\">–</td></tr>"));
  // All of 24, by Wilson's interval; the best of the column.
  EXPECT_THAT(page_, HasSubstr("<th scope=\"row\">both</th><td class=\"n\"><strong>100.0</strong><small>86.2–100.0"));
  EXPECT_THAT(page_, HasSubstr("<th scope=\"row\">video</th><td class=\"n\">79.2<small>"));
  EXPECT_THAT(page_, HasSubstr("Points that both is ahead"));
  EXPECT_THAT(page_, HasSubstr("<td class=\"n\">+41.7*<small>"));  // over the audio in noise: 22 of 24 against 12
  EXPECT_THAT(page_, HasSubstr("<td class=\"n\">+12.5<small>"));   // not beyond chance: 24 against 21
}

TEST_F(EvaluationPage, MeasuresTheSystems) {
  EXPECT_THAT(page_, HasSubstr("<th scope=\"row\">both</th><td class=\"n\">100.0</td><td class=\"n\">100.0</td>"));
  EXPECT_THAT(page_, AllOf(HasSubstr("<caption>Accuracy by speaker (%), clean"),
                           HasSubstr("<th scope=\"row\">s1</th><td class=\"n\">10</td><td class=\"n\">80.0")));
  EXPECT_THAT(page_, HasSubstr("<th scope=\"row\">3</th><td class=\"n\">6</td>"));  // letters of "bin"
  EXPECT_THAT(page_, HasSubstr("<tr><th scope=\"row\">80–87</th><td class=\"n\">21</td><td class=\"n\">85.0</td><td "
                               "class=\"n\">100.0"));
  EXPECT_EQ(count(page_, "No word was taken for another."), 1u);  // by "both"
  EXPECT_THAT(page_, AllOf(HasSubstr("at 8 : 10"), HasSubstr("<th scope=\"row\">product</th>")));
}

TEST_F(EvaluationPage, ShowsOfAClipWhatWasPerceived) {
  const size_t heard = page_.find("<article"), seen = page_.find("<article", heard + 1);
  ASSERT_NE(seen, std::string::npos);
  EXPECT_THAT(page_.substr(heard, seen - heard), AllOf(HasSubstr("Spectrogram of the sound, 1.00 s, of clip s1_pin"),
                                                       HasSubstr("97.0 % sure; clean"), Not(HasSubstr("mouth"))));
  EXPECT_THAT(page_.substr(seen), AllOf(HasSubstr("The mouth, 25 frames, one of 4 shown, of clip s2_bin"),
                                        HasSubstr("80.0 % sure; hum -5 dB, blur:2"), Not(HasSubstr("Spectrogram"))));
}

TEST_F(EvaluationPage, PlotsLieInside) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  // Four panels, ROC, precision-recall, fusion, and two of each system.
  EXPECT_EQ(count(page_, "<svg role=\"img\" aria-label=\""), 4 + 3 + 2 * 3u);
  EXPECT_EQ(count(page_, "<svg"), count(page_, "<svg role=\"img\""));
  EXPECT_THAT(page_,
              HasSubstr("aria-label=\"Accuracy against signal-to-noise ratio, babble. audio &amp; &lt;i&gt;more"));
  EXPECT_THAT(page_, Not(HasSubstr("gnuplot-nox")));
}

TEST_F(EvaluationPage, StandsWithoutPlots) {
  const std::string page = page_without_gnuplot(page_evaluation());
  EXPECT_EQ(what_is_not_well_formed(page), "");
  EXPECT_THAT(page, AllOf(HasSubstr("gnuplot-nox"), HasSubstr("Points that both is ahead"), Not(HasSubstr("<svg"))));
}

// One model, one level, nothing else: parts without content are left out, not empty.
TEST(SmallEvaluationPage, LeavesOutWhatThereIsNot) {
  Evaluation evaluation = page_evaluation();
  evaluation.rows.resize(1);
  evaluation.rows[0].probabilities.clear();
  evaluation.conditions.resize(1);
  evaluation.noises.erase(1);
  evaluation.fusion = nullptr;
  evaluation.worst.clear();
  evaluation.models = nullptr;
  evaluation.speakers.assign(evaluation.words.size(), "");
  const std::string page = page_of(evaluation);
  EXPECT_EQ(what_is_not_well_formed(page), "");
  EXPECT_THAT(page, AllOf(Not(HasSubstr("id=\"ahead\"")), Not(HasSubstr("id=\"fusion\"")),
                          Not(HasSubstr("id=\"clips\"")), Not(HasSubstr("href=\"#clips\"")),
                          HasSubstr("All clips are of one speaker"), Not(HasSubstr("Reliability"))));
}

}  // namespace
}  // namespace avsr::pipeline
