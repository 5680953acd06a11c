#include "pipeline/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "decoding/utf8.h"
#include "io/atomic_file.h"
#include "pipeline/data/usable_clip.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

bool needs_video(models::Streams streams) { return streams != models::Streams::audio; }
bool needs_audio(models::Streams streams) { return streams != models::Streams::video; }

std::shared_ptr<const StoredClip> to_stored(io::Clip clip) {
  auto stored = std::make_shared<StoredClip>();
  stored->mouth = std::move(clip.mouth);
  stored->samples.resize(clip.audio.samples.size());
  std::transform(clip.audio.samples.begin(), clip.audio.samples.end(), stored->samples.begin(), [](float value) {
    return static_cast<int16_t>(std::clamp(std::lround(value * 32768.0), -32768L, 32767L));
  });
  return stored;
}

// Frames kept free between the middle of a background window and the nearest word, and between two such windows.
constexpr int kBackgroundMargin = 4, kBackgroundStep = 30;

uint64_t bytes_of(const StoredClip& clip) { return clip.mouth.pixels.size() + 2 * clip.samples.size(); }

// A transcript alone gives words without times: nobody knows which frames show them.
bool has_times(const io::Word& word) { return word.end_seconds > word.start_seconds; }

// From frame `first` of the clip on.
WordSpan span_of(const io::Word& word, int first) {
  return {word.start_seconds * io::kFramesPerSecond - first, word.end_seconds * io::kFramesPerSecond - first};
}

// The sorted distinct labels; a clip without one gives its words.
std::vector<std::string> labels_of(const io::ShardDataset& shards) {
  std::set<std::string> labels;
  for (int i = 0; i < shards.size(); ++i) {
    const io::Clip& clip = shards.record(i).clip;
    if (!clip.label.empty()) {
      labels.insert(clip.label);
    } else {
      for (const io::Word& word : clip.words)
        if (has_times(word)) labels.insert(word.text);
    }
  }
  return {labels.begin(), labels.end()};
}

// What is said in a clip, words parted by one space each.
std::string text_of(const io::Clip& clip) {
  if (!clip.label.empty()) return clip.label;
  std::string text;
  for (const io::Word& word : clip.words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

std::vector<std::string> characters_of(const io::ShardDataset& shards) {
  std::string all;
  for (int i = 0; i < shards.size(); ++i) all += text_of(shards.record(i).clip);
  std::vector<std::string> names = decoding::utf8_characters(all);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  names.insert(names.begin(), kBlankLabel);
  return names;
}

// Each word's symbols share its time evenly, and a space has the time between two words. Empty where times are missing.
std::vector<WordSpan> symbol_times_of(const io::Clip& clip, const decoding::Symbols& symbols) {
  std::vector<WordSpan> times;
  if (!clip.label.empty() || !std::all_of(clip.words.begin(), clip.words.end(), has_times)) return times;
  for (const io::Word& word : clip.words) {
    const WordSpan span = span_of(word, 0);
    if (!times.empty())
      times.push_back({std::min(times.back().last, span.first), std::max(times.back().last, span.first)});
    const size_t count = symbols.encode(word.text).size();
    const double share = (span.last - span.first) / static_cast<double>(count);
    for (size_t i = 0; i < count; ++i)
      times.push_back({span.first + share * static_cast<double>(i), span.first + share * static_cast<double>(i + 1)});
  }
  return times;
}

// Of the steps that CTC needs to write it: one for each symbol, and a blank between two that are equal.
int fewest_steps(const std::vector<int>& text) {
  auto steps = static_cast<int>(text.size());
  for (size_t i = 1; i < text.size(); ++i) steps += text[i] == text[i - 1];
  return steps;
}

using ShardBytes = std::map<std::string, uint64_t>;

std::filesystem::path dataset_file(const std::string& folder) { return std::filesystem::path(folder) / "dataset.json"; }

using Splits = std::unordered_map<std::string, std::string>;

// With "shards" being ShardBytes, where it is there (older files have none), and "splits" Splits (only views have
// some).
nlohmann::json read_dataset_file(const std::string& folder) {
  const std::string path = dataset_file(folder).string();
  try {
    nlohmann::json dataset = nlohmann::json::parse(io::read_text_file(path));
    if (!dataset.is_object())
      throw std::runtime_error(fmt::format("[data] {}: expected a JSON object, found {}; run `avsr prepare` again",
                                           path, dataset.type_name()));
    if (dataset.contains("shards")) static_cast<void>(dataset["shards"].get<ShardBytes>());
    if (dataset.contains("splits")) static_cast<void>(dataset["splits"].get<Splits>());
    return dataset;
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(fmt::format("[data] {} is damaged: {}; run `avsr prepare` again", path, error.what()));
  }
}

// A shard copied from elsewhere, exchanged or lost would change what is learned without a word.
void check_shard(const std::filesystem::path& shard, uint64_t expected) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(shard, error);
  if (!error && bytes == expected) return;
  throw std::runtime_error(fmt::format(
      "[data] {}: expected {} bytes (dataset.json), found {}: run `avsr prepare` again, which packs it anew",
      shard.string(), expected, error ? error.message() : fmt::format("{} bytes", bytes)));
}

// The shards that dataset.json lists (null: there is none), else the folder's *.tar.
std::vector<std::string> shards_of(const std::string& folder, const nlohmann::json& dataset) {
  std::vector<std::string> shards;
  if (dataset.contains("shards")) {
    for (const auto& [name, bytes] : dataset.at("shards").get<ShardBytes>()) {
      shards.push_back((std::filesystem::path(folder) / name).string());
      check_shard(shards.back(), bytes);
    }
  } else if (std::filesystem::is_directory(folder)) {
    shards = io::list_shards(folder);
  }
  if (shards.empty())
    throw std::runtime_error(
        fmt::format("[data] {} holds no prepared clips (*.tar): expected a folder made by `avsr prepare`", folder));
  return shards;
}

}  // namespace

