// The clips of a split as models are tested on them: each decoded once, then heard and seen under every condition.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/data/dataset.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/noise_source.h"
#include "pipeline/data/video_damage.h"
#include "preprocessing/noise.h"

namespace avsr::pipeline {

// What is done to a clip before a model gets it.
struct Condition {
  int noise = -1;                // index in the list of noises; -1: none, and snr_db has no value
  std::optional<double> snr_db;  // of that noise
  std::optional<VideoDamage> damage;
  std::optional<models::Streams> missing = std::nullopt;  // audio or video: the clip comes without it

  bool lacks(models::Streams stream) const { return missing == stream; }
  bool same_sound(const Condition& other) const {
    return noise == other.noise && snr_db == other.snr_db &&
           lacks(models::Streams::audio) == other.lacks(models::Streams::audio);
  }
  bool same_picture(const Condition& other) const {
    return damage == other.damage && lacks(models::Streams::video) == other.lacks(models::Streams::video);
  }
  bool operator==(const Condition&) const = default;
};

struct TestSettings {
  std::vector<Condition> conditions;
  std::vector<const NoiseSource*> noises;
  preprocessing::SnrOver snr_over = preprocessing::SnrOver::clip;
  const io::Waveform* room =
      nullptr;  // an impulse response that all speech is heard through, noise is not; may be null
  std::string room_name;
  uint64_t seed = 1;
  int batch = 16;
};

// The batches of one piece of the split under one condition, one for each reader that wants it.
//
// Note [The same noise for everybody]
// What happens to a clip is keyed by (seed, level, clip) alone: which noise it hears, from where on, where its picture
// is covered. So every model, on any machine and with any number of threads, gets the same; and the noise of a clip at
// one level is not that at another.
class TestBatches {
 public:
  // wants(reader, condition): whether that reader is to be given that condition. All must outlive this object.
  TestBatches(const Dataset& dataset, std::vector<const BatchWriter*> readers, TestSettings settings,
              std::function<bool(size_t reader, size_t condition)> wants);

  size_t count() const { return pieces_ * settings_.conditions.size(); }
  // Thread-safe. Batch i has the clips of piece i / conditions under condition i % conditions.
  void make(size_t i);
  struct Made {
    size_t first_clip = 0, condition = 0;  // first_clip: index in dataset.samples(); the others follow
    std::vector<HostBatch> batches;        // by reader; of no clips where it does not want the condition
  };
  // What make(i) made; once.
  Made take(size_t i);
  // The clip of a sample as the batches have it under a condition, before a reader crops and normalises it.
  Stretch clip_under(const Condition& condition, size_t sample) const;

 private:
  struct Piece {
    std::once_flag cut;
    std::vector<Stretch> stretches;
    size_t open = 0;  // conditions to come
  };
  std::shared_ptr<Piece> piece(size_t number);
  Stretch cut(const Sample& sample) const;
  HostBatch batch_for(const BatchWriter& reader, size_t first, const std::vector<Stretch>& stretches) const;
  Stretch under(const Condition& condition, const Sample& sample, const Stretch& clean) const;
  void add_noise(const Condition& condition, const Sample& sample, io::Waveform& audio) const;

  const Dataset& dataset_;
  std::vector<const BatchWriter*> readers_;
  TestSettings settings_;
  std::function<bool(size_t, size_t)> wants_;
  size_t pieces_ = 0;
  std::mutex mutex_;
  std::map<size_t, std::shared_ptr<Piece>> open_;
  std::map<size_t, Made> made_;
};

}  // namespace avsr::pipeline
