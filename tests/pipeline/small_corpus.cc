#include "tests/pipeline/small_corpus.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/shards.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

// A bar that moves down (word 0) or up (word 1), and a tone of 400 or 900 Hz; talker and take change phase and speed.
io::Clip make_clip(const std::string& key, const std::string& split, const std::string& talker, int word, int frames) {
  preprocessing::Random random(preprocessing::hash_text(key));
  io::Clip clip;
  clip.key = key;
  clip.split = split;
  clip.speaker = talker;
  clip.label = word == 0 ? "down" : "up";
  clip.source_fps = 25;
  clip.quality = {"fixed", "ok", frames, 0, 0};
  clip.mouth = {frames, kSmallCrop, kSmallCrop, {}};
  clip.mouth.pixels.assign(clip.mouth.frame_size() * static_cast<size_t>(frames), 40);
  const int offset = random.between(0, 23);
  for (int t = 0; t < frames; ++t) {
    const int row = ((word == 0 ? t : -t) + offset + 240) % kSmallCrop;
    std::fill_n(clip.mouth.frame(t) + row * kSmallCrop, kSmallCrop, uint8_t{220});
  }
  const double hertz = (word == 0 ? 400 : 900) * random.uniform(0.95, 1.05), phase = random.uniform(0, 6);
  for (int i = 0; i < frames * io::kSamplesPerFrame; ++i)
    clip.audio.samples.push_back(static_cast<float>(
        0.3 * std::sin(2 * std::numbers::pi * hertz * i / io::kSampleRate + phase) + 0.01 * random.normal()));
  return clip;
}

}  // namespace

void write_small_corpus(const std::string& folder, bool sentences, bool word_times) {
  io::ShardWriter writer(folder, "small");
  const auto add = [&](const std::string& split, const std::string& letter, int talkers, int takes) {
    for (int talker = 0; talker < talkers; ++talker)
      for (int take = 0; take < takes; ++take) {
        const std::string name = fmt::format("{}{}", letter, talker);
        io::Clip clip = make_clip(fmt::format("{}-{}-{}", split, name, take), split, name, take % 2, kSmallFrames);
        if (word_times) clip.words = {{clip.label, 0.4, 0.7}};
        writer.add(clip);
      }
  };
  add("train", "t", 4, 6);
  add("val", "v", 2, 4);
  add("test", "e", 2, 4);
  if (sentences) {
    io::Clip sentence = make_clip("sentence", "train", "t0", 0, 50);
    sentence.label.clear();
    sentence.words = {{"down", 0.2, 0.4}, {"up", 1.0, 1.2}, {"unheard", 1.5, 1.6}};
    writer.add(sentence);
  }
  writer.finish();
  io::write_file_atomically(
      folder + "/dataset.json",
      std::string_view(R"({"crop": {"method": "fixed", "top": 0, "left": 0, "height": 24, "width": 24}})"));
}

std::string small_recipe_text() {
  return R"(name: small
description: for tests
network:
  video: {frontend_width: 4, widths: [4, 4, 8, 8], blocks: [1, 1, 1, 1], embedding: 8}
  audio: {frontend_width: 4, widths: [4, 4, 8, 8], blocks: [1, 1, 1, 1], embedding: 8}
  recurrent: {layers: 1, hidden: 8, input_dropout: 0.1}
  fusion: {layers: 1, hidden: 8}
data:
  crop: 20
  size: 16
  noise: {levels_db: [10, 0]}
stages:
  - name: a-conv
    streams: audio
    back_end: temporal_conv
    train: [audio]
    rate: 3.0e-3
    decay: constant
    batch: 6
    epochs: 2
  - name: a-rec
    streams: audio
    load: [{from: a-conv, parts: [audio/frontend, audio/trunk, audio/embed]}]
    train: [audio/recurrent, audio/head]
    batch: 6
    epochs: 2
  - name: v-conv
    streams: video
    back_end: temporal_conv
    train: [video]
    batch: 6
    epochs: 1
  - name: v-rec
    streams: video
    load: [{from: v-conv, parts: [video/frontend, video/trunk, video/embed]}]
    train: [video/recurrent, video/head]
    batch: 6
    epochs: 1
  - name: join
    streams: audiovisual
    load:
      - {from: a-rec, parts: [audio/frontend, audio/trunk, audio/embed, audio/recurrent]}
      - {from: v-rec, parts: [video/frontend, video/trunk, video/embed, video/recurrent]}
    train: [fusion]
    optimizer: {kind: adamw, weight_decay: 0.01, clip_norm: 1}
    batch: 6
    epochs: 1
)";
}

Recipe small_recipe(const std::vector<std::string>& overrides) {
  return parse_recipe(small_recipe_text(), "small.yaml", overrides);
}

}  // namespace avsr::pipeline
