// Narrow networks and random batches for the tests of models/.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "models/network.h"
#include "tests/models/test_backend.h"

namespace avsr::models {

inline NetworkConfig narrow_config(Streams streams, BackEnd back_end = BackEnd::recurrent,
                                   backend::Cell cell = backend::Cell::lstm) {
  NetworkConfig c;
  c.streams = streams;
  c.back_end = back_end;
  c.video = {.crop = 24, .frontend_width = 8, .widths = {8, 16}, .blocks = {1, 1}, .embedding = 16};
  c.audio.frontend_width = 8;
  c.audio.widths = {8, 8, 16, 16};
  c.audio.blocks = {1, 1, 1, 1};
  c.audio.embedding = 16;
  c.recurrent = {.cell = cell, .layers = 2, .hidden = 8};
  c.fusion = c.recurrent;
  c.ms_tcn = {.branch_width = 8, .blocks = 2};
  c.labels = 4;
  return c;
}

// MFCC and DCT coefficients joined into the fusion.
inline NetworkConfig hand_made_config() {
  NetworkConfig c = narrow_config(Streams::audiovisual, BackEnd::none);
  c.audio.input = AudioConfig::Input::mfcc;
  c.audio.mfcc_features = 6;
  c.video.input = VideoConfig::Input::dct;
  c.video.dct_coefficients = 5;
  return c;
}

class NetworkFixture : public ::testing::Test {
 protected:
  // Clips of these many frames, padded to `padded` frames with noise that must not matter.
  Inputs random_inputs(const NetworkConfig& c, const backend::Lengths& frames, int padded, uint32_t seed = 1) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    const int64_t clips = static_cast<int64_t>(frames.size());
    Inputs inputs;
    if (c.streams != Streams::audio && c.video.input == VideoConfig::Input::dct) {
      const backend::Shape shape{clips, padded, c.video.features()};
      std::vector<float> features(static_cast<size_t>(shape.count()));
      for (float& f : features) f = normal(engine);
      inputs.video = backend_->from_values(shape, features);
      inputs.frames = frames;
    } else if (c.streams != Streams::audio) {
      std::vector<uint8_t> pixels(static_cast<size_t>(clips * padded * c.video.crop * c.video.crop));
      for (uint8_t& p : pixels) p = static_cast<uint8_t>(engine() >> 24);
      backend_->resize(inputs.video, {clips, padded, c.video.crop, c.video.crop}, backend::DType::u8);
      backend_->upload(pixels.data(), inputs.video);
      inputs.video_scale.assign(frames.size(), 1 / 60.0f);
      inputs.video_shift.assign(frames.size(), -2.0f);
      inputs.frames = frames;
    }
    if (c.streams != Streams::video) {
      const bool mfcc = c.audio.input == AudioConfig::Input::mfcc;
      const backend::Shape shape =
          mfcc ? backend::Shape{clips, 4 * padded, c.audio.mfcc_features} : backend::Shape{clips, 640 * padded};
      std::vector<float> sound(static_cast<size_t>(shape.count()));
      for (float& s : sound) s = normal(engine);
      inputs.audio = backend_->from_values(shape, sound);
      for (int n : frames) inputs.samples.push_back(n * (mfcc ? 4 : 640));
    }
    if (c.word_boundary) {
      std::vector<float> inside(static_cast<size_t>(clips * padded));
      for (size_t b = 0; b < frames.size(); ++b)
        for (int t = frames[b] / 3; t < frames[b] / 2; ++t)
          inside[b * static_cast<size_t>(padded) + static_cast<size_t>(t)] = 1;
      cut_boundary(inputs, frames, inside, padded);
    }
    return inputs;
  }

  // (B, T, 1), T the longest clip.
  void cut_boundary(Inputs& inputs, const backend::Lengths& frames, const std::vector<float>& inside, int padded) {
    const int steps = *std::max_element(frames.begin(), frames.end());
    std::vector<float> cut;
    for (size_t b = 0; b < frames.size(); ++b) {
      const auto row = inside.begin() + static_cast<std::ptrdiff_t>(b) * padded;
      cut.insert(cut.end(), row, row + steps);
    }
    inputs.word_boundary = backend_->from_values({static_cast<int64_t>(frames.size()), steps, 1}, cut);
  }