models::Streams together(const std::set<models::Streams>& kinds) {
  return kinds.size() == 1 ? *kinds.begin() : models::Streams::audiovisual;
}

io::ClipPart part_of(models::Streams streams) {
  if (streams == models::Streams::audiovisual) return io::ClipPart::kBoth;
  return streams == models::Streams::video ? io::ClipPart::kVideo : io::ClipPart::kAudio;
}

Stretch cut_stretch(const StoredClip& clip, int first_frame, int frames, io::ClipPart part) {
  Stretch stretch;
  if (clip.mouth.count > 0 && part != io::ClipPart::kAudio) {
    stretch.mouth = {frames, clip.mouth.height, clip.mouth.width, {}};
    stretch.mouth.pixels.resize(stretch.mouth.frame_size() * frames);
    for (int t = 0; t < frames; ++t) {
      const uint8_t* source = clip.mouth.frame(std::clamp(first_frame + t, 0, clip.mouth.count - 1));
      std::copy_n(source, clip.mouth.frame_size(), stretch.mouth.frame(t));
    }
  }
  if (!clip.samples.empty() && part != io::ClipPart::kVideo) {
    stretch.audio.samples.assign(static_cast<size_t>(frames) * io::kSamplesPerFrame, 0.f);
    const int64_t offset = static_cast<int64_t>(first_frame) * io::kSamplesPerFrame;
    const int64_t first = std::max<int64_t>(0, -offset);
    const int64_t last = std::min<int64_t>(static_cast<int64_t>(stretch.audio.samples.size()),
                                           static_cast<int64_t>(clip.samples.size()) - offset);
    for (int64_t i = first; i < last; ++i)
      stretch.audio.samples[static_cast<size_t>(i)] =
          static_cast<float>(clip.samples[static_cast<size_t>(i + offset)]) / 32768.f;
  }
  return stretch;
}

int window_start(const io::Word& word, int frames) {
  const double middle = 0.5 * (word.start_seconds + word.end_seconds) * io::kFramesPerSecond;
  return static_cast<int>(std::floor(middle)) - frames / 2;
}

DatasetInfo read_dataset_info(const std::string& folder) {
  if (!std::filesystem::exists(dataset_file(folder)))
    throw std::runtime_error(
        fmt::format("[data] {} has no dataset.json: expected a folder made by `avsr prepare`", folder));
  DatasetInfo info;
  info.json = read_dataset_file(folder);
  const std::vector<std::string> shards = shards_of(folder, info.json);
  if (info.json.contains("hash") && info.json["hash"].is_string()) {
    info.hash = info.json["hash"].get<std::string>();
    return info;
  }
  const io::ShardDataset all = io::ShardDataset::open(shards);
  uint64_t hash = 0;
  for (int i = 0; i < all.size(); ++i) {
    const io::ClipRecord& record = all.record(i);
    hash = preprocessing::derive_key(
        hash, preprocessing::hash_text(record.clip.key), preprocessing::hash_text(record.clip.split),
        static_cast<uint64_t>(record.clip.mouth.count), static_cast<uint64_t>(record.samples));
  }
  info.hash = fmt::format("{:016x}", hash);
  return info;
}

