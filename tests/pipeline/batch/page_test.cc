#include "pipeline/batch/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "io/temporary_folder.h"
#include "io/video_writer.h"
#include "pipeline/batch/mouth_path.h"
#include "pipeline/batch/pictures.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Transcript two_words() {
  Transcript transcript;
  transcript.media.path = "talks/<one> & \"two\".mp4";
  transcript.media.has_video = true;
  transcript.frames = 50;
  transcript.words.push_back({{"<b>red", 0.4, 0.8, 0.93}});
  transcript.words.push_back({{"unknown", 1.2, 1.5, 0.2}, true});
  transcript.words.push_back({{"blue", 1.5, 1.8, 0.3}});
  transcript.words[2].alternatives = {{"blue", 0.3}, {"green", 0.2}};
  return transcript;
}

TEST(TranscriptPage, ShowsWordsWithTimesAndAsksForNothingButTheFile) {
  MouthPath mouth;
  mouth.crops = {2, 8, 8, std::vector<uint8_t>(128, 90)};
  mouth.crop_frames = {0, 25};
  const std::string page = transcript_page(two_words(), mouth, "../a%20b.mp4");
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;b&gt;red"), Not(HasSubstr("<b>red")), HasSubstr("data-start=\"0.400\""),
                          HasSubstr("or green 0.20"), HasSubstr("src=\"../a%20b.mp4\""), HasSubstr("mouth at 1.00 s")));
  EXPECT_THAT(page, AllOf(HasSubstr("class=\"word unsure\""), HasSubstr("class=\"word unknown\"")));
  const std::regex asked("(src|href)=\"([^\"]*)\"");
  for (std::sregex_iterator it(page.begin(), page.end(), asked), end; it != end; ++it) {
    const std::string url = (*it)[2];
    EXPECT_TRUE(url.starts_with("data:") || url.starts_with("#") || url == "../a%20b.mp4") << url;
  }
  EXPECT_THAT(transcript_page({}, {}, "x.wav"), AllOf(HasSubstr("<audio"), HasSubstr("No word was recognised")));
}

TEST(TranscriptPage, PointsToTheFileFromItsOwnFolder) {
  EXPECT_EQ(relative_url("/data/talks/a b#1.mp4", "/data/text/x/a.html"), "../../talks/a%20b%231.mp4");
  EXPECT_EQ(relative_url("/data/text/\xc3\xa4.page.mp4", "/data/text/\xc3\xa4.html"), "%C3%A4.page.mp4");
}

TEST(TranscriptPage, KnowsWhatBrowsersPlay) {
  io::MediaInfo media;
  media.has_video = media.has_audio = true;
  media.path = "a.mp4";
  media.format = "mov,mp4,m4a,3gp,3g2,mj2";
  media.video_codec = "h264";
  media.audio_codec = "aac";
  media.pixel_format = "yuv420p";
  EXPECT_TRUE(browsers_play(media));
  media.pixel_format = "yuv422p10le";
  EXPECT_FALSE(browsers_play(media));
  media.pixel_format = "yuv420p";
  media.video_codec = "mpeg4";
  EXPECT_FALSE(browsers_play(media));
  media.format = "matroska,webm";
  media.video_codec = "vp9";
  media.audio_codec = "opus";
  EXPECT_FALSE(browsers_play(media)) << "an mkv";
  media.path = "a.webm";
  EXPECT_TRUE(browsers_play(media));
}

// A file that browsers do not play gets a copy beside its page; the mouth of a fixed box is where the box is.
TEST(Pictures, AreWrittenBesideTheTexts) {
  const io::TemporaryFolder folder;
  io::Frames frames{30, 48, 64, {}};
  frames.pixels.assign(frames.frame_size() * 30, 90);
  io::VideoWriterOptions options;
  options.width = 64;
  options.height = 48;
  options.layout = io::PixelLayout::kGrey;
  io::write_video(folder / "in.mp4", frames, {}, options);
  PictureSettings settings;
  settings.overlay = settings.page = true;
  settings.crop.emplace();
  settings.crop->method = "fixed";
  settings.crop->box = {4, 6, 24, 24};
  Transcript transcript = two_words();
  transcript.media.path = folder / "in.mp4";
  transcript.media.format = "avi";
  EXPECT_THAT(draw_pictures(transcript, folder / "out/in", settings),
              ElementsAre(".overlay.mp4", ".page.mp4", ".html"));
  for (const char* ending : {".overlay.mp4", ".page.mp4", ".html"})
    EXPECT_TRUE(fs::exists(folder / ("out/in" + std::string(ending)))) << ending;
  const MouthPath mouth = follow_mouth(folder / "in.mp4", *settings.crop, nullptr, 10);
  ASSERT_EQ(mouth.poses.size(), 30u);
  EXPECT_EQ(mouth.poses[0]->centre_x, 6 + 11.5);
  EXPECT_EQ(mouth.crops.count, 8) << "every fourth of 30";
  EXPECT_THAT(mouth.crop_frames, ElementsAre(0, 4, 8, 12, 16, 20, 24, 28));
}

}  // namespace
}  // namespace avsr::pipeline
