// Files that are not what they seem: every one gives a defined result or an error that names it, and never a silent
// half.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "io/media_reader.h"
#include "io/sound_file.h"
#include "io/video_writer.h"
#include "tests/io/clapper.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kFrames = 75;

// Noise in the frames keeps every part of the file full of video data.
Frames noisy_frames() {
  Frames frames = flash_frames(kFrames, -1);
  std::mt19937 random(3);
  for (uint8_t& pixel : frames.pixels) pixel = static_cast<uint8_t>(60 + random() % 100);
  return frames;
}

class BrokenMedia : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    write_video(*folder_ / "whole.mp4", noisy_frames(), tone(3, 440), {.preset = "ultrafast"});
    if (!have_program("ffmpeg")) return;
    const std::string in = "-i " + *folder_ / "whole.mp4" + " ";
    run_ffmpeg(in + "-c copy -movflags +faststart " + *folder_ / "fast.mp4");
    for (const std::string name : {"copy.mkv", "copy.flv", "copy.ts"}) run_ffmpeg(in + "-c copy " + *folder_ / name);
    run_ffmpeg(in + "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus " + *folder_ / "a.webm");
    run_ffmpeg(in + "-c:v mpeg4 -q:v 3 -c:a libmp3lame " + *folder_ / "a.avi");
    run_ffmpeg(in + "-vn -c:a pcm_s16le " + *folder_ / "a.wav");
    run_ffmpeg(in + "-vn -c:a flac " + *folder_ / "a.flac");
    run_ffmpeg(in + "-vn -c:a libmp3lame " + *folder_ / "a.mp3");
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string file(const std::string& name) { return *folder_ / name; }
  static void expect_error(const std::string& path, const std::string& text) {
    EXPECT_THAT(error_of<std::runtime_error>([&] { read_media(path); }), AllOf(HasSubstr(path), HasSubstr(text)));
  }

  static TemporaryFolder* folder_;
};

TemporaryFolder* BrokenMedia::folder_ = nullptr;

TEST_F(BrokenMedia, MissingFile) { expect_error(file("nothing.mp4"), "No such file"); }

TEST_F(BrokenMedia, Folder) { expect_error(folder_->path(), "is a folder"); }

TEST_F(BrokenMedia, NotARegularFile) { expect_error("/dev/null", "not a regular file"); }

TEST_F(BrokenMedia, ZeroBytes) {
  write_file_atomically(file("empty.mp4"), "");
  expect_error(file("empty.mp4"), "is empty (0 bytes)");
}

TEST_F(BrokenMedia, TextNamedMp4) {
  write_file_atomically(file("text.mp4"), "This is a letter, not a film.\n");
  expect_error(file("text.mp4"), "not a media file");
}

