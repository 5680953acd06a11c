// Whole files of many kinds: count, grey values, orientation, rates, alignment. Made by our own writer and, where it is
// installed, by the ffmpeg program, which is also the independent judge.
#include "io/media_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "io/image_file.h"
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

TEST(MediaReader, LrwFormatClip) {
  const TemporaryFolder folder;
  const std::string path = folder / "ABOUT_00001.mp4";
  write_video(path, flash_frames(29, 12, 256, 256), beep(1.16, 12 / 25.0));
  const Media media = read_media(path);
  EXPECT_EQ(media.frames.count, 29);
  EXPECT_EQ(media.frames.height, 256);
  EXPECT_EQ(media.frames.width, 256);
  EXPECT_EQ(media.audio.samples.size(), 29u * kSamplesPerFrame);
  EXPECT_EQ(flash_of(media.frames), 12);
  EXPECT_NEAR(beep_middle_of(media.audio), 12 / 25.0 + 0.010, 0.001);
  EXPECT_NEAR(media.info.source_fps, 25, 1e-6);
  EXPECT_EQ(media.info.audio_codec, "aac");
  EXPECT_EQ(media.info.audio_rate, 16000);
  EXPECT_EQ(media.info.audio_channels, 1);
  EXPECT_TRUE(media.info.has_video && media.info.has_audio && !media.info.damaged);
  EXPECT_NEAR(media.info.duration_seconds, 1.16, 0.001);
  EXPECT_THAT(media.info.notes, IsEmpty());
  for (const size_t pixel : {0u, 5000u, 65535u}) {
    EXPECT_NEAR(media.frames.frame(0)[pixel], kQuiet, 2);
    EXPECT_NEAR(media.frames.frame(12)[pixel], kFlash, 2);
  }
}

TEST(MediaReader, BlackAndWhiteAreZeroAnd255) {
  const TemporaryFolder folder;
  Frames frames = flash_frames(10, -1);
  std::fill(frames.pixels.begin(), frames.pixels.begin() + static_cast<ptrdiff_t>(frames.frame_size()) * 5, uint8_t{0});
  std::fill(frames.pixels.begin() + static_cast<ptrdiff_t>(frames.frame_size()) * 5, frames.pixels.end(), uint8_t{255});
  write_video(folder / "bw.mp4", frames, {}, {.crf = 5});
  const Media media = read_media(folder / "bw.mp4");
  ASSERT_EQ(media.frames.count, 10);
  EXPECT_NEAR(media.frames.frame(0)[100], 0, 1);
  EXPECT_NEAR(media.frames.frame(9)[100], 255, 1);
  EXPECT_FALSE(media.info.has_audio);
  EXPECT_THAT(media.audio.samples, IsEmpty());
}

TEST(MediaReader, BgrFramesBecomeTheirLuma) {
  const TemporaryFolder folder;
  VideoWriter writer(folder / "red.mp4", {.width = 64, .height = 48, .audio_rate = 0, .crf = 5});
  std::vector<uint8_t> red(64 * 48 * 3, 0);
  for (size_t i = 2; i < red.size(); i += 3) red[i] = 255;
  for (int t = 0; t < 5; ++t) writer.add_frame(red.data());
  writer.finish();
  EXPECT_NEAR(read_media(folder / "red.mp4").frames.frame(2)[1000], 76, 2);  // 0.299 x 255
}

TEST(MediaReader, ChunksAreThePiecesOfTheWhole) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.mp4";
  write_video(path, flash_frames(53, 30), beep(2.12, 1.2));
  const Media whole = read_media(path);
  MediaOptions options;
  options.chunk_frames = 7;
  MediaReader reader = MediaReader::open(path, options);
  MediaChunk chunk;
  std::vector<uint8_t> pixels;
  std::vector<float> samples;
  int64_t frames = 0;
  while (reader.next_chunk(chunk)) {
    EXPECT_EQ(chunk.first_frame, frames);
    EXPECT_LE(chunk.frames.count, 7);
    EXPECT_EQ(chunk.audio.samples.size(), static_cast<size_t>(chunk.frames.count) * kSamplesPerFrame);
    frames += chunk.frames.count;
    pixels.insert(pixels.end(), chunk.frames.pixels.begin(), chunk.frames.pixels.end());
    samples.insert(samples.end(), chunk.audio.samples.begin(), chunk.audio.samples.end());
  }
  EXPECT_FALSE(reader.next_chunk(chunk));
  EXPECT_EQ(frames, 53);
  EXPECT_EQ(pixels, whole.frames.pixels);
  EXPECT_EQ(samples, whole.audio.samples);
}