std::vector<std::string> shards_of(const std::string& folder) {
  return shards_of(folder, std::filesystem::exists(dataset_file(folder)) ? read_dataset_file(folder) : nullptr);
}

io::ShardDataset open_prepared(const std::string& folder, const std::string& split) {
  const nlohmann::json dataset = std::filesystem::exists(dataset_file(folder)) ? read_dataset_file(folder) : nullptr;
  const std::vector<std::string> shards = shards_of(folder, dataset);
  if (!dataset.contains("splits")) return io::ShardDataset::open(shards, split);
  const auto splits = dataset["splits"].get<Splits>();
  return io::ShardDataset::open(shards, split, &splits);
}

std::unique_ptr<Dataset> Dataset::open(const std::string& folder, const std::string& split, const Settings& settings) {
  io::ShardDataset shards = open_prepared(folder, split);
  std::unique_ptr<Dataset> dataset(new Dataset(std::move(shards), settings));
  if (dataset->samples_.empty())
    throw std::runtime_error(fmt::format("[data] {} has no usable clip of split '{}'{}", folder, split,
                                         dataset->notes_.empty() ? "" : ": " + dataset->notes_.front()));
  return dataset;
}

Dataset::Dataset(io::ShardDataset shards, const Settings& settings) : shards_(std::move(shards)), settings_(settings) {
  if (!settings_.cache) settings_.cache = make_cache_budget();
  const bool sentences = settings.targets == Targets::characters;
  labels_ = !settings.labels.empty() ? settings.labels : sentences ? characters_of(shards_) : labels_of(shards_);
  if (sentences) symbols_.emplace(labels_);
  if (settings.background && settings.labels.empty() && !sentences)
    labels_.insert(std::lower_bound(labels_.begin(), labels_.end(), kBackgroundLabel), kBackgroundLabel);
  cache_.resize(static_cast<size_t>(shards_.size()));
  int unusable = 0, unlabelled = 0;
  for (int i = 0; i < shards_.size(); ++i) {
    if (!usable(i)) {
      ++unusable;
      continue;
    }
    const size_t before = samples_.size();
    add_samples(i);
    unlabelled += samples_.size() == before;
  }
  if (untimed_words_ > 0)
    notes_.push_back(
        fmt::format("{} words have no times and are left out: word models train on words whose times are known, or on "
                    "clips of one word with a label",
                    untimed_words_));
  if (unusable > 0)
    notes_.push_back(fmt::format("{} clips lack a stream that is wanted (or a face) and are left out", unusable));
  if (unlabelled > 0 && !sentences)
    notes_.push_back(
        fmt::format("{} clips have no word among the {} labels and are left out", unlabelled, labels_.size()));
  if (too_short_ > 0)
    notes_.push_back(fmt::format(
        "{} sentences have fewer frames than their text needs symbols, or no text, and are left out", too_short_));
  if (!unwritable_.empty())
    notes_.push_back(fmt::format("{} sentences have other symbols than the model's {} and are left out, such as {}",
                                 unlabelled - too_short_, labels_.size(), unwritable_));
}

Dataset::~Dataset() { settings_.cache->give_back(cached_bytes_); }

bool Dataset::usable(int index) const {
  return pipeline::usable(record(index), shards_.record(index).samples, settings_.streams);
}

int Dataset::find_label(const std::string& text) const {
  const auto found = std::lower_bound(labels_.begin(), labels_.end(), text);
  return found != labels_.end() && *found == text ? static_cast<int>(found - labels_.begin()) : -1;
}

int Dataset::frames_of(int index) const {
  const int frames = record(index).mouth.count;
  return frames > 0 ? frames : static_cast<int>(shards_.record(index).samples / io::kSamplesPerFrame);
}

void Dataset::add_sentence(int index) {
  const io::Clip& clip = record(index);
  Sample sample{.clip = index, .frames = frames_of(index), .key = clip.key};
  try {
    sample.text = symbols_->encode(text_of(clip));
  } catch (const std::invalid_argument& error) {
    unwritable_ = fmt::format("{} ({})", clip.key, error.what());
    return;
  }
  sample.symbol_times = symbol_times_of(clip, *symbols_);
  if (sample.symbol_times.size() != sample.text.size()) sample.symbol_times.clear();  // symbols across words
  if (sample.text.empty() || fewest_steps(sample.text) > sample.frames)
    ++too_short_;
  else
    samples_.push_back(std::move(sample));
}