TEST_F(BrokenMedia, Garbage) {
  std::mt19937 random(5);
  std::vector<uint8_t> bytes(200000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  write_bytes(file("garbage.mp4"), bytes);
  expect_error(file("garbage.mp4"), "");
}

TEST_F(BrokenMedia, SubtitlesAlone) {
  write_file_atomically(file("a.srt"), "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n");
  expect_error(file("a.srt"), "neither video nor sound");
}

// A playlist that points to the network is refused, and nobody is called.
TEST_F(BrokenMedia, Playlist) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "?timeout=200000";
  write_file_atomically(file("list.ffconcat"), "ffconcat version 1.0\nfile '" + url + "'\n");
  write_file_atomically(file("list.m3u8"),
                        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n" + url + "\n#EXT-X-ENDLIST\n");
  expect_error(file("list.ffconcat"), "");
  expect_error(file("list.m3u8"), "");
  EXPECT_LT(accept(listener, nullptr, nullptr), 0) << "the reader called the network";
  close(listener);
}

TEST_F(BrokenMedia, Mp4CutBeforeItsHeader) {  // our own mp4 has its header at the end
  std::vector<uint8_t> bytes = read_binary_file(file("whole.mp4"));
  for (const double share : {0.01, 0.3, 0.9}) {
    bytes.resize(static_cast<size_t>(static_cast<double>(std::filesystem::file_size(file("whole.mp4"))) * share));
    bytes.shrink_to_fit();
    write_bytes(file("cut.mp4"), bytes);
    expect_error(file("cut.mp4"), "");
    bytes = read_binary_file(file("whole.mp4"));
  }
}

// Whatever the container: cut anywhere, it is an error, or everything is there but the last moments.
TEST_F(BrokenMedia, CutAnywhere) {
  if (!have_program("ffmpeg")) GTEST_SKIP() << "no ffmpeg program";
  int cuts = 0;
  for (const std::string name :
       {"fast.mp4", "copy.mkv", "copy.flv", "copy.ts", "a.webm", "a.avi", "a.wav", "a.flac", "a.mp3"}) {
    if (!std::filesystem::exists(file(name))) continue;
    const Media whole = read_media(file(name));
    const bool length_known = name != "copy.ts";
    const std::vector<uint8_t> bytes = read_binary_file(file(name));
    for (const double share : {0.02, 0.31, 0.7, 0.97}) {
      const std::string path = file("cut-" + name);
      write_bytes(path,
                  {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(static_cast<double>(bytes.size()) * share)});
      ++cuts;
      try {
        const Media media = read_media(path);
        const double missing = whole.audio.seconds() - media.audio.seconds();
        EXPECT_LE(missing, length_known ? 0.26 : 3.0) << name << " " << share << ": a silent half-result";
      } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
      }
    }
  }
  EXPECT_GE(cuts, 20);
}

// An end that the whole file does not reach either hides no damage.
TEST_F(BrokenMedia, CutBeforeTheEndAskedFor) {
  if (!std::filesystem::exists(file("copy.mkv"))) GTEST_SKIP() << "no ffmpeg program";
  std::vector<uint8_t> bytes = read_binary_file(file("copy.mkv"));
  bytes.resize(bytes.size() * 7 / 10);
  write_bytes(file("part-cut.mkv"), bytes);
  for (const double end : {2.8, 60.0}) {
    const Media media = read_media(file("part-cut.mkv"), {.end_seconds = end, .allow_damaged = true});
    EXPECT_TRUE(media.info.damaged) << end;
  }
  EXPECT_FALSE(read_media(file("part-cut.mkv"), {.end_seconds = 1.0, .allow_damaged = true}).info.damaged);
  EXPECT_FALSE(read_media(file("copy.mkv"), {.end_seconds = 60.0, .allow_damaged = true}).info.damaged);
}

// Cut exactly between two packets nothing is corrupt, there is only less of it.
TEST_F(BrokenMedia, CutBetweenPackets) {
  write_video(file("flat.mp4"), flash_frames(kFrames, 3), {});
  if (!have_program("ffmpeg") ||
      !run_ffmpeg("-i " + file("flat.mp4") + " -c copy -movflags +faststart " + file("flat-fast.mp4"))) {
    GTEST_SKIP() << "no ffmpeg program";
  }
  const std::vector<uint8_t> bytes = read_binary_file(file("flat-fast.mp4"));
  for (size_t missing = 1; missing < 120; ++missing) {  // a packet of these flat frames has some 20 bytes
    write_bytes(file("flat-cut.mp4"), {bytes.begin(), bytes.end() - static_cast<ptrdiff_t>(missing)});
    expect_error(file("flat-cut.mp4"), "damaged");
  }
}

TEST_F(BrokenMedia, AllowDamagedGivesWhatIsThereAndSaysSo) {
  if (!std::filesystem::exists(file("fast.mp4"))) GTEST_SKIP() << "no ffmpeg program";
  std::vector<uint8_t> bytes = read_binary_file(file("fast.mp4"));
  bytes.resize(bytes.size() / 2);
  write_bytes(file("half.mp4"), bytes);
  expect_error(file("half.mp4"), "damaged");
  MediaOptions options;
  options.allow_damaged = true;
  const Media media = read_media(file("half.mp4"), options);
  EXPECT_TRUE(media.info.damaged);
  EXPECT_THAT(media.info.notes, testing::Contains(HasSubstr("damaged")));
  EXPECT_GT(media.frames.count, kFrames / 4);
  EXPECT_LT(media.frames.count, kFrames * 3 / 4);
}

