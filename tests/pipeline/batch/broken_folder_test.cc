// The program itself on a folder of good and broken files: what it makes, what it names, and what is left of it when it
// is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "io/atomic_file.h"
#include "io/program.h"
#include "io/temporary_folder.h"
#include "io/video_writer.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// A second of a grey picture and a tone.
void write_clip(const std::string& path, double hertz) {
  io::Frames frames{25, 64, 64, {}};
  frames.pixels.assign(frames.frame_size() * 25, 90);
  for (size_t i = 0; i < frames.pixels.size(); ++i) frames.pixels[i] = static_cast<uint8_t>(i * i >> 3);
  io::Waveform tone;
  for (int i = 0; i < io::kSampleRate; ++i)
    tone.samples.push_back(static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * hertz * i / io::kSampleRate)));
  io::VideoWriterOptions options;
  options.width = options.height = 64;
  options.layout = io::PixelLayout::kGrey;
  io::write_video(path, frames, tone, options);
}

class BrokenFolder : public testing::Test {
 protected:
  // Returns the program's exit code; 137 when it was killed after `limit` seconds.
  int transcribe(const std::string& in, const std::string& out, double limit = 0) const {
    const std::string command = fmt::format(
        "OMP_NUM_THREADS=1 {} '{}' transcribe '{}/trained/grid-s1/audio.safetensors' '{}' --out '{}' "
        "--format txt,json --device cpu --threads 1 --jobs 2 > '{}' 2>&1",
        limit > 0 ? fmt::format("timeout -s KILL {:.3f}", limit) : "", AVSR_PROGRAM, AVSR_SOURCE_DIR, in, out,
        folder_ / "said.txt");
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  json summary(const std::string& out) const { return json::parse(io::read_text_file(out + "/summary.json")); }
  // Everything but records (they hold times) and what the summary says of the run itself.
  std::map<std::string, std::string> contents(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(out))
      if (entry.is_regular_file()) files[fs::relative(entry.path(), out)] = io::read_text_file(entry.path());
    json told = json::parse(files.at("summary.json"));
    told.erase("this_run");
    files["summary.json"] = told.dump();
    return files;
  }

  const io::TemporaryFolder folder_;
};

TEST_F(BrokenFolder, TenWaysOfBeingBrokenAreNamedAndTheRestIsTranscribed) {
  if (std::system("command -v ffmpeg > /dev/null 2>&1") != 0) GTEST_SKIP() << "no ffmpeg";
  const std::string in = folder_ / "in", out = folder_ / "out";
  write_clip(in + "/good/a.mp4", 300);
  write_clip(in + "/good/b.mp4", 500);
  io::run_program({AVSR_SOURCE_DIR "/data_scripts/broken_files.sh", in + "/good/a.mp4", in + "/broken", "1"});
  EXPECT_EQ(transcribe(in, out), 1) << io::read_text_file(folder_ / "said.txt");
  const json told = summary(out);
  EXPECT_EQ(told.at("state"), "finished");
  std::map<std::string, std::string> found;
  for (const json& failure : told.at("failures")) {
    found[fs::path(failure.at("file")).stem()] = failure.at("found");
    EXPECT_NE(failure.at("expected"), "");
    EXPECT_NE(failure.at("do"), "look at it with: avsr inspect FILE") << failure.dump();
  }
  std::vector<std::string> names;
  for (const auto& [name, why] : found) names.push_back(name);
  // "sound", without a picture, is good enough for an audio model.
  EXPECT_THAT(names, ElementsAre("codec-1", "empty-1", "folder-1", "header-1", "middle-1", "silent-1", "text-1",
                                 "truncated-1", "unreadable-1"))
      << told.dump(2);
  EXPECT_THAT(found["silent-1"], HasSubstr("holds no sound"));
  EXPECT_THAT(found["folder-1"], HasSubstr("is a folder"));
  EXPECT_EQ(told.at("good"), 3);
  EXPECT_TRUE(fs::exists(out + "/good/b.txt"));
  EXPECT_TRUE(fs::exists(out + "/broken/sound-1.json"));
  EXPECT_THAT(io::read_text_file(folder_ / "said.txt"), HasSubstr("9 of 12 files failed"));
}

TEST_F(BrokenFolder, KilledRunsEndAsAnUnbrokenOne) {
  const std::string in = folder_ / "in";
  for (int i = 0; i < 24; ++i) write_clip(fmt::format("{}/s{}/clip{}.mp4", in, i % 3, i), 200 + 40 * i);
  io::write_file_atomically(in + "/broken.mp4", "no video");
  EXPECT_EQ(transcribe(in, folder_ / "whole"), 1);
  const double seconds = summary(folder_ / "whole").at("this_run").at("seconds");
  const std::string out = folder_ / "killed";
  int killed = 0;
  // The first kills come while the model is loaded; later ones between any two files.
  for (double limit = 0.1; killed < 8 && transcribe(in, out, limit) != 1; limit += 0.1 + seconds / 8) ++killed;
  EXPECT_GT(killed, 0);
  EXPECT_EQ(transcribe(in, out), 1);
  EXPECT_EQ(contents(out), contents(folder_ / "whole"));
  EXPECT_EQ(summary(out).at("good"), 24);
}

}  // namespace
}  // namespace avsr::pipeline
