// Captions, and their files read again by programs that are not ours.
#include "io/subtitles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/program.h"
#include "io/text_grid.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::HasSubstr;

// Markup, an arrow, white space, other alphabets; words that overlap, begin together, and have no length.
const std::vector<TimedWord> kOdd = {
    {"<b>AT&T</b>", 0.1, 0.5, 1}, {"--> \"x\"", 0.4, 0.8, 1}, {"näive\n日本", 2.5, 2.5, 1},
    {"two", 4.0, 4.4, 1},         {"words", 4.0, 4.2, 1},     {"tab\there", 7000.0004, 7000.0006, 1},
};

TEST(OneAfterTheOther, CutsWordsAtTheNextAndJoinsThoseThatBeginTogether) {
  const std::vector<TimedText> texts = one_after_the_other(kOdd);
  ASSERT_EQ(texts.size(), 5u);
  EXPECT_EQ(texts[0].end_ms, 400);
  EXPECT_EQ(texts[2].text, "näive 日本");
  EXPECT_EQ(texts[2].end_ms, 2501) << "a word without length is shown for a moment";
  EXPECT_EQ(texts[3].text, "two words");
  EXPECT_EQ(texts[3].end_ms, 4400);
  EXPECT_EQ(texts[4].start_ms, 7000000);
  EXPECT_EQ(one_after_the_other({{"b", 1, 2, 1}, {"a", 0, 3, 1}, {"", 2, 3, 1}})[0].text, "a") << "sorted by start";
}

TEST(OneAfterTheOther, NoCaptionsOverlapWhateverTheWords) {
  std::vector<TimedWord> words;
  for (int i = 0; i < 300; ++i) words.push_back({"w", (i * 37 % 100) * 0.0103, (i * 53 % 100) * 0.02, 1});
  for (const std::vector<TimedText>& texts : {one_after_the_other(words), captions_of(words, {.max_words = 1})}) {
    ASSERT_GT(texts.size(), 50u);
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_LT(texts[i].start_ms, texts[i].end_ms);
      EXPECT_LE(i > 0 ? texts[i - 1].end_ms : 0, texts[i].start_ms);
    }
  }
}

const std::vector<TimedWord> kWords = {
    {"place", 0.5, 0.8, 0.91234567}, {"<red>", 0.8, 1.2, 0.5}, {"now", 3601.5, 3602.0004, 1}};

TEST(Subtitles, Srt) {
  EXPECT_EQ(to_srt(kWords),
            "1\n00:00:00,500 --> 00:00:01,200\nplace <red>\n\n2\n01:00:01,500 --> 01:00:02,000\nnow\n\n");
}

TEST(Subtitles, VttAndTxt) {
  EXPECT_EQ(to_vtt(kWords),
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.200\nplace &lt;red&gt;\n\n01:00:01.500 --> 01:00:02.000\nnow\n\n");
  EXPECT_EQ(to_txt(kWords), "place <red>\nnow\n");
}

TEST(Subtitles, EmptyAndLongLists) {
  EXPECT_EQ(to_srt({}), "");
  EXPECT_EQ(to_vtt({}), "WEBVTT\n\n");
  std::vector<TimedWord> many;
  for (int i = 0; i < 20; ++i) many.push_back({"w", i * 0.1, i * 0.1 + 0.15, 1});  // each overlaps the next
  const std::string srt = to_srt(many);
  EXPECT_THAT(srt, HasSubstr("\n3\n00:00:01,600"));
  EXPECT_THAT(srt, HasSubstr("1\n00:00:00,000 --> 00:00:00,800\n")) << "cut where the next caption begins";
  EXPECT_THAT(srt, testing::Not(HasSubstr("\n4\n")));
}

TEST(Subtitles, TsvIsWhispers) {
  EXPECT_EQ(to_tsv({}), "start\tend\ttext\n");
  EXPECT_EQ(to_tsv({{"place\tblue", 0.5, 0.8, 1}, {"now", 0.8, 1.2004, 1}, {"soon", 9, 9.5, 1}}),
            "start\tend\ttext\n500\t1200\tplace blue now\n9000\t9500\tsoon\n");
}

// What ffprobe reads back: start and end in seconds of each caption.
std::vector<std::pair<double, double>> probed(const std::string& path) {
  const nlohmann::json json = nlohmann::json::parse(
      run_program({"ffprobe", "-v", "error", "-of", "json", "-show_packets", "-select_streams", "s", path}));
  std::vector<std::pair<double, double>> times;
  for (const auto& packet : json.at("packets")) {
    const double start = std::stod(packet.at("pts_time").get<std::string>());
    times.emplace_back(start, start + std::stod(packet.at("duration_time").get<std::string>()));
  }
  return times;
}

TEST(Subtitles, FfmpegReadsWhatIsWritten) {
  if (!have_program("ffprobe")) GTEST_SKIP() << "no ffprobe";
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.srt", to_srt(kOdd));
  write_file_atomically(folder / "a.vtt", to_vtt(kOdd));
  const std::vector<TimedText> captions = captions_of(kOdd);
  for (const char* name : {"a.srt", "a.vtt"}) {
    const auto times = probed(folder / name);
    ASSERT_EQ(times.size(), captions.size()) << name;
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(times[i].first * 1000, static_cast<double>(captions[i].start_ms), 0.5) << name;
      EXPECT_NEAR(times[i].second * 1000, static_cast<double>(captions[i].end_ms), 0.5) << name;
    }
  }
  // As text without markup, which shows that none of ours was taken for markup.
  const std::string text = run_program({"ffmpeg", "-v", "error", "-i", folder / "a.vtt", "-f", "srt", "-"});
  EXPECT_THAT(text, HasSubstr("<b>AT&T</b> --> \"x\""));
  EXPECT_THAT(text, HasSubstr("näive 日本"));
  write_file_atomically(folder / "empty.vtt", to_vtt({}));
  EXPECT_TRUE(probed(folder / "empty.vtt").empty());
}

TEST(TextGrid, IsPraatsLongTextFormat) {
  EXPECT_EQ(
      to_text_grid({{"words", one_after_the_other({{"say \"hi\"", 0.5, 0.75, 1}, {"näh", 0.75, 1, 1}})}, {"none", {}}},
                   1.2),
      R"(File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.200
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.200
        intervals: size = 4
        intervals [1]:
            xmin = 0.000
            xmax = 0.500
            text = ""
        intervals [2]:
            xmin = 0.500
            xmax = 0.750
            text = "say ""hi"""
        intervals [3]:
            xmin = 0.750
            xmax = 1.000
            text = "näh"
        intervals [4]:
            xmin = 1.000
            xmax = 1.200
            text = ""
    item [2]:
        class = "IntervalTier"
        name = "none"
        xmin = 0
        xmax = 1.200
        intervals: size = 1
        intervals [1]:
            xmin = 0.000
            xmax = 1.200
            text = ""
)");
}

TEST(TextGrid, HoldsTextsBeyondTheEndAndRefusesOverlaps) {
  EXPECT_THAT(to_text_grid({{"words", {{"late", 900, 1300}}}}, 1), HasSubstr("\nxmax = 1.300\n"));
  EXPECT_THAT(to_text_grid({}, 0), HasSubstr("\nxmax = 0.001\n"));
  EXPECT_THAT(error_of<std::invalid_argument>([] { to_text_grid({{"w", {{"a", 0, 10}, {"b", 9, 12}}}}, 1); }),
              HasSubstr("got 9-12 ms behind 10 ms"));
}

}  // namespace
}  // namespace avsr::io
