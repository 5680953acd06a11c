#include "pipeline/data/input_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "pipeline/data/spread.h"
#include "pipeline/data/usable_clip.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kAudioTrim =
    "sample 0 falls on the start of video frame 0 by the streams' own timestamps; a window of T frames has 640 T "
    "samples";
constexpr int kMfccPerFrame = 4;  // windows every 10 ms

}  // namespace

nlohmann::json to_json(const InputRule& rule) {
  nlohmann::json json{{"crop", rule.crop},
                      {"crop_size", rule.geometry.crop_size},
                      {"input_size", rule.geometry.input_size},
                      {"window_frames", rule.window_frames},
                      {"fps", io::kFramesPerSecond},
                      {"sample_rate", io::kSampleRate},
                      {"audio_normalisation", "per_clip"},
                      {"audio_trim", kAudioTrim},
                      {"audio_tail_samples", rule.audio_tail_samples},
                      {"pixel_normalisation",
                       {{"kind", preprocessing::to_string(rule.normalisation)},
                        {"mean", rule.pixels.mean},
                        {"deviation", rule.pixels.deviation},
                        {"minimum", rule.pixels.minimum},
                        {"maximum", rule.pixels.maximum}}}};
  if (!rule.pixels.mean_image.empty()) {
    nlohmann::json& pixels = json["pixel_normalisation"];
    pixels["height"] = rule.pixels.height;
    pixels["width"] = rule.pixels.width;
    pixels["mean_image"] = rule.pixels.mean_image;
  }
  return json;
}

InputRule input_rule_from_json(const nlohmann::json& json) {
  InputRule rule;
  try {
    if (json.at("fps").get<double>() != io::kFramesPerSecond || json.at("sample_rate").get<int>() != io::kSampleRate)
      throw std::runtime_error(fmt::format(
          "[model] expects {} frames and {} samples a second; this program makes {} and {}",
          json.at("fps").get<double>(), json.at("sample_rate").get<int>(), io::kFramesPerSecond, io::kSampleRate));
    rule.crop = json.at("crop");
    json.at("crop_size").get_to(rule.geometry.crop_size);
    json.at("input_size").get_to(rule.geometry.input_size);
    json.at("window_frames").get_to(rule.window_frames);
    rule.audio_tail_samples = json.value("audio_tail_samples", 0);  // older files have none
    if (rule.audio_tail_samples < 0 || rule.audio_tail_samples > io::kSampleRate)
      throw std::runtime_error(fmt::format("[model] expected an audio tail of 0 to {} samples, found {}",
                                           io::kSampleRate, rule.audio_tail_samples));
    const nlohmann::json& pixels = json.at("pixel_normalisation");
    rule.normalisation = preprocessing::parse_pixel_normalisation(pixels.at("kind").get<std::string>());
    pixels.at("mean").get_to(rule.pixels.mean);
    pixels.at("deviation").get_to(rule.pixels.deviation);
    pixels.at("minimum").get_to(rule.pixels.minimum);
    pixels.at("maximum").get_to(rule.pixels.maximum);
    if (pixels.contains("mean_image")) {
      pixels.at("height").get_to(rule.pixels.height);
      pixels.at("width").get_to(rule.pixels.width);
      pixels.at("mean_image").get_to(rule.pixels.mean_image);
    }
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(
        fmt::format("[model] the preprocessing in the model file is incomplete: {}", error.what()));
  }
  return rule;
}

void check_crop(const InputRule& rule, const nlohmann::json& crop, const std::string& model, const std::string& data) {
  if (rule.crop == crop) return;
  throw std::runtime_error(
      fmt::format("[model] {} was trained on mouth crops made as {}, but {} holds crops made as {}: prepare the data "
                  "in the same way",
                  model, rule.crop.dump(), data, crop.dump()));
}

