// Prepared clips in plain tar files with WebDataset's naming: <key>.mouth.jpg, <key>.flac, <key>.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/clip.h"

namespace avsr::io {

// Note [Members of a clip]
// <key>.json       split, speaker, label, words with times, frames, height, width, samples, source_fps, quality
// <key>.mouth.jpg  its frames stacked from top to bottom in one grey JPEG; absent without video. A JPEG ends at 65,500
//                  rows, so each member holds floor(65500 / height) frames at most (682 of 96 rows = 27 s) and longer
//                  clips go on in <key>.mouth.1.jpg, <key>.mouth.2.jpg, …
// <key>.flac       16 bit, 16 kHz, mono; absent without sound
// Members of a clip are adjacent, in this order.

constexpr size_t kMaxKeyLength = 80;  // with its endings a name fits the 100 bytes of a plain tar header

// The members of one clip, compressed. Making one is most of the work and may be done by any thread.
struct PackedClip {
  std::string key;
  std::string metadata;                                               // the line of the index: JSON, as in <key>.json
  std::vector<std::pair<std::string, std::vector<uint8_t>>> members;  // ending (".mouth.jpg") and bytes
};

// Throws std::invalid_argument for a key that is too long or has other characters than [A-Za-z0-9_-], an empty split,
// frames without size, or text that is not UTF-8.
PackedClip pack_clip(const Clip& clip, int jpeg_quality = 95);

struct ShardOptions {
  uint64_t max_bytes = 256ull << 20;  // a shard is closed when it has grown beyond this
};

// Writes <folder>/<prefix>-000000.tar, -000001.tar, … and <shard>.idx beside each (JSON lines: the size of the tar
// file and a checksum, then per clip its members' places and metadata). A shard appears under its name only when it is
// complete. Same clips in the same order give the same bytes. Not thread-safe. Throws std::runtime_error naming the
// shard; std::invalid_argument for a key given twice.
class ShardWriter {
 public:
  ShardWriter(std::string folder, std::string prefix, ShardOptions options = {});
  ~ShardWriter();  // what was not finished is removed
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  void add(const PackedClip& clip);
  void add(const Clip& clip) { add(pack_clip(clip)); }
  void finish();                                   // closes the last shard
  const std::vector<std::string>& shards() const;  // paths of the complete ones

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What is known of a clip without touching its pixels and samples.
struct ClipRecord {
  Clip clip;            // everything but mouth.pixels and audio.samples; mouth.count, height and width are set
  int64_t samples = 0;  // of its sound
  std::string shard;    // path
};

// Which part of a clip to decode.
enum class ClipPart { kBoth, kVideo, kAudio };

// Paths of a folder's *.tar, in order of name. Throws std::runtime_error for one that is no regular file.
std::vector<std::string> list_shards(const std::string& folder);

// The clips of a folder (all its *.tar in order of name) or of a list of shards. Reads the .idx files, or the tar
// files' headers where one is missing or does not fit its shard.
class ShardDataset {
 public:
  // split: only clips of it; empty: all. Throws std::runtime_error: no folder, no shards, a damaged shard, a key that
  // occurs twice.
  static ShardDataset open(const std::string& folder, const std::string& split = "");
  // splits: clip key -> split, instead of the clips' own; a clip that it does not name is left out.
  static ShardDataset open(const std::vector<std::string>& shards, const std::string& split = "",
                           const std::unordered_map<std::string, std::string>* splits = nullptr);
  ShardDataset(ShardDataset&&) noexcept;
  ShardDataset& operator=(ShardDataset&&) noexcept;
  ~ShardDataset();

  int size() const;
  const ClipRecord& record(int index) const;
  // Thread-safe. Throws std::runtime_error naming shard and key when bytes are missing or do not decode to what the
  // metadata says.
  Clip read(int index, ClipPart part = ClipPart::kBoth) const;

 private:
  struct Impl;
  explicit ShardDataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace avsr::io
