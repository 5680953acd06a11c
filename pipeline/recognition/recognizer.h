// A trained model in use: prepared windows in, probabilities of its labels out.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/clip.h"
#include "models/backend/backend.h"
#include "models/model_file.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/loader.h"

namespace avsr::pipeline {

// (B, padded_steps, width), row-major; of each clip the first `steps` rows are valid.
struct Features {
  std::vector<float> values;
  backend::Lengths steps;
  int padded_steps = 0, width = 0;
};

class Recognizer {
 public:
  // Throws std::runtime_error naming the file when it is no model or its preprocessing is incomplete.
  Recognizer(backend::Backend& backend, const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& labels() const { return file_.labels; }
  const models::NetworkConfig& config() const { return file_.config; }
  models::Streams streams() const { return file_.config.streams; }
  const InputRule& rule() const { return writer_->rule(); }
  const nlohmann::json& provenance() const { return file_.provenance; }
  const nlohmann::json& decoding() const { return file_.decoding; }  // null: not chosen yet
  const BatchWriter& writer() const { return *writer_; }
  // Throws std::runtime_error with both sides when clips prepared as `crop` (dataset.json) do not suit this model.
  void check_crop(const nlohmann::json& crop, const std::string& data) const;

  // Windows of prepared clips: mouth crops of the stored size and frames * 640 samples each (cut_stretch makes them).
  // Returns (B, V), row-major. Crops, scales and normalises as in evaluation.
  std::vector<float> probabilities(const std::vector<Stretch>& windows);
  // The same for a batch that a Loader made with writer().
  std::vector<float> probabilities(const HostBatch& batch);
  // What a layer (Network::features) makes of it, a row for each step of 40 ms.
  Features features(const HostBatch& batch, const std::string& layer);

 private:
  std::string path_;
  backend::Backend& backend_;
  models::ModelFile file_;
  std::unique_ptr<models::Network> network_;
  std::unique_ptr<BatchWriter> writer_;
  std::unique_ptr<DeviceBatch> inputs_;
};

// (B, T, V) logits with valid steps (B) -> (B, V) probabilities; only the steps that count are averaged.
std::vector<float> probabilities_of(const std::vector<float>& logits, const backend::Shape& shape,
                                    const backend::Lengths& steps, models::Averaging averaging);

}  // namespace avsr::pipeline