std::optional<preprocessing::PixelStatistics> measure_pixels(const Dataset& training, const InputRule& rule,
                                                             const Tick& tick, int most) {
  preprocessing::PixelCounter counter(rule.normalisation == preprocessing::PixelNormalisation::mean_image);
  std::vector<int> clips;
  for (int i = 0; i < training.clips(); ++i)
    if (usable(training.record(i), 0, models::Streams::video)) clips.push_back(i);
  const std::vector<int> chosen = spread(static_cast<int>(clips.size()), most);
  bool any = false;
  int64_t done = 0;
  for (const int n : chosen) {
    const auto clip = training.clip(clips[static_cast<size_t>(n)]);
    if (tick && !tick(++done, static_cast<int64_t>(chosen.size()))) return std::nullopt;
    if (clip->mouth.count == 0) continue;
    counter.add(preprocessing::centre_crop(rule.geometry, clip->mouth));
    any = true;
  }
  return any ? counter.statistics() : preprocessing::PixelStatistics{};
}

BatchWriter::BatchWriter(const InputRule& rule, const models::NetworkConfig& config) : rule_(rule), config_(config) {
  const int size = rule.geometry.input_size;
  if (video() && config.video.crop != size)
    throw std::invalid_argument(fmt::format(
        "[input] the network takes {0} x {0} pixels, the preprocessing makes {1} x {1}", config.video.crop, size));
  if (video() && config.video.input == models::VideoConfig::Input::dct)
    dct_ = std::make_unique<preprocessing::DctFeatures>(config.video.dct_coefficients, size);
  else if (video())
    mean_image_ = preprocessing::pixel_mean_image(rule.normalisation, rule.pixels, size, size);
  if (audio() && config.audio.input == models::AudioConfig::Input::mfcc)
    mfcc_ = std::make_unique<preprocessing::Mfcc>(preprocessing::MfccSettings{});
}

void BatchWriter::begin(const std::vector<int>& frames, HostBatch& batch) const {
  const size_t count = frames.size();
  batch.clips = batch.whole_clips = static_cast<int>(count);
  batch.ends_batch = true;
  batch.frames = frames;
  batch.steps = *std::max_element(frames.begin(), frames.end());
  batch.labels.assign(count, -1);
  batch.sample_ids.assign(count, -1);
  batch.texts.assign(count, {});
  batch.symbol_times.assign(count, {});
  batch.video.clear();
  batch.video_features.clear();
  batch.audio.clear();
  batch.samples.clear();
  batch.word_boundary.clear();
  batch.video_present.clear();
  batch.audio_present.clear();
  batch.second_labels.clear();
  batch.own_share.clear();
  const size_t steps = count * static_cast<size_t>(batch.steps);
  if (word_boundary()) batch.word_boundary.assign(steps, 0);
  if (dct_) batch.video_features.assign(steps * static_cast<size_t>(dct_->features()), 0);
  if (video() && !dct_) {
    const size_t size = static_cast<size_t>(rule_.geometry.input_size);
    batch.video.assign(steps * size * size, 0);
    batch.video_scale.assign(count, 1);
    batch.video_shift.assign(count, 0);
  }
  if (audio()) {
    batch.audio.assign(mfcc_ ? steps * kMfccPerFrame * static_cast<size_t>(mfcc_->settings().features())
                             : count * samples_of(batch.steps),
                       0);
    for (int length : frames)
      batch.samples.push_back(mfcc_ ? length * kMfccPerFrame : static_cast<int>(samples_of(length)));
  }
}

void BatchWriter::write(int b, const io::Frames& mouth, const io::Waveform& audio_in, HostBatch& batch) const {
  if (video()) write_video(b, mouth, batch);
  if (audio()) write_audio(b, audio_in, batch);
}

void BatchWriter::write_video(int b, const io::Frames& mouth, HostBatch& batch) const {
  const int size = rule_.geometry.input_size, frames = batch.frames[static_cast<size_t>(b)];
  if (mouth.count != frames || mouth.height != size || mouth.width != size)
    throw std::invalid_argument(fmt::format("[input] expected ({}, {}, {}) pixels, got ({}, {}, {})", frames, size,
                                            size, mouth.count, mouth.height, mouth.width));
  if (dct_) return write_dct(b, mouth, batch);
  const preprocessing::PixelScale scale = preprocessing::pixel_scale(rule_.normalisation, rule_.pixels, mouth);
  batch.video_scale[static_cast<size_t>(b)] = scale.scale;
  batch.video_shift[static_cast<size_t>(b)] = scale.shift;
  std::copy(mouth.pixels.begin(), mouth.pixels.end(),
            batch.video.begin() + static_cast<int64_t>(b) * batch.steps * size * size);
}

