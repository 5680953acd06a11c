// Atomic files, sound files, images and subtitles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/stat.h>

#include "io/atomic_file.h"
#include "io/image_file.h"
#include "io/sound_file.h"
#include "tests/io/clapper.h"
#include "tests/io/support.h"

namespace avsr::io {
namespace {

using testing::HasSubstr;

int files_in(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(AtomicFile, ReplacesWholeFilesAndMakesFolders) {
  const TemporaryFolder folder;
  const std::string path = folder / "a/b/c.txt";
  write_file_atomically(path, "first");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_text_file(path), "second");
  EXPECT_EQ(files_in(folder / "a/b"), 1);
}

TEST(AtomicFile, UncommittedLeavesNothingAndTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.txt";
  write_file_atomically(path, "old");
  {
    const AtomicFile file(path);
    std::ofstream(file.temporary_path()) << "half";
    EXPECT_EQ(files_in(folder.path()), 2);
  }
  EXPECT_EQ(read_text_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(AtomicFile, WhatDeadProcessesLeftIsRemoved) {
  const TemporaryFolder folder;
  const AtomicFile living(folder / "x.txt");
  std::ofstream(living.temporary_path()) << "being written";
  std::ofstream(folder / ".tmp-999999999-3-x.txt") << "half";  // no process has such a number
  std::ofstream(folder / ".tmp-notes") << "not one of ours";
  remove_abandoned_temporaries(folder.path());
  EXPECT_EQ(files_in(folder.path()), 2);
  EXPECT_TRUE(std::filesystem::exists(living.temporary_path()));
  EXPECT_TRUE(std::filesystem::exists(folder / ".tmp-notes"));
  remove_abandoned_temporaries(folder / "absent");
}

TEST(AtomicFile, FullDiskAndBadPlacesAreErrorsNamingTheFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of<std::runtime_error>([&] { write_file_atomically(folder.path(), "x"); }),
              HasSubstr(folder.path()));
  write_file_atomically(folder / "file", "x");
  EXPECT_THAT(error_of<std::runtime_error>([&] { write_file_atomically(folder / "file/y", "x"); }),
              HasSubstr("file/y"));
  EXPECT_THAT(error_of<std::runtime_error>([&] { read_text_file(folder / "none"); }), HasSubstr("none"));
  EXPECT_THAT(error_of<std::runtime_error>([&] { read_binary_file(folder.path()); }), HasSubstr("directory"));
}

TEST(SoundFile, WavRoundTrip) {
  const TemporaryFolder folder;
  const Waveform audio = tone(0.5, 440);
  write_wav(folder / "a.wav", audio);
  const Waveform back = read_sound(folder / "a.wav");
  ASSERT_EQ(back.samples.size(), audio.samples.size());
  for (size_t i = 0; i < audio.samples.size(); ++i) ASSERT_NEAR(back.samples[i], audio.samples[i], 0.5 / 32768 + 1e-7);
}

TEST(SoundFile, FlacInMemoryRoundTripAndClipping) {
  Waveform audio = tone(1, 300, 0.9);
  audio.samples[10] = 1.5f;
  audio.samples[11] = -1.5f;
  const std::vector<uint8_t> bytes = encode_flac(audio);
  const Waveform back = decode_flac(bytes);
  ASSERT_EQ(back.samples.size(), audio.samples.size());
  EXPECT_FLOAT_EQ(back.samples[10], 32767.f / 32768);
  EXPECT_FLOAT_EQ(back.samples[11], -1.f);
  for (size_t i = 12; i < audio.samples.size(); ++i) ASSERT_NEAR(back.samples[i], audio.samples[i], 0.5 / 32768 + 1e-7);
  EXPECT_EQ(encode_flac(back), bytes) << "16-bit values must survive exactly";
  EXPECT_LT(bytes.size(), audio.samples.size() * 2);
}

TEST(SoundFile, NoFlacOfNothing) { EXPECT_THROW(encode_flac(Waveform{}), std::invalid_argument); }

// Written with libsndfile directly: stereo at 44.1 kHz, whose average has a known sine at 16 kHz.
TEST(SoundFile, MixesAndResamplesInPlace) {
  const TemporaryFolder folder;
  const std::string path = folder / "stereo.wav";
  const int rate = 44100, frames = 44100;
  const Waveform left = tone(1, 500, 0.8, rate);
  std::vector<float> both(static_cast<size_t>(frames) * 2);
  for (size_t i = 0; i < left.samples.size(); ++i) {
    both[2 * i] = left.samples[i];
    both[2 * i + 1] = left.samples[i] / 2;
  }
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = 2;
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr);
  sf_writef_float(file, both.data(), frames);
  sf_close(file);
  const Waveform audio = read_sound(path), expected = tone(1, 500, 0.6);
  ASSERT_EQ(audio.samples.size(), expected.samples.size());
  for (size_t i = 200; i + 200 < expected.samples.size(); ++i)
    ASSERT_NEAR(audio.samples[i], expected.samples[i], 2e-3) << i;
  double last = 0;  // the filter's tail has been flushed
  for (size_t i = 15984; i < 16000; ++i) last = std::max(last, std::fabs(static_cast<double>(audio.samples[i])));
  EXPECT_GT(last, 0.2);
}

TEST(SoundFile, BrokenFilesAreErrorsNamingTheFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "text.wav", "not a sound");
  for (const std::string name : {"text.wav", "missing.wav", ""}) {
    EXPECT_THAT(error_of<std::runtime_error>([&] { read_sound(folder / name); }), HasSubstr(folder / name));
  }
  std::vector<uint8_t> flac = encode_flac(tone(1, 300));
  flac.resize(flac.size() / 2);
  EXPECT_THAT(error_of<std::runtime_error>([&] { decode_flac(flac, "shard: clip 7"); }), HasSubstr("shard: clip 7"));
  EXPECT_THROW(decode_flac({}, "none"), std::runtime_error);
}

TEST(ImageFile, JpegOfQuality95StaysClose) {
  std::vector<uint8_t> pixels(96 * 96);
  for (int i = 0; i < 96 * 96; ++i)
    pixels[i] = static_cast<uint8_t>(128 + 60 * std::sin(i % 96 * 0.1) * std::cos(i / 96 * 0.08));
  const Image image = decode_image(encode_grey_jpeg(pixels.data(), 96, 96), 1);
  ASSERT_EQ(image.height, 96);
  ASSERT_EQ(image.width, 96);
  for (size_t i = 0; i < pixels.size(); ++i) ASSERT_NEAR(image.pixels[i], pixels[i], 6);
}

TEST(ImageFile, PngKeepsColours) {
  const TemporaryFolder folder;
  Image image{4, 5, 3, {}};
  for (int i = 0; i < 60; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 4));
  write_image(folder / "a.png", image);
  EXPECT_EQ(decode_image(read_binary_file(folder / "a.png"), 3).pixels, image.pixels);
  EXPECT_THROW(write_image(folder / "a.bmp", image), std::invalid_argument);
  image.width = 6;
  EXPECT_THROW(write_image(folder / "b.png", image), std::invalid_argument);
}

TEST(ImageFile, TooHighForJpegAndGarbage) {
  const std::vector<uint8_t> column(70000, 7);
  EXPECT_THROW(encode_grey_jpeg(column.data(), 70000, 1), std::invalid_argument);
  EXPECT_NO_THROW(encode_grey_jpeg(column.data(), kMaxJpegHeight, 1));
  EXPECT_THAT(error_of<std::runtime_error>([&] { decode_image(column, 1, "some.jpg"); }), HasSubstr("some.jpg"));
  EXPECT_THROW(decode_image({}, 1), std::runtime_error);
}

}  // namespace
}  // namespace avsr::io