TEST(MediaReader, PartsAndSoundAlone) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.mp4";
  write_video(path, flash_frames(50, 30), beep(3, 2.5));
  MediaOptions options;
  options.start_seconds = 0.4;
  options.end_seconds = 1.6;
  const Media part = read_media(path, options);
  EXPECT_EQ(part.frames.count, 30);
  EXPECT_EQ(flash_of(part.frames), 20);
  EXPECT_EQ(part.audio.samples.size(), 30u * kSamplesPerFrame);

  const Media cut = read_media(path);
  EXPECT_EQ(cut.audio.samples.size(), 50u * kSamplesPerFrame);
  EXPECT_THAT(cut.info.notes, Contains(HasSubstr("sound goes on 1.00 s beyond the video")));
  MediaOptions sound_only;
  sound_only.video = false;
  const Media sound = read_media(path, sound_only);
  EXPECT_EQ(sound.frames.count, 0);
  EXPECT_NEAR(static_cast<double>(sound.audio.samples.size()), 48000, 1100);  // the encoder fills its last block
  EXPECT_NEAR(beep_middle_of(sound.audio), 2.51, 0.001);

  options.start_seconds = 5;
  options.end_seconds.reset();
  EXPECT_THAT(error_of<std::runtime_error>([&] { read_media(path, options); }), HasSubstr("beyond its end"));
}

TEST(MediaReader, ShortSoundIsFilledWithSilence) {
  const TemporaryFolder folder;
  write_video(folder / "a.mp4", flash_frames(50, 30), beep(1, 0.5));
  const Media media = read_media(folder / "a.mp4");
  EXPECT_EQ(media.audio.samples.size(), 50u * kSamplesPerFrame);
  EXPECT_EQ(media.audio.samples.back(), 0.f);
  EXPECT_THAT(media.info.notes, Contains(HasSubstr("silence added")));
}

TEST(MediaReader, SeekingFindsTheSameFrames) {
  const TemporaryFolder folder;
  const std::string path = folder / "long.mp4";
  write_video(path, flash_frames(25 * 40, 25 * 30), beep(40, 30), {.preset = "ultrafast"});
  MediaOptions options;
  options.start_seconds = 29;
  options.end_seconds = 31;
  const Media media = read_media(path, options);
  EXPECT_EQ(media.frames.count, 50);
  EXPECT_EQ(flash_of(media.frames), 25);
  EXPECT_NEAR(beep_middle_of(media.audio), 1.010, 0.001);
  MediaOptions threads;
  threads.threads = 2;
  EXPECT_EQ(flash_of(read_media(path, threads).frames), 25 * 30);
}

TEST(MediaReader, VariableFrameRateShowsWhatIsOnScreen) {
  const TemporaryFolder folder;
  const std::string path = folder / "vfr.mp4";
  VideoWriter writer(path, {.width = 64, .height = 64, .layout = PixelLayout::kGrey, .audio_rate = 0, .crf = 5});
  // Grey value = 10 x number of the frame; the last one lasts 40 ms.
  const std::vector<double> times = {0, 0.040, 0.100, 0.110, 0.300, 0.320};
  for (size_t i = 0; i < times.size(); ++i) {
    const std::vector<uint8_t> pixels(64 * 64, static_cast<uint8_t>(20 + 30 * i));
    writer.add_frame_at(pixels.data(), times[i]);
  }
  writer.finish();
  const Media media = read_media(path);
  // Frame k at 0, 40, 80, …, 320 ms shows source frame:
  const std::vector<int> shown = {0, 1, 1, 3, 3, 3, 3, 3, 5};
  ASSERT_EQ(media.frames.count, static_cast<int>(shown.size()));
  for (size_t k = 0; k < shown.size(); ++k)
    EXPECT_NEAR(media.frames.frame(static_cast<int>(k))[2000], 20 + 30 * shown[k], 4) << k;
}