  // Clip b of a batch as a batch of its own, without padding.
  Inputs one_clip(const Inputs& batch, size_t b) {
    Inputs one;
    const int64_t index = static_cast<int64_t>(b);
    if (batch.video.shape.rank() == 3) {
      one.video = first_rows(batch.video, index, batch.frames[b]);
      one.frames = {batch.frames[b]};
    } else if (!batch.video.empty()) {
      const auto& s = batch.video.shape;
      std::vector<uint8_t> pixels(static_cast<size_t>(s.count()));
      backend_->download(batch.video, pixels.data());
      backend_->resize(one.video, {1, batch.frames[b], s[2], s[3]}, backend::DType::u8);
      backend_->upload(pixels.data() + index * s[1] * s[2] * s[3], one.video);
      one.video_scale = {batch.video_scale[b]};
      one.video_shift = {batch.video_shift[b]};
      one.frames = {batch.frames[b]};
    }
    if (!batch.audio.empty()) {
      one.audio = first_rows(batch.audio, index, batch.samples[b]);
      one.samples = {batch.samples[b]};
    }
    if (!batch.word_boundary.empty()) {
      const auto all = backend_->values(batch.word_boundary);
      const int64_t steps = batch.word_boundary.shape[1];
      const int valid = batch.frames.empty() ? batch.samples[b] / 640 : batch.frames[b];
      one.word_boundary = backend_->from_values(
          {1, valid, 1}, std::span(all).subspan(static_cast<size_t>(index * steps), static_cast<size_t>(valid)));
    }
    return one;
  }

  // Of (B, N, …) values: of clip `index` the first `rows`, as (1, rows, …).
  backend::Tensor first_rows(const backend::Tensor& batch, int64_t index, int rows) {
    const auto values = backend_->values(batch);
    const int64_t clip = batch.shape.count() / batch.shape[0];
    backend::Shape shape = batch.shape;
    shape[0] = 1;
    shape[1] = rows;
    return backend_->from_values(shape, std::span<const float>(values).subspan(static_cast<size_t>(index * clip),
                                                                               static_cast<size_t>(shape.count())));
  }

  // Moves batch-norm parameters and statistics away from 1 and 0, which would hide mistakes.
  void perturb(layers::ParameterArena& arena) {
    std::mt19937 engine(5);
    std::uniform_real_distribution<float> uniform(-0.3f, 0.3f);
    for (layers::Parameter* p : arena.all()) {
      if (p->value.shape.rank() != 1) continue;
      auto values = backend_->values(p->value);
      for (float& v : values) v += uniform(engine);
      backend_->upload(values.data(), p->value);
    }
    arena.touch();
  }

  std::unique_ptr<backend::Backend> backend_ = backend::test::make_test_backend();
};

// Adam on everything that trains.
class Trainer {
 public:
  explicit Trainer(backend::Backend& backend) : backend_(backend) {}

  // One step; returns the mean loss before it.
  double step(Network& network, const Inputs& inputs, const std::vector<int>& labels, float rate = 1e-2f) {
    auto& arena = network.parameters();
    const size_t count = static_cast<size_t>(network.config().labels);
    std::vector<float> targets(labels.size() * count);
    for (size_t b = 0; b < labels.size(); ++b) targets[b * count + static_cast<size_t>(labels[b])] = 1;
    const backend::Shape shape{static_cast<int64_t>(labels.size()), static_cast<int64_t>(count)};
    arena.zero_gradients();
    backend::Lengths steps;
    const backend::Tensor logits = network.forward(inputs, Mode::training, static_cast<uint64_t>(step_), steps);
    backend::Tensor losses, probabilities, dlogits;
    backend_.cross_entropy({})->run(logits, backend_.from_values(shape, targets), &steps, losses, probabilities,
                                    dlogits);
    network.backward(dlogits);
    update(arena, rate);
    double sum = 0;
    for (float l : backend_.values(losses)) sum += l;
    return sum / static_cast<double>(labels.size());
  }

  int64_t step_ = 1;  // of the next update
  backend::Tensor first_, second_;

 private:
  void update(layers::ParameterArena& arena, float rate) {
    if (first_.empty()) {
      first_ = backend_.zeros(arena.values().shape);
      second_ = backend_.zeros(arena.values().shape);
    }
    for (const auto& range : arena.trainable_ranges()) {
      const auto part = [&](backend::Tensor t) {
        t.shape = {range.second - range.first};
        t.offset_bytes += static_cast<size_t>(range.first) * sizeof(float);
        return t;
      };
      backend::Tensor m = part(first_), v = part(second_), w = part(arena.values());
      backend_.adam({.rate = rate, .step = step_}, part(arena.gradients()), m, v, w);
    }
    ++step_;
    arena.touch_trainable();
  }
  backend::Backend& backend_;
};

}  // namespace avsr::models
