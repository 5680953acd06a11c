#include "pipeline/recognition/recognizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

// values = softmax(values), safe for large values.
void softmax(std::vector<double>& values) {
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
}

}  // namespace

std::vector<float> probabilities_of(const std::vector<float>& logits, const backend::Shape& shape,
                                    const backend::Lengths& steps, models::Averaging averaging) {
  const auto clips = static_cast<size_t>(shape[0]), length = static_cast<size_t>(shape[1]),
             labels = static_cast<size_t>(shape[2]);
  const bool per_frame = averaging.form == models::Loss::per_frame;
  std::vector<float> result(clips * labels);
  std::vector<double> mean(labels), step(labels);
  for (size_t b = 0; b < clips; ++b) {
    const auto [first, count] = backend::counted_steps(steps[b], averaging.middle_steps);
    std::fill(mean.begin(), mean.end(), 0.0);
    for (int t = first; t < first + count; ++t) {
      const float* row = logits.data() + (b * length + static_cast<size_t>(t)) * labels;
      step.assign(row, row + labels);
      if (per_frame) softmax(step);
      for (size_t v = 0; v < labels; ++v) mean[v] += step[v] / count;
    }
    if (!per_frame) softmax(mean);
    std::transform(mean.begin(), mean.end(), result.begin() + static_cast<int64_t>(b * labels),
                   [](double value) { return static_cast<float>(value); });
  }
  return result;
}

Recognizer::Recognizer(backend::Backend& backend, const std::string& path) : path_(path), backend_(backend) {
  models::LoadedModel loaded = models::load_model(path, backend);
  file_ = std::move(loaded.file);
  network_ = std::move(loaded.network);
  try {
    writer_ = std::make_unique<BatchWriter>(input_rule_from_json(file_.preprocessing), file_.config);
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", path, error.what()));
  }
  inputs_ = std::make_unique<DeviceBatch>(backend, *writer_);
}

void Recognizer::check_crop(const nlohmann::json& crop, const std::string& data) const {
  if (streams() != models::Streams::audio) pipeline::check_crop(rule(), crop, path_, data);
}

HostBatch Recognizer::batch_of(const std::vector<Stretch>& windows) const {
  std::vector<int> frames;
  for (const Stretch& window : windows)
    frames.push_back(writer_->video() ? window.mouth.count
                                      : static_cast<int>(window.audio.samples.size()) / io::kSamplesPerFrame);
  HostBatch batch;
  writer_->begin(frames, batch);
  for (size_t b = 0; b < windows.size(); ++b) {
    const io::Frames mouth =
        writer_->video() ? preprocessing::centre_crop(rule().geometry, windows[b].mouth) : io::Frames{};
    writer_->write(static_cast<int>(b), mouth, windows[b].audio, batch);
  }
  return batch;
}

std::vector<float> Recognizer::probabilities(const std::vector<Stretch>& windows) {
  if (windows.empty()) return {};
  return probabilities(batch_of(windows));
}

std::vector<float> Recognizer::probabilities(const HostBatch& batch) {
  if (sentences()) throw std::logic_error(fmt::format("[recognizer] {} has no probabilities of words", path_));
  backend::Lengths steps;
  backend::Shape shape;
  std::vector<float> values;
  run_([&] {
    const backend::Tensor& logits = network_->forward(inputs_->upload(batch), models::Mode::inference, 0, steps);
    shape = logits.shape;
    values = backend_.values(logits);
  });
  return probabilities_of(values, shape, steps, file_.averaging);
}

SymbolProbabilities Recognizer::symbol_probabilities(const std::vector<Stretch>& clips) {
  if (clips.empty()) return {.symbols = static_cast<int>(labels().size())};
  return symbol_probabilities(batch_of(clips));
}

SymbolProbabilities Recognizer::symbol_probabilities(const HostBatch& batch) {
  if (!sentences()) throw std::logic_error(fmt::format("[recognizer] {} has no probabilities of symbols", path_));
  SymbolProbabilities result;
  run_([&] {
    const backend::Tensor& logits = network_->forward(inputs_->upload(batch), models::Mode::inference, 0, result.steps);
    result.padded_steps = static_cast<int>(logits.shape[1]);
    result.symbols = static_cast<int>(logits.shape[2]);
    result.values = backend_.values(logits);
  });
  const auto row = static_cast<size_t>(result.symbols);
  std::vector<double> logarithms(row);
  for (size_t i = 0; i < result.values.size(); i += row) {
    const std::span<float> values = std::span(result.values).subspan(i, row);
    if (!decoding::log_softmax(values, logarithms))
      throw std::runtime_error(fmt::format("[recognizer] {}: its answer is not finite", path_));
    std::copy(logarithms.begin(), logarithms.end(), values.begin());
  }
  return result;
}

Features Recognizer::features(const HostBatch& batch, const std::string& layer) {
  backend::Lengths steps;
  network_->forward(inputs_->upload(batch), models::Mode::inference, 0, steps);
  if (file_.config.back_end == models::BackEnd::temporal_conv) steps = batch.frames;  // its logits have one step a clip
  const backend::Tensor& output = network_->features(layer);
  const int padded = static_cast<int>(output.shape[1]);
  for (int& n : steps) n = std::min(n, padded);
  return {backend_.values(output), steps, padded, static_cast<int>(output.shape[2])};
}

}  // namespace avsr::pipeline