void BatchWriter::write_dct(int b, const io::Frames& mouth, HostBatch& batch) const {
  preprocessing::Features features = dct_->compute(mouth);
  preprocessing::z_normalise_columns(features);
  std::copy(features.values.begin(), features.values.end(),
            batch.video_features.begin() + static_cast<int64_t>(b) * batch.steps * features.dimension);
}

size_t BatchWriter::samples_of(int frames) const {
  return static_cast<size_t>(frames) * io::kSamplesPerFrame + static_cast<size_t>(rule_.audio_tail_samples);
}

void BatchWriter::write_audio(int b, io::Waveform wave, HostBatch& batch) const {
  const int frames = batch.frames[static_cast<size_t>(b)];
  const size_t expected = static_cast<size_t>(frames) * io::kSamplesPerFrame;
  if (wave.samples.size() != expected)
    throw std::invalid_argument(
        fmt::format("[input] expected {} samples for {} frames, got {}", expected, frames, wave.samples.size()));
  if (!mfcc_) {
    wave.samples.resize(samples_of(frames), 0);
    preprocessing::z_normalise(wave);
    std::copy(wave.samples.begin(), wave.samples.end(),
              batch.audio.begin() + static_cast<int64_t>(static_cast<size_t>(b) * samples_of(batch.steps)));
    return;
  }
  preprocessing::Features features = mfcc_->compute(wave);
  preprocessing::z_normalise_columns(features);
  if (features.count != kMfccPerFrame * frames)
    throw std::invalid_argument(fmt::format("[input] {} MFCC windows for {} frames", features.count, frames));
  std::copy(features.values.begin(), features.values.end(),
            batch.audio.begin() + static_cast<int64_t>(b) * batch.steps * kMfccPerFrame * features.dimension);
}

DeviceBatch::DeviceBatch(backend::Backend& backend, const BatchWriter& writer) : backend_(backend), writer_(writer) {
  if (!writer.mean_image().empty()) {
    const int size = writer.rule().geometry.input_size;
    inputs_.mean_image = backend.from_values({size, size}, writer.mean_image());
  }
}

const models::Inputs& DeviceBatch::upload(const HostBatch& batch) {
  inputs_.frames = batch.frames;
  if (!batch.video_features.empty()) {
    const int64_t width = static_cast<int64_t>(batch.video_features.size()) / batch.clips / batch.steps;
    backend_.resize(inputs_.video, {batch.clips, batch.steps, width});
    backend_.upload(batch.video_features.data(), inputs_.video);
  } else if (writer_.video()) {
    const int size = writer_.rule().geometry.input_size;
    backend_.resize(inputs_.video, {batch.clips, batch.steps, size, size}, backend::DType::u8);
    backend_.upload(batch.video.data(), inputs_.video);
    inputs_.video_scale = batch.video_scale;
    inputs_.video_shift = batch.video_shift;
  }
  if (writer_.audio()) {
    const int64_t per_clip = static_cast<int64_t>(batch.audio.size()) / batch.clips;
    const bool mfcc = writer_.config().audio.input == models::AudioConfig::Input::mfcc;
    const int64_t rows = static_cast<int64_t>(batch.steps) * kMfccPerFrame;
    backend_.resize(inputs_.audio,
                    mfcc ? backend::Shape{batch.clips, rows, per_clip / rows} : backend::Shape{batch.clips, per_clip});
    backend_.upload(batch.audio.data(), inputs_.audio);
    inputs_.samples = batch.samples;
  }
  if (writer_.word_boundary()) {
    backend_.resize(inputs_.word_boundary, {batch.clips, batch.steps, 1});
    backend_.upload(batch.word_boundary.data(), inputs_.word_boundary);
  }
  inputs_.video_present = batch.video_present;
  inputs_.audio_present = batch.audio_present;
  return inputs_;
}

}  // namespace avsr::pipeline