TEST(MediaReader, ThirtyAFrameAndOtherRates) {
  const TemporaryFolder folder;
  for (const double fps : {24.0, 29.97, 30.0, 50.0, 60.0, 12.5}) {
    const std::string path = folder / "fps.mp4";
    const int count = static_cast<int>(std::lround(2 * fps)), flash = static_cast<int>(std::lround(1.2 * fps));
    Frames frames = flash_frames(count, flash);
    if (fps > 25)
      std::copy_n(frames.frame(flash), frames.frame_size(),
                  frames.frame(flash + 1));  // longer than one frame of the grid
    write_video(path, frames, beep(2, flash / fps), {.fps = fps});
    const Media media = read_media(path);
    EXPECT_EQ(media.frames.count, 50) << fps;
    EXPECT_NEAR(media.info.source_fps, fps, 0.01);
    EXPECT_THAT(media.info.notes, Contains(HasSubstr("video resampled from")));
    EXPECT_NEAR(flash_of(media.frames) / 25.0, flash / fps, 0.0401) << fps;
    EXPECT_NEAR(beep_middle_of(media.audio), flash / fps + 0.010, 0.001) << fps;
  }
}

TEST(MediaReader, TurnsRotatedPictures) {
  const TemporaryFolder folder;
  const int height = 48, width = 64;
  Frames frames{5, height, width, {}};
  for (int i = 0; i < 5 * height * width; ++i) {  // bright top left quarter, middle grey top right
    const int row = i / width % height, column = i % width;
    frames.pixels.push_back(row < height / 2 ? (column < width / 2 ? 230 : 120) : 20);
  }
  // Value of the displayed picture's corners: top left, top right, bottom left.
  const std::vector<std::vector<int>> corners = {{230, 120, 20}, {20, 230, 20}, {20, 20, 120}, {120, 20, 230}};
  for (int quarter = 0; quarter < 4; ++quarter) {
    write_video(folder / "turn.mp4", frames, {}, {.crf = 5, .rotation_degrees = 90 * quarter});
    const Media media = read_media(folder / "turn.mp4");
    const int h = quarter % 2 ? width : height, w = quarter % 2 ? height : width;
    ASSERT_EQ(media.info.rotation_degrees, 90 * quarter);
    ASSERT_EQ(media.frames.height, h);
    ASSERT_EQ(media.frames.width, w);
    ASSERT_EQ(media.info.width, w);
    const uint8_t* picture = media.frames.frame(2);
    EXPECT_NEAR(picture[8 * w + 8], corners[quarter][0], 4) << quarter;
    EXPECT_NEAR(picture[8 * w + w - 8], corners[quarter][1], 4) << quarter;
    EXPECT_NEAR(picture[(h - 8) * w + 8], corners[quarter][2], 4) << quarter;
    // The judge: ffmpeg turns the picture by itself.
    if (!have_program("ffmpeg") ||
        !run_ffmpeg("-i " + folder / "turn.mp4" + " -frames:v 1 -pix_fmt gray -f rawvideo " + folder / "turn.raw"))
      continue;
    const std::vector<uint8_t> expected = read_binary_file(folder / "turn.raw");
    ASSERT_EQ(expected.size(), media.frames.frame_size());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(media.frames.frame(0)[i], expected[i], 1) << quarter << " " << i;
  }
}

TEST(MediaReader, RefusesBadOptions) {
  MediaOptions options;
  options.video = options.audio = false;
  EXPECT_THROW(read_media("x.mp4", options), std::invalid_argument);
  options = {};
  options.start_seconds = -1;
  EXPECT_THROW(read_media("x.mp4", options), std::invalid_argument);
  options = {};
  options.end_seconds = 0;
  EXPECT_THROW(read_media("x.mp4", options), std::invalid_argument);
  options = {};
  options.chunk_frames = 0;
  EXPECT_THROW(read_media("x.mp4", options), std::invalid_argument);
}

TEST(MediaReader, RefusesWhatDoesNotFitInMemory) {
  const TemporaryFolder folder;
  write_video(folder / "a.mp4", flash_frames(50, 3), {});
  MediaOptions options;
  options.max_bytes = 100000;
  EXPECT_THAT(error_of<std::runtime_error>([&] { read_media(folder / "a.mp4", options); }), HasSubstr("in chunks"));
}

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
    testing::Values(Format{"copy.mkv", "-c copy", 0.0015}, Format{"a.ts", "-c:v libx264 -c:a aac", 0.001},
                    Format{"a.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus", 0.0025},
                    Format{"pcm.avi", "-c:v mjpeg -q:v 2 -c:a pcm_s16le", 0.001},
                    Format{"a.mpg", "-c:v mpeg2video -q:v 2 -c:a mp2", 0.001},
                    Format{"a.mov", "-c:v mpeg4 -q:v 2 -c:a pcm_s24le", 0.001},
                    Format{"fragmented.mp4", "-c copy -movflags frag_keyframe+empty_moov",
                           0.070},  // no room for an edit list
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
                    Format{"rate8.mp4", "-c:v copy -c:a aac -ar 8000", 0.001}),
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
