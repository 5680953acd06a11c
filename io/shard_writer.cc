#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/clip_json.h"
#include "io/image_file.h"
#include "io/shard_index.h"
#include "io/shards.h"
#include "io/sound_file.h"

namespace avsr::io {

namespace {

bool is_key(const std::string& key) {
  return !key.empty() && key.size() <= kMaxKeyLength &&
         key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
}

void check_clip(const Clip& clip) {
  if (!is_key(clip.key)) {
    throw std::invalid_argument(
        fmt::format("[shards] expected a key of 1 to {} of A-Z a-z 0-9 _ -, got \"{}\"", kMaxKeyLength, clip.key));
  }
  const auto require = [&clip](bool good, const char* what) {
    if (!good) throw std::invalid_argument("[shards] clip " + clip.key + ": " + what);
  };
  require(!clip.split.empty(), "has no split");
  require(clip.has_video() || clip.has_audio(), "has neither frames nor sound");
  if (!clip.has_video()) return;
  require(clip.mouth.height > 0 && clip.mouth.width > 0 && clip.mouth.height <= kMaxJpegHeight &&
              clip.mouth.width <= kMaxJpegHeight,
          "frames of impossible size");
  require(clip.mouth.pixels.size() == clip.mouth.frame_size() * static_cast<size_t>(clip.mouth.count),
          "pixels do not fit its size");
}

// The frames in as many JPEGs as their height asks for.
void pack_frames(const Frames& frames, int quality, PackedClip& packed) {
  const int per_member = kMaxJpegHeight / frames.height;
  for (int first = 0, member = 0; first < frames.count; first += per_member, ++member) {
    const int count = std::min(per_member, frames.count - first);
    const std::string ending = member == 0 ? ".mouth.jpg" : fmt::format(".mouth.{}.jpg", member);
    packed.members.emplace_back(ending,
                                encode_grey_jpeg(frames.frame(first), count * frames.height, frames.width, quality));
  }
}

struct FreeWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

// One shard being written.
class OpenShard {
 public:
  explicit OpenShard(std::string path) : path_(std::move(path)), file_(path_), writer_(archive_write_new()) {
    if (!writer_) throw std::bad_alloc();
    check(archive_write_set_format_ustar(writer_.get()));
    check(archive_write_open_filename(writer_.get(), file_.temporary_path().c_str()));
  }

  // Returns where its bytes lie: behind a header of 512 bytes; members are padded to 512.
  MemberPlace add(const std::string& key, const std::string& ending, const void* data, size_t bytes) {
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), (key + ending).c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    check(archive_write_header(writer_.get(), entry.get()));
    if (bytes > 0 && archive_write_data(writer_.get(), data, bytes) != static_cast<la_ssize_t>(bytes))
      check(ARCHIVE_FATAL);
    const MemberPlace place{ending, size_ + 512, bytes};
    size_ += 512 + (bytes + 511) / 512 * 512;
    return place;
  }

  void add_line(std::string line) {
    lines_ += line;
    ++clips_;
  }

  void commit() {
    check(archive_write_close(writer_.get()));
    std::filesystem::remove(index_path(path_));  // never the index of another shard of this name
    const uint64_t bytes = std::filesystem::file_size(file_.temporary_path());
    file_.commit();
    write_file_atomically(index_path(path_), index_head(bytes, clips_, lines_) + lines_);
  }

  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  void check(int code) {
    if (code >= ARCHIVE_OK) return;
    const char* text = archive_error_string(writer_.get());
    throw std::runtime_error(path_ + ": cannot write the shard: " + (text ? text : "unknown error"));
  }

  std::string path_;
  AtomicFile file_;
  std::unique_ptr<archive, FreeWriter> writer_;
  uint64_t size_ = 0;
  size_t clips_ = 0;
  std::string lines_;
};

}  // namespace

PackedClip pack_clip(const Clip& clip, int jpeg_quality) {
  check_clip(clip);
  PackedClip packed;
  packed.key = clip.key;
  if (clip.has_video()) pack_frames(clip.mouth, jpeg_quality, packed);
  if (clip.has_audio()) packed.members.emplace_back(".flac", encode_flac(clip.audio));
  ClipMetadata metadata;
  metadata.clip.key = clip.key;
  metadata.clip.split = clip.split;
  metadata.clip.speaker = clip.speaker;
  metadata.clip.label = clip.label;
  metadata.clip.words = clip.words;
  metadata.clip.mouth.count = clip.mouth.count;
  metadata.clip.mouth.height = clip.mouth.height;
  metadata.clip.mouth.width = clip.mouth.width;
  metadata.clip.source_fps = clip.source_fps;
  metadata.clip.quality = clip.quality;
  metadata.samples = static_cast<int64_t>(clip.audio.samples.size());
  for (const auto& [ending, bytes] : packed.members) metadata.crc32[ending] = crc32(std::as_bytes(std::span(bytes)));
  try {
    packed.metadata = to_json(metadata).dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::invalid_argument("[shards] clip " + clip.key + ": its speaker, label or words are not UTF-8 text");
  }
  return packed;
}

struct ShardWriter::Impl {
  std::string folder, prefix;
  ShardOptions options;
  std::unique_ptr<OpenShard> shard;
  std::vector<std::string> complete;
  std::unordered_set<std::string> keys;
};

ShardWriter::ShardWriter(std::string folder, std::string prefix, ShardOptions options)
    : impl_(std::make_unique<Impl>()) {
  if (prefix.empty() || prefix.find('/') != std::string::npos || prefix.find('.') != std::string::npos) {
    throw std::invalid_argument("[shards] expected a prefix without / and ., got \"" + prefix + "\"");
  }
  impl_->folder = std::move(folder);
  impl_->prefix = std::move(prefix);
  impl_->options = options;
}

ShardWriter::~ShardWriter() = default;

void ShardWriter::add(const PackedClip& clip) {
  if (!is_key(clip.key)) throw std::invalid_argument("[shards] not a key: \"" + clip.key + "\"");
  if (!impl_->keys.insert(clip.key).second)
    throw std::invalid_argument("[shards] the key " + clip.key + " is given twice");
  if (!impl_->shard) {
    const std::string name = fmt::format("{}-{:06}.tar", impl_->prefix, impl_->complete.size());
    impl_->shard = std::make_unique<OpenShard>((std::filesystem::path(impl_->folder) / name).string());
  }
  std::vector<MemberPlace> places;
  places.push_back(impl_->shard->add(clip.key, ".json", clip.metadata.data(), clip.metadata.size()));
  for (const auto& [ending, bytes] : clip.members)
    places.push_back(impl_->shard->add(clip.key, ending, bytes.data(), bytes.size()));
  impl_->shard->add_line(index_line(clip.metadata, places));
  if (impl_->shard->size() > impl_->options.max_bytes) finish();
}

void ShardWriter::finish() {
  if (!impl_->shard) return;
  impl_->shard->commit();
  impl_->complete.push_back(impl_->shard->path());
  impl_->shard.reset();
}

const std::vector<std::string>& ShardWriter::shards() const { return impl_->complete; }

}  // namespace avsr::io
