// Files made by our own writer: count, grey values, orientation, rates, parts. Files of many kinds are in
// media_formats_test.cc.
#include "io/media_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "io/video_writer.h"
#include "tests/io/clapper.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

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

}  // namespace
}  // namespace avsr::io
