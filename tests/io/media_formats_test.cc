// Files of many kinds, made by the ffmpeg program where it is installed, which is also the independent judge: count,
// grey values, alignment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "io/image_file.h"
#include "io/media_reader.h"
#include "io/video_writer.h"
#include "tests/io/clapper.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kBeepFrame = 30;  // flash and beep at 1.2 s

// A 3-second clip with a flash in frame 30 and a beep at 1.2 s; what ffmpeg then makes of it.
class MediaFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_program("ffmpeg")) return;
    write_video(clapper_, flash_frames(75, kBeepFrame), beep(3, kBeepFrame / 25.0), {.crf = 10, .audio_kbit = 128});
  }

  // Skips unless ffmpeg can make the file.
  void make(const std::string& arguments, const std::string& name) {
    file_ = folder_ / name;
    made_ = have_program("ffmpeg") && run_ffmpeg(arguments + " " + file_);
  }

  // One frame and 1 ms, as the flash can only fall on the grid.
  static void expect_in_step(const Media& media, double seconds, double audio_tolerance = 0.001) {
    EXPECT_NEAR(flash_of(media.frames) / 25.0, seconds, 0.0401);
    EXPECT_NEAR(beep_middle_of(media.audio), seconds + 0.010, audio_tolerance);
    EXPECT_EQ(media.audio.samples.size(), static_cast<size_t>(media.frames.count) * kSamplesPerFrame);
  }

  TemporaryFolder folder_;
  std::string clapper_ = folder_ / "clapper.mp4", file_;
  bool made_ = false;
};

#define NEED_FILE() \
  if (!made_) GTEST_SKIP() << "no ffmpeg program, or it lacks an encoder"

// Containers and codecs, all from the same clapper, all in step.
struct Format {
  const char* name;
  const char* codecs;
  double audio_tolerance;
};
class Formats : public MediaFiles, public testing::WithParamInterface<Format> {};

TEST_P(Formats, StayInStep) {
  make("-i " + clapper_ + " " + GetParam().codecs, GetParam().name);
  NEED_FILE();
  const Media media = read_media(file_);
  EXPECT_NEAR(media.frames.count, 75, 1);
  expect_in_step(media, 1.2, GetParam().audio_tolerance);
  EXPECT_NEAR(media.frames.frame(40)[2000], kQuiet, 3);
  EXPECT_FALSE(media.info.damaged);
}

