// A trained model in use: prepared windows in, probabilities of its labels out.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "decoding/log_probabilities.h"
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

// Of a sentence model: the logarithm of each symbol's probability at each step of 40 ms, (B, padded_steps, symbols)
// row-major; of each clip the first `steps` rows are valid. Symbol 0 is the blank.
struct SymbolProbabilities {
  std::vector<float> values;
  backend::Lengths steps;
  int padded_steps = 0, symbols = 0;
  decoding::LogProbabilities of(size_t clip) const {  // a view of its valid rows
    const auto row = static_cast<size_t>(symbols);
    return {std::span(values).subspan(clip * static_cast<size_t>(padded_steps) * row,
                                      static_cast<size_t>(steps[clip]) * row),
            symbols};
  }
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

  // Brings what touches the device to another thread: `run` calls its argument once, there, and returns when that is
  // done. Then several threads may ask at a time. Default: the thread that asks.
  void compute_through(std::function<void(const std::function<void()>&)> run) { run_ = std::move(run); }

  // Windows of prepared clips: mouth crops of the stored size and frames * 640 samples each (cut_stretch makes them).
  // Returns (B, V), row-major. Crops, scales and normalises as in evaluation.
  std::vector<float> probabilities(const std::vector<Stretch>& windows);
  // The same for a batch that a Loader made with writer().
  std::vector<float> probabilities(const HostBatch& batch);

  // Whether it writes sentences, symbol by symbol: labels()[0] is then the blank, and the space parts words. Such a
  // model has symbol_probabilities and no probabilities, a word model the reverse (std::logic_error).
  bool sentences() const { return file_.averaging.form == models::Loss::ctc; }
  SymbolProbabilities symbol_probabilities(const std::vector<Stretch>& clips);
  SymbolProbabilities symbol_probabilities(const HostBatch& batch);

  // What a layer (Network::features) makes of it, a row for each step of 40 ms.
  Features features(const HostBatch& batch, const std::string& layer);

 private:
  HostBatch batch_of(const std::vector<Stretch>& clips) const;

  std::string path_;
  backend::Backend& backend_;
  models::ModelFile file_;
  std::unique_ptr<models::Network> network_;
  std::unique_ptr<BatchWriter> writer_;
  std::unique_ptr<DeviceBatch> inputs_;
  std::function<void(const std::function<void()>&)> run_ = [](const std::function<void()>& work) { work(); };
};

// (B, T, V) logits with valid steps (B) -> (B, V) probabilities; only the steps that count are averaged.
std::vector<float> probabilities_of(const std::vector<float>& logits, const backend::Shape& shape,
                                    const backend::Lengths& steps, models::Averaging averaging);

}  // namespace avsr::pipeline
