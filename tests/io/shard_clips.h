// Made-up clips, and shards of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/shards.h"
#include "tests/io/clapper.h"

namespace avsr::io {

inline Clip make_clip(const std::string& key, int frames = 5, const std::string& split = "train", int height = 24,
                      int width = 20) {
  Clip clip;
  clip.key = key;
  clip.split = split;
  clip.speaker = "s1";
  clip.label = "ABOUT";
  clip.words = {{"ABOUT", 0.25, 0.75}, {"Ünicode \"quoted\"", 0.75, 1.0}};
  clip.source_fps = 29.97;
  clip.quality = {"tracked", "few_faces", frames, 1, 2};
  clip.mouth = {frames, height, width, {}};
  const size_t seed = std::hash<std::string>{}(key) % 100;
  for (int t = 0; t < frames; ++t) {
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        clip.mouth.pixels.push_back(
            static_cast<uint8_t>((seed + static_cast<size_t>(t * 3 + row * 2 + column)) % 200 + 20));
      }
    }
  }
  clip.audio = tone(frames * 0.04, 200 + static_cast<double>(seed));
  return clip;
}

inline void write_clips(const std::string& folder, const std::vector<Clip>& clips, uint64_t max_bytes = 256 << 20) {
  ShardWriter writer(folder, "train", {max_bytes});
  for (const Clip& clip : clips) writer.add(clip);
  writer.finish();
}

inline std::vector<Clip> some_clips(int count) {
  std::vector<Clip> clips;
  for (int i = 0; i < count; ++i)
    clips.push_back(make_clip("clip_" + std::to_string(i), 3 + i % 4, i % 3 ? "train" : "test"));
  return clips;
}

}  // namespace avsr::io
