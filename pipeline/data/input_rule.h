// How the inputs of a network come from prepared clips. It is written into the model file, so that training, evaluation
// and transcription do the same, and clips prepared in another way are refused.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/clip.h"
#include "models/network.h"
#include "pipeline/data/dataset.h"
#include "pipeline/reporter.h"
#include "preprocessing/augment.h"
#include "preprocessing/dct_features.h"
#include "preprocessing/mfcc.h"
#include "preprocessing/normalise.h"

namespace avsr::pipeline {

struct InputRule {
  nlohmann::json crop;                    // how `prepare` cut the mouth: from dataset.json
  preprocessing::FrameGeometry geometry;  // of the stored crop, what the network sees
  preprocessing::PixelNormalisation normalisation = preprocessing::PixelNormalisation::training_set;
  preprocessing::PixelStatistics pixels;  // of the training set, after geometry
  int window_frames = 29;                 // the length that the network was trained on
  // Silence after a window's own 640 samples a frame, normalised with them. The public audio weights were trained on
  // 19456 samples for 29 frames (what an AAC decoder gives for such a clip), which are 896 more.
  int audio_tail_samples = 0;
};

// The rule as stored under "preprocessing" in a model file, frame rate, sample rate and the trim of the sound included.
nlohmann::json to_json(const InputRule& rule);
InputRule input_rule_from_json(const nlohmann::json& json);  // throws std::runtime_error naming what is missing

// Throws std::runtime_error with both sides when clips prepared as `crop` do not fit the rule.
void check_crop(const InputRule& rule, const nlohmann::json& crop, const std::string& model, const std::string& data);

// Pixel statistics over the training clips that show a mouth, after the central crop; of more than `most` clips, that
// many evenly spaced. No value when tick said to stop.
std::optional<preprocessing::PixelStatistics> measure_pixels(const Dataset& training, const InputRule& rule,
                                                             const Tick& tick = {}, int most = 2000);

// One batch in host memory: B clips, padded with zeros to the longest.
struct HostBatch {
  int clips = 0, steps = 0;  // B, T
  // A batch may be computed in parts, one after the other and on several ranks: clips of all parts, and whether this is
  // a rank's last one.
  int whole_clips = 0;
  bool ends_batch = true;
  std::vector<uint8_t> video;         // (B, T, H, W); empty with the dct input
  std::vector<float> video_features;  // (B, T, D): of the dct input alone
  std::vector<float> video_scale, video_shift;
  std::vector<int> frames;              // (B): valid frames
  std::vector<float> audio;             // (B, S) or (B, 4 T, F)
  std::vector<int> samples;             // (B): valid samples or MFCC frames
  std::vector<int> labels, sample_ids;  // (B): class, and index in Dataset::samples(); -1 where there is none
  std::vector<std::vector<int>> texts;  // (B): of a sentence its symbols; empty where clips are words
  // (B): when each symbol was said, as a share of its word's time, in frames; empty for a clip whose times are not
  // known
  std::vector<std::vector<WordSpan>> symbol_times;
  std::vector<float> word_boundary;                   // (B, T): 1 inside the word; empty where the network is not told
  std::vector<uint8_t> video_present, audio_present;  // (B): as models::Inputs; empty: all present
  std::vector<int> second_labels;                     // (B): of the mixed-in clips; empty: nothing is mixed (mixup.h)
  std::vector<float> own_share;                       // (B): of the target that `labels` has
};

// Writes clips into batches for one network. Thread-safe.
class BatchWriter {
 public:
  BatchWriter(const InputRule& rule, const models::NetworkConfig& config);
  // Sizes the batch for clips of these lengths in frames.
  void begin(const std::vector<int>& frames, HostBatch& batch) const;
  // Clip b: mouth after geometry (T, input, input), sound as it is (noise mixed in); normalises both, hand-made
  // features (MFCC, DCT) each over the clip. Unused streams are ignored. Throws std::invalid_argument when a wanted
  // stream is absent or its size differs.
  void write(int b, const io::Frames& mouth, const io::Waveform& audio, HostBatch& batch) const;
  bool word_boundary() const { return config_.word_boundary; }  // whether the network is told where the word is

  const InputRule& rule() const { return rule_; }
  bool video() const { return config_.streams != models::Streams::audio; }
  bool audio() const { return config_.streams != models::Streams::video; }
  // (H, W) in pixels for the mean_image normalisation, else empty.
  const std::vector<float>& mean_image() const { return mean_image_; }
  const models::NetworkConfig& config() const { return config_; }

 private:
  void write_video(int b, const io::Frames& mouth, HostBatch& batch) const;
  void write_dct(int b, const io::Frames& mouth, HostBatch& batch) const;
  void write_audio(int b, io::Waveform audio, HostBatch& batch) const;
  size_t samples_of(int frames) const;  // of the waveform that the network reads

  InputRule rule_;
  models::NetworkConfig config_;
  std::vector<float> mean_image_;
  std::unique_ptr<preprocessing::Mfcc> mfcc_;        // null for a waveform
  std::unique_ptr<preprocessing::DctFeatures> dct_;  // null for frames
};

// A batch on the device; keeps its memory from batch to batch.
class DeviceBatch {
 public:
  DeviceBatch(backend::Backend& backend, const BatchWriter& writer);
  const models::Inputs& upload(const HostBatch& batch);

 private:
  backend::Backend& backend_;
  const BatchWriter& writer_;
  models::Inputs inputs_;
};

}  // namespace avsr::pipeline
