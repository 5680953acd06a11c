#include "pipeline/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "data_scripts/parallel.h"
#include "io/atomic_file.h"
#include "io/media_reader.h"
#include "io/shards.h"
#include "pipeline/quality_report.h"
#include "preprocessing/normalise.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using data_scripts::Source;
using nlohmann::json;

constexpr size_t kMeasuredClips = 2000;  // of the training split, for the pixel statistics
constexpr const char* kTrain = "train";

std::string hex(uint64_t value) { return fmt::format("{:016x}", value); }
std::string text_of(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

// The clips of one shard: a stretch of the sorted sources.
struct Part {
  std::string prefix, split;
  size_t first = 0, count = 0;
};

// One clip on its way from a worker to the shard.
struct Prepared {
  io::PackedClip packed;
  QualityRow row;
  uint64_t hash = 0;
  int64_t samples = 0;
};

uint64_t hash_of(const io::PackedClip& clip) {
  uint64_t hash = preprocessing::hash_text(clip.key);
  for (const auto& [ending, bytes] : clip.members) {
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    hash = preprocessing::derive_key(hash, preprocessing::hash_text(ending), preprocessing::hash_text(view));
  }
  return hash;
}

std::vector<Source> limited(const std::vector<Source>& sources, int limit) {
  if (limit < 1) return sources;
  std::map<std::string, std::vector<const Source*>> splits;
  for (const Source& source : sources) splits[source.split].push_back(&source);
  std::vector<Source> kept;
  for (const Source& source : sources) {
    const auto found = splits.find(source.split);
    if (found == splits.end()) continue;  // this split's are already in
    const size_t count = std::min(found->second.size(), static_cast<size_t>(limit));
    for (size_t i = 0; i < count; ++i) kept.push_back(*found->second[i * found->second.size() / count]);
    splits.erase(found);
  }
  return kept;
}

class Preparation {
 public:
  Preparation(const PrepareOptions& options, const std::function<void(const PrepareStep&)>& step)
      : options_(options), step_(step), out_(options.out) {
    data_scripts::SourceList list = data_scripts::list_sources(options.corpus, options.layout);
    layout_ = list.layout;
    labels_ = std::move(list.labels);
    sources_ = limited(list.sources, options.limit);
    rule_.method = options.crop != "auto" ? options.crop : layout_ == data_scripts::Layout::kLrw ? "fixed" : "tracked";
    rule_.box = options.box;
    rule_.tracked = options.tracked;
    rule_.validate();
    plan_ = make_plan();
  }

  PrepareResult run() {
    if (finished_before()) return result(true);
    if (rule_.needs_face_model()) model_ = preprocessing::FaceModel::load(options_.face_model);
    progress_.total = static_cast<int64_t>(sources_.size());
    tell();
    for (const Part& part : list_parts()) {
      if (!restore(part)) pack(part);
    }
    if (clips_ == 0) {
      throw std::runtime_error(fmt::format("{}: not one of {} clips could be prepared; the first: {}", options_.corpus,
                                           rows_.size(), rows_.front().error));
    }
    write_quality_report(options_.out, rows_);
    io::write_file_atomically((out_ / "dataset.json").string(), text_of(dataset()));
    return result(false);
  }

 private:
  json make_plan() const {
    uint64_t hash = 0;
    for (const Source& s : sources_) {
      std::error_code absent;
      const uintmax_t bytes = fs::file_size(s.media_path, absent);
      hash = preprocessing::derive_key(hash, preprocessing::hash_text(s.key), preprocessing::hash_text(s.split),
                                       preprocessing::hash_text(s.label + "/" + s.speaker),
                                       static_cast<uint64_t>(absent ? 0 : bytes));
    }
    return {{"format", 1},
            {"layout", data_scripts::layout_name(layout_)},
            {"crop", to_json(rule_)},
            {"landmark_interval", rule_.method == "tracked" ? rule_.tracked.tracker.landmark_interval : 0},
            {"clips", sources_.size()},
            {"clips_per_shard", options_.clips_per_shard},
            {"sources", hex(hash)}};
  }

  // Whether the folder is complete. Refuses one that was begun with another plan.
  bool finished_before() {
    const fs::path plan_file = out_ / ".parts" / "plan.json", done_file = out_ / "dataset.json";
    if (!fs::exists(plan_file)) {
      if (fs::exists(done_file)) {
        throw std::runtime_error(
            fmt::format("{}: expected an empty folder or one that was begun by `avsr prepare`, "
                        "found a dataset.json without .parts/plan.json",
                        options_.out));
      }
      io::write_file_atomically(plan_file.string(), text_of(plan_));
      return false;
    }
    const json found = json::parse(io::read_text_file(plan_file.string()), nullptr, false);
    if (found != plan_) {
      throw std::runtime_error(
          fmt::format("{}: expected clips prepared as {}, found it begun as {}; give another "
                      "folder, or remove this one",
                      options_.out, plan_.dump(), found.is_discarded() ? "?" : found.dump()));
    }
    if (!fs::exists(done_file)) return false;
    for (const Part& part : list_parts()) {
      if (restore(part)) continue;
      forget();
      return false;
    }
    return true;
  }

  void forget() {
    rows_.clear();
    hash_ = 0;
    clips_ = samples_ = 0;
    progress_ = {};
  }

  std::vector<Part> list_parts() const {
    std::vector<Part> parts;
    const size_t most = static_cast<size_t>(options_.clips_per_shard);
    int number = 0;
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (parts.empty() || parts.back().split != sources_[i].split || parts.back().count == most) {
        number = parts.empty() || parts.back().split != sources_[i].split ? 0 : number + 1;
        parts.push_back({fmt::format("{}-{:04d}", sources_[i].split, number), sources_[i].split, i, 0});
      }
      ++parts.back().count;
    }
    return parts;
  }

  std::string part_file(const Part& part) const { return (out_ / ".parts" / (part.prefix + ".json")).string(); }

  // Takes over a part that a former run finished. False when there is none (or its shards are gone).
  bool restore(const Part& part) {
    if (!fs::exists(part_file(part))) return false;
    const json known = json::parse(io::read_text_file(part_file(part)), nullptr, false);
    if (known.is_discarded()) return false;
    for (const json& shard : known.at("shards")) {
      if (!fs::exists(out_ / shard.get<std::string>())) return false;
    }
    take(known);
    progress_.resumed += static_cast<int64_t>(part.count);
    progress_.done += static_cast<int64_t>(part.count);
    tell();
    return true;
  }

  void take(const json& part) {
    for (const json& row : part.at("rows")) rows_.push_back(quality_row_from_json(row));
    hash_ = preprocessing::derive_key(hash_, part.at("hash").get<uint64_t>());
    clips_ += part.at("clips").get<int64_t>();
    samples_ += part.at("samples").get<int64_t>();
  }

  void pack(const Part& part) {
    std::vector<std::optional<Prepared>> slots(part.count);
    io::ShardWriter writer(options_.out, part.prefix);
    json known{{"rows", json::array()}, {"shards", json::array()}};
    uint64_t hash = 0;
    int64_t clips = 0, samples = 0;
    const int workers = data_scripts::worker_count(options_.workers);
    data_scripts::parallel_ordered(
        part.count, workers, static_cast<size_t>(4 * workers),
        [&](size_t i) { slots[i] = prepare_clip(sources_[part.first + i]); },
        [&](size_t i) {
          const Prepared prepared = std::move(*slots[i]);
          slots[i].reset();
          known["rows"].push_back(to_json(prepared.row));
          if (prepared.row.packed) {
            writer.add(prepared.packed);
            hash = preprocessing::derive_key(hash, prepared.hash);
            samples += prepared.samples;
            ++clips;
          }
          ++progress_.done;
          tell();
        });
    writer.finish();
    for (const std::string& shard : writer.shards()) known["shards"].push_back(fs::path(shard).filename().string());
    known["hash"] = hash;
    known["clips"] = clips;
    known["samples"] = samples;
    io::write_file_atomically(part_file(part), text_of(known));
    take(known);
  }

  Prepared prepare_clip(const Source& source) const {
    Prepared prepared;
    QualityRow& row = prepared.row;
    row.key = source.key, row.split = source.split;
    row.media = source.media_path.string();
    try {
      io::MediaOptions reading;
      reading.start_seconds = source.start_seconds.value_or(0);
      reading.end_seconds = source.end_seconds;
      io::Media media = io::read_media(row.media, reading);
      row.notes = media.info.notes;
      io::Clip clip = to_clip(source, media);
      row.method = clip.quality.method, row.reason = clip.quality.reason;
      row.frames = clip.quality.frames;
      row.frames_without_face = clip.quality.frames_without_face;
      row.frames_outside = clip.quality.frames_outside;
      row.source_fps = clip.source_fps;
      prepared.samples = static_cast<int64_t>(clip.audio.samples.size());
      prepared.packed = io::pack_clip(clip);
      prepared.hash = hash_of(prepared.packed);
    } catch (const std::runtime_error& error) {
      row.method = rule_.method;
      row.reason = "unreadable";
      row.error = error.what();
      row.packed = false;
    }
    return prepared;
  }

  io::Clip to_clip(const Source& source, io::Media& media) const {
    io::Clip clip;
    clip.key = source.key, clip.split = source.split;
    clip.speaker = source.speaker, clip.label = source.label;
    clip.words = source.words;
    clip.source_fps = media.info.source_fps;
    clip.audio = std::move(media.audio);
    if (media.frames.count > 0) {
      preprocessing::MouthClip mouth = crop(rule_, media.frames, model_);
      clip.mouth = std::move(mouth.mouth);
      clip.quality = mouth.quality;
    } else {
      clip.quality.method = "none";
      clip.quality.reason = "no_video";
    }
    if (clip.quality.reason == "ok" && clip.audio.samples.empty()) clip.quality.reason = "no_audio";
    if (clip.mouth.count == 0 && clip.audio.samples.empty()) {
      throw std::runtime_error(fmt::format("{}: neither a mouth nor sound in it", source.media_path.string()));
    }
    return clip;
  }

  // Over the stored crops, as training will see them.
  json pixel_statistics() const {
    const io::ShardDataset training = io::ShardDataset::open(options_.out, kTrain);
    const size_t all = static_cast<size_t>(training.size()), count = std::min(all, kMeasuredClips);
    preprocessing::PixelCounter total;
    std::mutex mutex;
    bool any = false;
    data_scripts::parallel_for(count, data_scripts::worker_count(options_.workers), [&](size_t i) {
      const io::Clip clip = training.read(static_cast<int>(i * all / count), io::ClipPart::kVideo);
      if (clip.mouth.count == 0) return;
      preprocessing::PixelCounter counter;
      counter.add(clip.mouth);
      const std::lock_guard lock(mutex);
      total.merge(counter);
      any = true;
    });
    if (!any) return nullptr;
    const preprocessing::PixelStatistics s = total.statistics();
    return {{"split", kTrain},          {"clips", count},       {"mean", s.mean},
            {"deviation", s.deviation}, {"minimum", s.minimum}, {"maximum", s.maximum}};
  }

  json dataset() const {
    std::map<std::string, int64_t> splits;
    for (const QualityRow& row : rows_) splits[row.split] += row.packed;
    nlohmann::json dataset{{"format", 1},
                           {"layout", data_scripts::layout_name(layout_)},
                           {"corpus", options_.corpus},
                           {"labels", labels_},
                           {"crop", to_json(rule_)},
                           {"frames_per_second", io::kFramesPerSecond},
                           {"sample_rate", io::kSampleRate},
                           {"clips", splits},
                           {"hours", static_cast<double>(samples_) / io::kSampleRate / 3600},
                           {"hash", hex(hash_)}};
    const auto training = splits.find(kTrain);
    dataset["pixels"] = training != splits.end() && training->second > 0 ? pixel_statistics() : nullptr;
    return dataset;
  }

  PrepareResult result(bool already_done) const {
    PrepareResult result;
    result.clips = clips_;
    result.already_done = already_done;
    for (const QualityRow& row : rows_) {
      result.skipped += !row.packed;
      result.doubtful += row.packed && row.reason != "ok";
    }
    result.reasons = count_reasons(rows_);
    return result;
  }

  void tell() const {
    if (step_) step_(progress_);
  }

  const PrepareOptions& options_;
  const std::function<void(const PrepareStep&)>& step_;
  fs::path out_;
  data_scripts::Layout layout_;
  std::vector<std::string> labels_;
  std::vector<Source> sources_;
  CropRule rule_;
  json plan_;
  std::shared_ptr<const preprocessing::FaceModel> model_;
  std::vector<QualityRow> rows_;
  uint64_t hash_ = 0;
  int64_t clips_ = 0, samples_ = 0;
  PrepareStep progress_;
};

}  // namespace

void PrepareOptions::validate() const {
  if (corpus.empty()) throw std::invalid_argument("prepare: expected a corpus (folder or manifest), found none");
  if (out.empty()) throw std::invalid_argument("prepare: expected a folder to write to (--out), found none");
  if (crop != "auto" && crop != "fixed" && crop != "tracked") {
    throw std::invalid_argument(fmt::format("prepare: expected crop auto, fixed or tracked, found '{}'", crop));
  }
  if (workers < 0) throw std::invalid_argument(fmt::format("prepare: expected workers >= 0, found {}", workers));
  if (limit < 0) throw std::invalid_argument(fmt::format("prepare: expected a limit >= 0, found {}", limit));
  if (clips_per_shard < 1) {
    throw std::invalid_argument(fmt::format("prepare: expected clips per shard >= 1, found {}", clips_per_shard));
  }
  tracked.validate();
}

PrepareResult prepare_corpus(const PrepareOptions& options, const std::function<void(const PrepareStep&)>& step) {
  options.validate();
  return Preparation(options, step).run();
}

}  // namespace avsr::pipeline
