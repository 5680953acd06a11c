// A prepared folder as training examples: whole word clips, one window for each word of a sentence, or whole sentences.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "decoding/symbols.h"
#include "io/clip.h"
#include "io/shards.h"
#include "models/network_config.h"
#include "pipeline/data/clip_cache.h"
#include "pipeline/data/time_crop.h"

namespace avsr::pipeline {

// The label of windows in which no word is spoken.
inline constexpr const char* kBackgroundLabel = "<background>";

// A clip as it is kept in memory. Sound is 16 bit, as in the shards.
struct StoredClip {
  io::Frames mouth;
  std::vector<int16_t> samples;
};

// One example: a stretch of a clip with one label.
struct Sample {
  int clip = 0;         // index of the clip
  int first_frame = 0;  // of the stretch; may be negative, and the stretch may run beyond the clip's end
  int frames = 0;
  int label = 0;      // index in labels()
  bool whole = true;  // the clip as it is; otherwise a window around a word
  // Where the word lies in the stretch, where that is known (timed); of a background window there is none.
  WordSpan word;
  bool timed = false;
  std::vector<int> text;  // of a sentence: its symbols, each an index in labels(); then `label` means nothing
  // When they were said, in frames of the clip, each word spelt evenly; empty where not all words' times are known.
  std::vector<WordSpan> symbol_times;
  std::string key;  // unique: the clip's key, with "/N" for its Nth word
};

// What a network learns to tell.
enum class Targets : uint8_t {
  words,       // one label for each example
  characters,  // the text of a sentence, character by character; label 0 is the blank of CTC
};
inline constexpr std::pair<Targets, const char*> kTargetNames[] = {{Targets::words, "words"},
                                                                   {Targets::characters, "characters"}};
inline constexpr const char* kBlankLabel = "<blank>";

// The streams that serve all of these: the one kind, else both.
models::Streams together(const std::set<models::Streams>& kinds);

// What of a clip these streams need decoded.
io::ClipPart part_of(models::Streams streams);

// The frames and samples of a stretch: beyond the clip's ends its edge frame is repeated and its sound is silence. The
// waveform has frames * 640 samples. A stream that the clip lacks stays empty.
struct Stretch {
  io::Frames mouth;
  io::Waveform audio;
};
Stretch cut_stretch(const StoredClip& clip, int first_frame, int frames, io::ClipPart part = io::ClipPart::kBoth);

// First frame of the window of `frames` frames around the middle of a word.
int window_start(const io::Word& word, int frames);

// What `avsr prepare` wrote about a folder (dataset.json), and the hash of its clips (of their records, where it wrote
// none). Throws std::runtime_error naming the file where dataset.json is missing or damaged, or a shard that it lists
// is gone or of another length.
struct DatasetInfo {
  nlohmann::json json;
  std::string hash;  // hex digits
};
DatasetInfo read_dataset_info(const std::string& folder);

// Paths of a folder's shards, in order of name: those that dataset.json lists and no others, each found there and of
// the length that it had; the folder's *.tar where there is no list. Throws std::runtime_error naming the file and what
// was expected of it, or the folder without any.
std::vector<std::string> shards_of(const std::string& folder);

// The clips of a prepared folder. split: only those of it; empty: all.
//
// Note [Views]
// dataset.json may hold "splits": {clip key: split}; then these are the folder's clips and splits, whatever the shards
// say. Its shards may lie elsewhere (absolute paths). So a fold of a cross-validation is a folder of one small file, on
// which every command works.
io::ShardDataset open_prepared(const std::string& folder, const std::string& split = "");

// The examples of one split. Decoded clips are kept in memory while they fit.
class Dataset {
 public:
  struct Settings {
    models::Streams streams = models::Streams::audiovisual;  // clips that lack one of them are left out
    int window_frames = 29;
    Targets targets = Targets::words;
    bool background = false;  // windows between and beside the words of sentences too, labelled kBackgroundLabel
    // Empty: the sorted distinct labels or words of the split; of sentences the blank and its sorted distinct
    // characters. Sentences may have any symbols, of several characters too: of those that fit the longest is taken.
    std::vector<std::string> labels;
    std::shared_ptr<CacheBudget> cache;  // for decoded clips, shared with other datasets; null: one of its own
  };
  ~Dataset();  // gives back what it took of the budget
  // Throws std::runtime_error when the folder is not prepared or the split has no usable example.
  static std::unique_ptr<Dataset> open(const std::string& folder, const std::string& split, const Settings& settings);

  const std::vector<std::string>& labels() const { return labels_; }
  const std::vector<Sample>& samples() const { return samples_; }
  const io::Clip& record(int clip) const { return shards_.record(clip).clip; }  // without pixels and samples
  int clips() const { return shards_.size(); }
  uint64_t decoded_bytes() const;            // that all of its clips would take in memory
  int whole_clip_frames() const;             // the median length where every example is a whole clip; else 0
  std::vector<std::string> talkers() const;  // sorted, distinct, of the examples; "" where unknown
  std::vector<std::string> notes() const { return notes_; }  // what was left out and why, one sentence each

  // Only the streams that the settings name. Thread-safe; decodes on first use.
  std::shared_ptr<const StoredClip> clip(int index) const;

 private:
  Dataset(io::ShardDataset shards, const Settings& settings);
  bool usable(int index) const;
  void add_samples(int index);
  void add_sentence(int index);
  void add_words(int index);
  void add_background(int index);
  int find_label(const std::string& text) const;  // -1: none
  int frames_of(int index) const;

  io::ShardDataset shards_;
  Settings settings_;
  std::vector<std::string> labels_;
  std::vector<Sample> samples_;
  std::vector<std::string> notes_;
  std::optional<decoding::Symbols> symbols_;  // of sentences
  int64_t untimed_words_ = 0, too_short_ = 0;
  std::string unwritable_;  // why the last of the texts that the symbols cannot write was left out
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const StoredClip>> cache_;
  mutable uint64_t cached_bytes_ = 0;  // taken from the budget
};

}  // namespace avsr::pipeline
