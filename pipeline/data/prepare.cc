#include "pipeline/data/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "io/atomic_file.h"
#include "io/media_reader.h"
#include "io/parallel.h"
#include "io/shards.h"
#include "pipeline/data/prepare_clip.h"
#include "pipeline/data/prepare_parts.h"
#include "pipeline/data/quality_report.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using data_scripts::Source;
using nlohmann::json;

std::string hex(uint64_t value) { return fmt::format("{:016x}", value); }

// The frame size (height, width) that most of a few clips, spread over the corpus, have; (0, 0) when none has video.
std::pair<int, int> usual_frame_size(const std::vector<Source>& sources) {
  constexpr size_t kLookedAt = 9;
  std::map<std::pair<int, int>, int> sizes;
  const size_t count = std::min(sources.size(), kLookedAt);
  for (size_t i = 0; i < count; ++i) {
    try {
      const std::string path = sources[i * sources.size() / count].media_path.string();
      const io::MediaInfo info = io::MediaReader::open(path, {.audio = false}).info();
      ++sizes[{info.height, info.width}];
    } catch (const std::runtime_error&) {  // is reported when its turn comes
    }
  }
  const auto usual =
      std::max_element(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return usual == sizes.end() ? std::pair(0, 0) : usual->first;
}

class Preparation {
 public:
  Preparation(const PrepareOptions& options, const std::function<void(const PrepareStep&)>& step)
      : options_(options), step_(step), folder_(options.out) {
    data_scripts::SourceList list = data_scripts::list_sources(options.corpus, options.layout);
    layout_ = list.layout;
    notes_ = std::move(list.notes);
    sources_ = limited(list.sources, options.limit);
    parts_ = parts_of(sources_, static_cast<size_t>(options.clips_per_shard));
    progress_.total = static_cast<int64_t>(sources_.size());
    rule_.method = options.crop != "auto" ? options.crop : layout_ == data_scripts::Layout::kLrw ? "fixed" : "tracked";
    rule_.box = options.box;
    if (rule_.method == "fixed") std::tie(rule_.source_height, rule_.source_width) = usual_frame_size(sources_);
    rule_.tracked = options.tracked;
    rule_.validate();
  }

  PrepareResult run() {
    folder_.begin(plan());
    if (finished_before()) return result(true);
    std::shared_ptr<const preprocessing::FaceModel> model;
    if (rule_.needs_face_model()) model = preprocessing::FaceModel::load(options_.face_model);
    const ClipPreparer preparer(rule_, model);
    folder_.remove_dataset();
    tell();
    for (const Part& part : parts_) {
      if (const std::optional<FinishedPart> known = folder_.finished(part)) {
        take(*known);
        progress_.resumed += static_cast<int64_t>(part.count);
        progress_.done += static_cast<int64_t>(part.count);
        tell();
      } else {
        take(pack(part, preparer));
      }
    }
    if (clips_ == 0) {
      throw std::runtime_error(fmt::format("{}: not one of {} clips could be prepared; the first: {}", options_.corpus,
                                           rows_.size(), rows_.front().error));
    }
    write_quality_report(options_.out, rows_);
    folder_.write_dataset(dataset());
    return result(false);
  }

 private:
  json plan() const {
    uint64_t hash = 0;
    for (const Source& s : sources_) {
      std::error_code absent;
      const uintmax_t bytes = fs::file_size(s.media_path, absent);
      hash = preprocessing::derive_key(hash, preprocessing::hash_text(s.key), preprocessing::hash_text(s.split),
                                       preprocessing::hash_text(s.label + "/" + s.speaker),
                                       static_cast<uint64_t>(absent ? 0 : bytes));
      std::string cut = fmt::format("{}-{}", s.start_seconds.value_or(-1), s.end_seconds.value_or(-1));
      for (const io::Word& word : s.words)
        cut += fmt::format(" {}:{}-{}", word.text, word.start_seconds, word.end_seconds);
      hash = preprocessing::derive_key(hash, preprocessing::hash_text(cut));
    }
    json plan{{"format", 2},
              {"layout", data_scripts::layout_name(layout_)},
              {"crop", to_json(rule_)},
              {"landmark_interval", rule_.method == "tracked" ? rule_.tracked.tracker.landmark_interval : 0},
              {"clips", sources_.size()},
              {"clips_per_shard", options_.clips_per_shard},
              {"sources", hex(hash)}};
    // Another model's landmarks put the crops elsewhere. (A missing one is reported when it is to be loaded.)
    if (rule_.needs_face_model() && fs::is_regular_file(options_.face_model))
      plan["face_model"] = hex(preprocessing::hash_text(io::read_text_file(options_.face_model)));
    return plan;
  }

  // Takes over a folder that lacks nothing.
  bool finished_before() {
    if (!folder_.has_dataset()) return false;
    std::vector<FinishedPart> all;
    for (const Part& part : parts_) {
      std::optional<FinishedPart> known = folder_.finished(part);
      if (!known) return false;
      all.push_back(std::move(*known));
    }
    for (const FinishedPart& part : all) take(part);
    return true;
  }

  void take(const FinishedPart& part) {
    shards_.insert(shards_.end(), part.shards.begin(), part.shards.end());
    rows_.insert(rows_.end(), part.rows.begin(), part.rows.end());
    hash_ = preprocessing::derive_key(hash_, part.hash);
    clips_ += part.clips;
    samples_ += part.samples;
  }

  FinishedPart pack(const Part& part, const ClipPreparer& preparer) {
    std::vector<std::optional<PreparedClip>> slots(part.count);
    io::ShardWriter writer(options_.out, part.prefix);
    FinishedPart finished;
    const int workers = io::worker_count(options_.workers);
    io::parallel_ordered(
        part.count, workers, static_cast<size_t>(4 * workers),
        [&](size_t i) { slots[i] = preparer.prepare(sources_[part.first + i]); },
        [&](size_t i) {
          const PreparedClip clip = std::move(*slots[i]);
          slots[i].reset();
          finished.rows.push_back(clip.row);
          if (clip.row.packed) {
            writer.add(clip.packed);
            finished.hash = preprocessing::derive_key(finished.hash, clip.hash);
            finished.samples += clip.samples;
            ++finished.clips;
          }
          ++progress_.done;
          tell();
        });
    writer.finish();
    for (const std::string& shard : writer.shards()) finished.shards.push_back(fs::path(shard).filename().string());
    folder_.record(part, finished);
    return finished;
  }

  json dataset() const {
    std::map<std::string, int64_t> splits;
    for (const QualityRow& row : rows_) splits[row.split] += row.packed;
    std::map<std::string, uint64_t> shards;
    for (const std::string& shard : shards_) shards[shard] = fs::file_size(fs::path(options_.out) / shard);
    return {{"format", 1},
            {"layout", data_scripts::layout_name(layout_)},
            {"corpus", options_.corpus},
            {"crop", to_json(rule_)},
            {"frames_per_second", io::kFramesPerSecond},
            {"sample_rate", io::kSampleRate},
            {"clips", splits},
            {"shards", shards},
            {"hours", static_cast<double>(samples_) / io::kSampleRate / 3600},
            {"hash", hex(hash_)}};
  }

  PrepareResult result(bool already_done) const {
    PrepareResult result;
    result.clips = clips_;
    result.already_done = already_done;
    result.notes = notes_;
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
  PreparedFolder folder_;
  data_scripts::Layout layout_;
  std::vector<Source> sources_;
  std::vector<std::string> notes_;
  std::vector<Part> parts_;
  CropRule rule_;
  std::vector<QualityRow> rows_;
  std::vector<std::string> shards_;  // file names
  uint64_t hash_ = 0;
  int64_t clips_ = 0, samples_ = 0;
  PrepareStep progress_;
};

}  // namespace

void PrepareOptions::validate_reading() const {
  if (corpus.empty()) throw std::invalid_argument("prepare: expected a corpus (folder or manifest), found none");
  if (workers < 0 || workers > io::kMostWorkers) {
    throw std::invalid_argument(fmt::format("prepare: expected 0 to {} workers, found {}", io::kMostWorkers, workers));
  }
  if (limit < 0) throw std::invalid_argument(fmt::format("prepare: expected a limit >= 0, found {}", limit));
}

void PrepareOptions::validate() const {
  validate_reading();
  if (out.empty()) throw std::invalid_argument("prepare: expected a folder to write to (--out), found none");
  if (crop != "auto" && crop != "fixed" && crop != "tracked") {
    throw std::invalid_argument(fmt::format("prepare: expected crop auto, fixed or tracked, found '{}'", crop));
  }
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
