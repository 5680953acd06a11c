// One training or test example as the network sees it: cut from its clip, changed at random in training (Note [Keyed
// randomness], loader.h), written into its batch.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/data/dataset.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/loader.h"
#include "pipeline/data/time_crop.h"

namespace avsr::pipeline {

// What a key is for, so that two choices about one example never share a sequence.
enum Purpose : uint64_t { kOrder = 1, kShift, kVideo, kAudioMask, kLevel, kNoise, kSpeed, kLength, kModality, kMixup };

// Throws std::runtime_error naming the clip where the word's times are not known, which `who` needs.
void require_times(const Sample& sample, const std::string& who);

// Thread-safe.
class ExampleMaker {
 public:
  // All of them must outlive the maker. Throws std::runtime_error where what the settings or the network want is not
  // known of one of the examples `order`.
  ExampleMaker(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings,
               const std::vector<int>& order);

  // Frames of the example, of a sentence at the speed that it gets.
  int frames(int sample_id) const { return time_crop(dataset_.samples()[static_cast<size_t>(sample_id)]).frames; }
  // Writes the example as clip b of the batch.
  void make(int sample_id, int b, HostBatch& batch) const;
  // Mixup: each clip of the finished batch number `index` with the one so many places further, drawn for the batch.
  void mix_pairs(int index, HostBatch& batch) const;

 private:
  // How a window cut from a sentence moves and how fast it runs, and how fast a sentence does; a word's own clip stays
  // as it is.
  struct Motion {
    double speed = 1, shift = 0;  // shift in frames
  };
  void check_times(const std::vector<int>& order) const;
  uint64_t key(const Sample& sample, Purpose purpose) const;
  double draw(const Sample& sample, Purpose purpose, double limit) const;  // uniform in +-limit
  Motion motion(const Sample& sample) const;
  // In the example before it is cropped in time.
  WordSpan moved(const Sample& sample, const WordSpan& span) const;
  WordSpan word_in(const Sample& sample) const { return moved(sample, sample.word); }
  int frames_at_speed(const Sample& sample) const;
  TimeCrop time_crop(const Sample& sample) const;
  Stretch cut(const Sample& sample) const;
  void drop_modality(const Sample& sample, int b, HostBatch& batch) const;
  void change_video(const Sample& sample, io::Frames& mouth) const;
  void change_audio(const Sample& sample, io::Waveform& audio) const;

  const Dataset& dataset_;
  const BatchWriter& writer_;
  const LoaderSettings& settings_;
  io::ClipPart part_;  // what the network reads
};

}  // namespace avsr::pipeline