INSTANTIATE_TEST_SUITE_P(
    All, Formats,
    testing::Values(
        Format{"copy.mkv", "-c copy", 0.0015}, Format{"a.ts", "-c:v libx264 -c:a aac", 0.001},
        Format{"a.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus", 0.0025},
        Format{"pcm.avi", "-c:v mjpeg -q:v 2 -c:a pcm_s16le", 0.001},
        Format{"a.mpg", "-c:v mpeg2video -q:v 2 -c:a mp2", 0.001},
        Format{"a.mov", "-c:v mpeg4 -q:v 2 -c:a pcm_s24le", 0.001},
        Format{"fragmented.mp4", "-c copy -movflags frag_keyframe+empty_moov", 0.070},  // no room for an edit list
        Format{"fast.mp4", "-c copy -movflags +faststart", 0.001},
        Format{"ten.mp4", "-c:v libx264 -pix_fmt yuv420p10le -c:a copy", 0.001},
        Format{"full.mp4", "-c:v libx264 -vf scale=out_range=full -color_range pc -c:a copy", 0.001},
        Format{"j444.mkv", "-c:v mjpeg -q:v 2 -pix_fmt yuvj444p -c:a flac", 0.0015},
        Format{"rgb.mkv", "-c:v ffv1 -pix_fmt bgr0 -c:a pcm_f32le", 0.0015},
        Format{"grey.mkv", "-c:v ffv1 -pix_fmt gray -c:a alac", 0.0015},
        Format{"y16.mkv", "-c:v ffv1 -pix_fmt yuv444p16le -c:a pcm_u8", 0.0015},
        Format{"yuyv.mov", "-c:v rawvideo -pix_fmt yuyv422 -c:a pcm_f64le", 0.001},
        Format{"rate48.mp4", "-c:v copy -c:a aac -ar 48000", 0.001},
        Format{"rate44.mp4", "-c:v copy -c:a aac -ar 44100", 0.001},
        Format{"rate8.mp4", "-c:v copy -c:a aac -ar 8000", 0.001},
        Format{"rate11.mkv", "-c:v copy -c:a pcm_s16le -ar 11025", 0.0015},
        Format{"rate96.mkv", "-c:v copy -c:a flac -ar 96000", 0.0015},
        Format{"surround.mp4", "-c:v copy -c:a aac -ar 48000 -ac 6 -b:a 384k", 0.001},
        Format{"hevc10.mkv",
               "-c:v libx265 -preset ultrafast -x265-params log-level=none:pools=1 -pix_fmt yuv420p10le -c:a copy",
               0.0015},
        Format{"starts_late.mkv", "-c copy -output_ts_offset 2", 0.0015},
        Format{"dropped.mp4", "-vf \"select='not(eq(mod(n,7),3))'\" -vsync vfr -c:v libx264 -c:a copy", 0.001}),
    [](const auto& format) {
      std::string name = format.param.name;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

// This muxer moves everything by two frames (a gap behind the first frame); sound and picture stay together all the
// same.
TEST_F(MediaFiles, AviStaysInStepWithItself) {
  make("-i " + clapper_ + " -c:v mpeg4 -q:v 2 -c:a libmp3lame", "a.avi");
  NEED_FILE();
  const Media media = read_media(file_);
  EXPECT_NEAR(flash_of(media.frames) / 25.0, 1.2, 0.0801);
  EXPECT_NEAR(beep_middle_of(media.audio) - 0.010, flash_of(media.frames) / 25.0, 0.020);
}

TEST_F(MediaFiles, SoundThatStartsLaterOrEarlier) {
  for (const double offset : {0.4, -0.3}) {
    make("-i " + clapper_ + " -itsoffset " + std::to_string(offset) + " -i " + clapper_ + " -map 0:v -map 1:a -c copy",
         "offset.mp4");
    NEED_FILE();
    const Media media = read_media(file_);
    EXPECT_EQ(flash_of(media.frames), kBeepFrame) << offset;
    EXPECT_NEAR(beep_middle_of(media.audio), 1.210 + offset, 0.001) << offset;
    EXPECT_EQ(media.audio.samples.size(), 75u * kSamplesPerFrame);
  }
}

// From 0.8 s on the sound's timestamps are half a second later: the hole is filled with silence.
TEST_F(MediaFiles, HolesInTheSoundAreSilence) {
  make("-i " + clapper_ + " -c:v copy -af \"asetpts='PTS+gt(T,0.8)*0.5/TB'\" -c:a pcm_s16le", "hole.mkv");
  NEED_FILE();
  const Media media = read_media(file_);
  EXPECT_EQ(flash_of(media.frames), kBeepFrame);
  EXPECT_NEAR(beep_middle_of(media.audio), 1.710, 0.0015);
  EXPECT_EQ(media.audio.samples.size(), static_cast<size_t>(media.frames.count) * kSamplesPerFrame);
}

TEST_F(MediaFiles, EightChannelsAreAveraged) {
  // The tone in one channel of eight: an eighth of it.
  make(
      "-f lavfi -i testsrc2=s=64x64:r=25:d=1 -f lavfi -i "
      "\"aevalsrc=0|0|0|0.8*sin(2*PI*440*t)|0|0|0|0:s=16000:d=1:c=7.1\" -c:v mpeg4 -c:a pcm_f32le",
      "eight.mkv");
  NEED_FILE();
  const Media media = read_media(file_);
  EXPECT_EQ(media.info.audio_channels, 8);
  ASSERT_EQ(media.audio.samples.size(), 16000u);
  const Waveform expected = tone(1, 440, 0.1);
  for (size_t i = 0; i < 16000; ++i) ASSERT_NEAR(media.audio.samples[i], expected.samples[i], 1e-4) << i;
}

// Against ffmpeg's own decoding: count, place and values.
TEST_F(MediaFiles, SamplesAreThoseOfFfmpeg) {
  make("-i " + clapper_ + " -vn -ac 1 -ar 16000 -f f32le", "golden.raw");
  NEED_FILE();
  const std::vector<uint8_t> bytes = read_binary_file(file_);
  const float* golden = reinterpret_cast<const float*>(bytes.data());
  const Media media = read_media(clapper_);
  ASSERT_EQ(media.audio.samples.size(), 48000u);
  ASSERT_GE(bytes.size() / 4, 47900u);
  for (size_t i = 0; i < std::min<size_t>(48000, bytes.size() / 4); ++i)
    ASSERT_NEAR(media.audio.samples[i], golden[i], 1e-4) << i;
}

TEST_F(MediaFiles, CoverArtIsNoVideo) {
  const std::string cover = folder_ / "cover.png";
  write_image(cover, Image{64, 64, 1, std::vector<uint8_t>(64 * 64, 120)});
  for (const std::string codecs : {"-c:a libmp3lame|mp3", "-c:a aac|m4a"}) {
    const size_t bar = codecs.find('|');
    // A picture file, not `-frames:v 1` of a generator: with that, ffmpeg 7 ends the sound after the picture.
    make("-f lavfi -i sine=f=440:r=44100:d=2 -i " + cover + " -map 0 -map 1 -c:v mjpeg -disposition:v attached_pic " +
             codecs.substr(0, bar),
         "cover." + codecs.substr(bar + 1));
    NEED_FILE();
    const Media media = read_media(file_);
    EXPECT_FALSE(media.info.has_video);
    EXPECT_EQ(media.frames.count, 0);
    EXPECT_NEAR(static_cast<double>(media.audio.samples.size()), 32000, 400);
    MediaOptions video_only;
    video_only.audio = false;
    EXPECT_THAT(error_of<std::runtime_error>([&] { read_media(file_, video_only); }), HasSubstr("holds no video"));
  }
}

TEST_F(MediaFiles, SoundAloneCountsRoundedSamples) {
  make("-f lavfi -i sine=f=440:r=44100 -t 1.2345", "alone.wav");  // 54441 samples -> 19752 (19751.8)
  NEED_FILE();
  EXPECT_EQ(read_media(file_).audio.samples.size(), 19752u);
}

TEST_F(MediaFiles, SizeChangingOnTheWayIsScaled) {
  make("-f lavfi -i color=c=white:s=64x64:r=25:d=1 -c:v libx264 -bsf:v h264_mp4toannexb", "a.ts");
  const std::string first = file_;
  make("-f lavfi -i color=c=white:s=128x96:r=25:d=1 -c:v libx264 -output_ts_offset 1", "b.ts");
  NEED_FILE();
  std::vector<uint8_t> both = read_binary_file(first), more = read_binary_file(file_);
  both.insert(both.end(), more.begin(), more.end());
  write_bytes(folder_ / "both.ts", both);
  MediaOptions options;
  options.allow_damaged = true;  // the seam has broken counters
  const Media media = read_media(folder_ / "both.ts", options);
  EXPECT_EQ(media.frames.width, 64);
  EXPECT_NEAR(media.frames.count, 50, 3);
  EXPECT_NEAR(media.frames.frame(media.frames.count - 1)[2000], 255, 2);
  EXPECT_THAT(media.info.notes, Contains(HasSubstr("another size")));
}

TEST(Grid, HasTheFramesAndSamplesItShould) {
  const char* folder = std::getenv("AVSR_GRID");
  if (!folder) GTEST_SKIP() << "AVSR_GRID does not name the GRID corpus";
  const Media media = read_media(std::string(folder) + "/s1/bbaf2n.mp4");
  EXPECT_EQ(media.frames.count, 75);
  EXPECT_EQ(media.frames.width, 360);
  EXPECT_EQ(media.frames.height, 288);
  EXPECT_EQ(media.audio.samples.size(), 48000u);
  EXPECT_EQ(media.info.audio_rate, 44100);
  EXPECT_THAT(media.info.notes, IsEmpty());
}

}  // namespace
}  // namespace avsr::io