TEST_F(BrokenMedia, OverwrittenMiddle) {
  std::vector<uint8_t> bytes = read_binary_file(file("whole.mp4"));
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(bytes.size() / 3),
            bytes.begin() + static_cast<ptrdiff_t>(bytes.size() / 2), uint8_t{0});
  write_bytes(file("hole.mp4"), bytes);
  expect_error(file("hole.mp4"), "damaged");
}

// A bit flipped anywhere: an error naming the file, or media of sane size. Nothing crashes or hangs (the sanitizers
// look on).
TEST_F(BrokenMedia, RandomDamage) {
  std::mt19937 random(11);
  int errors = 0;
  for (const std::string name : {"whole.mp4", "copy.mkv", "copy.ts", "a.avi", "a.webm"}) {
    if (!std::filesystem::exists(file(name))) continue;
    const std::vector<uint8_t> whole = read_binary_file(file(name));
    for (int round = 0; round < 6; ++round) {
      std::vector<uint8_t> bytes = whole;
      for (int i = 0; i < 1 + round * 4; ++i) {
        // Half of the hits go to where headers live.
        const size_t at = i % 2                 ? random() % bytes.size()
                          : name == "whole.mp4" ? bytes.size() - 1 - random() % 3000
                                                : random() % 2000;
        bytes[at % bytes.size()] ^= static_cast<uint8_t>(1u << random() % 8);
      }
      const std::string path = file("flipped-" + name);
      write_bytes(path, bytes);
      MediaOptions options;
      options.max_bytes = 64 << 20;
      options.allow_damaged = round % 2 == 1;
      try {
        const Media media = read_media(path, options);
        EXPECT_EQ(media.frames.pixels.size(), media.frames.frame_size() * static_cast<size_t>(media.frames.count));
      } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 0);
}

TEST_F(BrokenMedia, PathsWithOddCharacters) {
  const std::string path = file("a b:c%d 'ü'.mp4");
  std::filesystem::copy(file("whole.mp4"), path);
  EXPECT_EQ(read_media(path).frames.count, kFrames);
}

TEST(VideoWriter, RefusesNonsense) {
  const TemporaryFolder folder;
  EXPECT_THROW(VideoWriter(folder / "a.mp4", {.width = 63}), std::invalid_argument);
  EXPECT_THROW(VideoWriter(folder / "a.mp4", {.fps = 0}), std::invalid_argument);
  EXPECT_THROW(VideoWriter(folder / "a.mp4", {.rotation_degrees = 45}), std::invalid_argument);
  VideoWriter writer(folder / "a.mp4", {.width = 64, .height = 64, .layout = PixelLayout::kGrey, .audio_rate = 0});
  EXPECT_THROW(writer.finish(), std::invalid_argument) << "no frames";
  const std::vector<uint8_t> pixels(64 * 64);
  writer.add_frame_at(pixels.data(), 0.5);
  EXPECT_THROW(writer.add_frame_at(pixels.data(), 0.5), std::invalid_argument);
  const float sample = 0;
  EXPECT_THROW(writer.add_samples(&sample, 1), std::invalid_argument);
}

TEST(VideoWriter, SameBytesTwiceAndNothingUnfinished) {
  const TemporaryFolder folder;
  for (const std::string name : {"a.mp4", "b.mp4"}) write_video(folder / name, flash_frames(10, 3), tone(0.4, 300));
  EXPECT_EQ(read_binary_file(folder / "a.mp4"), read_binary_file(folder / "b.mp4"));
  {
    VideoWriter writer(folder / "c.mp4", {});
  }
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 2);
}

}  // namespace
}  // namespace avsr::io