void Dataset::add_samples(int index) {
  if (symbols_) return add_sentence(index);
  const io::Clip& clip = record(index);
  if (!clip.label.empty()) {
    const int label = find_label(clip.label), frames = frames_of(index);
    const bool timed = clip.words.size() == 1 && has_times(clip.words.front());
    if (label >= 0 && frames > 0)
      samples_.push_back({.clip = index,
                          .frames = frames,
                          .label = label,
                          .word = timed ? span_of(clip.words.front(), 0) : WordSpan{},
                          .timed = timed,
                          .key = clip.key});
    return;
  }
  add_words(index);
  // Where a word's time is not known, any gap may hold it.
  if (settings_.background && !clip.words.empty() && std::all_of(clip.words.begin(), clip.words.end(), has_times))
    add_background(index);
}

void Dataset::add_words(int index) {
  const io::Clip& clip = record(index);
  for (size_t w = 0; w < clip.words.size(); ++w) {
    if (!has_times(clip.words[w])) {
      ++untimed_words_;
      continue;
    }
    const int label = find_label(clip.words[w].text);
    if (label < 0) continue;
    const int first = window_start(clip.words[w], settings_.window_frames);
    samples_.push_back({.clip = index,
                        .first_frame = first,
                        .frames = settings_.window_frames,
                        .label = label,
                        .whole = false,
                        .word = span_of(clip.words[w], first),
                        .timed = true,
                        .key = fmt::format("{}/{}", clip.key, w)});
  }
}

void Dataset::add_background(int index) {
  const io::Clip& clip = record(index);
  const int label = find_label(kBackgroundLabel);
  if (label < 0) return;
  int silent_from = 0, number = 0;
  const auto fill_gap = [&](int until) {
    for (int middle = silent_from + kBackgroundMargin; middle < until - kBackgroundMargin; middle += kBackgroundStep)
      samples_.push_back({.clip = index,
                          .first_frame = middle - settings_.window_frames / 2,
                          .frames = settings_.window_frames,
                          .label = label,
                          .whole = false,
                          .word = {0.5 * settings_.window_frames, 0.5 * settings_.window_frames},
                          .timed = true,
                          .key = fmt::format("{}/background-{}", clip.key, number++)});
  };
  for (const io::Word& word : clip.words) {
    fill_gap(static_cast<int>(std::floor(word.start_seconds * io::kFramesPerSecond)));
    silent_from = std::max(silent_from, static_cast<int>(std::ceil(word.end_seconds * io::kFramesPerSecond)));
  }
  fill_gap(frames_of(index));
}

uint64_t Dataset::decoded_bytes() const {
  uint64_t bytes = 0;
  for (int i = 0; i < clips(); ++i) {
    const io::ClipRecord& record = shards_.record(i);
    if (needs_video(settings_.streams)) bytes += record.clip.mouth.frame_size() * record.clip.mouth.count;
    if (needs_audio(settings_.streams)) bytes += 2 * static_cast<uint64_t>(record.samples);
  }
  return bytes;
}

int Dataset::whole_clip_frames() const {
  std::vector<int> frames;
  for (const Sample& sample : samples_) {
    if (!sample.whole) return 0;
    frames.push_back(sample.frames);
  }
  const auto middle = frames.begin() + static_cast<std::ptrdiff_t>(frames.size() / 2);
  std::nth_element(frames.begin(), middle, frames.end());
  return *middle;
}

std::vector<std::string> Dataset::talkers() const {
  std::set<std::string> talkers;
  for (const Sample& sample : samples_) talkers.insert(record(sample.clip).speaker);
  return {talkers.begin(), talkers.end()};
}

std::shared_ptr<const StoredClip> Dataset::clip(int index) const {
  {
    const std::lock_guard lock(mutex_);
    if (cache_[static_cast<size_t>(index)]) return cache_[static_cast<size_t>(index)];
  }
  // Decoded outside the lock: two threads may decode the same clip, and one result is dropped.
  auto stored = to_stored(shards_.read(index, part_of(settings_.streams)));
  const std::lock_guard lock(mutex_);
  auto& slot = cache_[static_cast<size_t>(index)];
  if (slot) return slot;
  if (settings_.cache->take(bytes_of(*stored))) {
    cached_bytes_ += bytes_of(*stored);
    slot = stored;
  }
  return stored;
}

}  // namespace avsr::pipeline
