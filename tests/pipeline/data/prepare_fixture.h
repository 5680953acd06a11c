// A small corpus of drawn faces on disk, for the tests of `prepare`.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "data_scripts/drawn_face.h"
#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "io/video_writer.h"
#include "pipeline/data/prepare.h"
#include "tests/small_files.h"

namespace avsr::pipeline {

namespace fs = std::filesystem;
using nlohmann::json;
using tests::failure_of;
using tests::put;

// A face that opens and closes its mouth over a hum, `frames` long.
inline void write_face(const fs::path& path, uint64_t seed, int frames) {
  preprocessing::Random random(seed);
  const data_scripts::DrawnFace face(random);
  io::Frames pictures{frames, 256, 256, {}};
  pictures.pixels.resize(pictures.frame_size() * frames);
  for (int t = 0; t < frames; ++t) face.draw({0.5 + 0.5 * std::sin(t * 0.7), 0.5}, {}, 0, pictures.frame(t));
  io::Waveform hum;
  hum.samples.resize(static_cast<size_t>(frames) * io::kSamplesPerFrame);
  for (size_t i = 0; i < hum.samples.size(); ++i) hum.samples[i] = 0.2f * std::sin(0.1f * static_cast<float>(i));
  fs::create_directories(path.parent_path());
  io::VideoWriterOptions options;
  options.layout = io::PixelLayout::kGrey;
  options.preset = "ultrafast";
  io::write_video(path.string(), pictures, hum, options);
}

inline json read_json(const fs::path& path) { return json::parse(io::read_text_file(path.string())); }

inline std::map<std::string, std::string> files_of(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), root)] = io::read_text_file(entry.path());
  }
  return files;
}

// Two words, five training clips, one test clip, one file that is no video.
class Prepare : public testing::Test {
 protected:
  void SetUp() override {
    corpus = folder / "corpus";
    for (int n = 1; n <= 3; ++n) write_face(corpus / "YES/train" / ("YES_0000" + std::to_string(n) + ".mp4"), n, 29);
    for (int n = 1; n <= 2; ++n) write_face(corpus / "NO/train" / ("NO_0000" + std::to_string(n) + ".mp4"), 10 + n, 29);
    write_face(corpus / "NO/test/NO_00001.mp4", 20, 29);
    put(corpus / "NO/train/NO_00002.txt", "Duration: 0.5 seconds\nSpeaker: ann\n");
    put(corpus / "NO/train/NO_00003.mp4", "this is no video");
    options.corpus = corpus.string();
    options.out = out("data");
    options.clips_per_shard = 2;
  }
  std::string out(const std::string& name) const { return folder / name; }

  io::TemporaryFolder folder;
  fs::path corpus;
  PrepareOptions options;
};

}  // namespace avsr::pipeline
