#include "pipeline/recognition/extract.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "io/npz_file.h"
#include "models/safetensors.h"
#include "pipeline/data/loader.h"

namespace avsr::pipeline {
namespace {

constexpr const char *kNpz = ".npz", *kSafetensors = ".safetensors", *kFileStart = "features-";

struct OneClip {
  std::string key;
  int label = 0;
  int steps = 0, width = 0;
  std::vector<float> values;  // (steps, width)
};

// Where features go; finish() after the last clip.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void add(OneClip clip) = 0;
  virtual void finish() = 0;
};

class NpzSink final : public Sink {
 public:
  NpzSink(const std::filesystem::path& path, const std::vector<std::string>& words)
      : writer_(path.string()), words_(words) {}
  void add(OneClip clip) override {
    writer_.add("features/" + clip.key, {clip.steps, clip.width}, std::span<const float>(clip.values));
    keys_.push_back(clip.key);
    labels_.push_back(clip.label);
    lengths_.push_back(clip.steps);
  }
  void finish() override {
    const auto count = static_cast<int64_t>(keys_.size());
    writer_.add("keys", keys_);
    writer_.add("lengths", {count}, std::span<const int32_t>(lengths_));
    writer_.add("labels", {count}, std::span<const int32_t>(labels_));
    writer_.add("words", words_);
    writer_.finish();
  }

 private:
  io::NpzWriter writer_;
  const std::vector<std::string>& words_;
  std::vector<std::string> keys_;
  std::vector<int32_t> labels_, lengths_;
};

class FolderSink final : public Sink {
 public:
  FolderSink(std::filesystem::path folder, int clips_per_file, const std::vector<std::string>& words)
      : folder_(std::move(folder)), clips_per_file_(clips_per_file), words_(words) {}
  void add(OneClip clip) override {
    if (!file_)
      file_ = std::make_unique<NpzSink>(folder_ / fmt::format("{}{:06}{}", kFileStart, files_++, kNpz), words_);
    file_->add(std::move(clip));
    if (++clips_ % clips_per_file_ == 0) finish();
  }
  void finish() override {
    if (file_) file_->finish();
    file_.reset();
  }

 private:
  std::filesystem::path folder_;
  int clips_per_file_, files_ = 0;
  int64_t clips_ = 0;
  const std::vector<std::string>& words_;
  std::unique_ptr<NpzSink> file_;
};

class SafetensorsSink final : public Sink {
 public:
  SafetensorsSink(std::filesystem::path path, const std::string& layer, const std::vector<std::string>& words)
      : path_(std::move(path)), words_(words) {
    file_.metadata["layer"] = layer;
  }
  void add(OneClip clip) override {
    labels_[clip.key] = words_[static_cast<size_t>(clip.label)];
    lengths_[clip.key] = clip.steps;
    file_.tensors.push_back({clip.key, {clip.steps, clip.width}, std::move(clip.values)});
  }
  void finish() override {
    file_.metadata["labels"] = labels_.dump();
    file_.metadata["lengths"] = lengths_.dump();
    models::write_safetensors(path_, file_);
  }

 private:
  std::filesystem::path path_;
  const std::vector<std::string>& words_;
  models::SafetensorsFile file_;
  nlohmann::json labels_ = nlohmann::json::object(), lengths_ = nlohmann::json::object();
};

std::unique_ptr<Sink> make_sink(const ExtractSettings& settings, const std::vector<std::string>& words) {
  const std::string ending = settings.out.extension().string();
  if (ending == kNpz) return std::make_unique<NpzSink>(settings.out, words);
  if (ending == kSafetensors) return std::make_unique<SafetensorsSink>(settings.out, settings.layer, words);
  return std::make_unique<FolderSink>(settings.out, settings.clips_per_file, words);
}

}  // namespace

void ExtractSettings::check_out() const {
  const std::string ending = out.extension().string();
  if (ending == kNpz || ending == kSafetensors) return;
  const bool there = std::filesystem::is_directory(out);
  if (!ending.empty() && !there)
    throw std::invalid_argument(fmt::format(
        "--out: expected FILE{}, FILE{} or a folder, found the ending '{}' in {}; a new folder with a dot in "
        "its name needs a '/' at its end",
        kNpz, kSafetensors, ending, out.string()));
  if (!there) return;
  for (const auto& entry : std::filesystem::directory_iterator(out))
    if (entry.path().extension() == kNpz && entry.path().filename().string().starts_with(kFileStart))
      throw std::runtime_error(fmt::format(
          "[extract] {}: expected a folder without features, found {}; remove the files of the earlier run, "
          "or choose another --out",
          out.string(), entry.path().filename().string()));
}

ExtractResult extract_features(Recognizer& model, const ExtractSettings& settings, const Tick& tick) {
  settings.check_out();
  model.check_crop(read_dataset_info(settings.data).json.value("crop", nlohmann::json()), settings.data);
  Dataset::Settings wanted;
  wanted.streams = model.streams();
  wanted.window_frames = model.rule().window_frames;
  wanted.cache = make_cache_budget(settings.cache_gb);
  const auto dataset = Dataset::open(settings.data, settings.split, wanted);
  LoaderSettings loader_settings;
  loader_settings.batch = settings.batch;
  loader_settings.levels_db = {std::nullopt};
  loader_settings.workers = settings.workers;
  Loader loader(*dataset, model.writer(), loader_settings);

  std::unique_ptr<Sink> sink;
  ExtractResult result;
  HostBatch batch;
  while (loader.next(batch)) {
    const Features features = model.features(batch, settings.layer);
    if (!sink) sink = make_sink(settings, dataset->labels());  // not before the layer is known to be there
    result.width = features.width;
    for (int b = 0; b < batch.clips; ++b) {
      const Sample& sample = dataset->samples()[static_cast<size_t>(batch.sample_ids[static_cast<size_t>(b)])];
      const int steps = features.steps[static_cast<size_t>(b)];
      const auto first = features.values.begin() + int64_t{b} * features.padded_steps * features.width;
      sink->add({sample.key, sample.label, steps, features.width, {first, first + int64_t{steps} * features.width}});
    }
    result.clips += batch.clips;
    if (tick && !tick(result.clips, loader.examples())) throw std::runtime_error("[extract] stopped");
  }
  if (!sink)
    throw std::runtime_error(
        fmt::format("{}: split '{}' has no clips of this model's streams", settings.data, settings.split));
  sink->finish();
  return result;
}

}  // namespace avsr::pipeline
