#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "io/checksum.h"
#include "io/image_file.h"
#include "io/shard_index.h"
#include "io/shards.h"
#include "io/sound_file.h"

namespace avsr::io {

namespace {

class OpenFile {
 public:
  explicit OpenFile(std::string path) : path_(std::move(path)), fd_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error(path_ + ": cannot open: " + std::strerror(errno));
  }
  ~OpenFile() { close(fd_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // pread shares no position, so threads need no lock.
  std::vector<uint8_t> read(const MemberPlace& place, const std::string& where) const {
    std::vector<uint8_t> bytes(place.bytes);
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t got = pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(place.offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::runtime_error(where + ": cannot read: " + std::strerror(errno));
      if (got == 0) throw std::runtime_error(where + ": the shard ends within " + place.ending);
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

 private:
  std::string path_;
  int fd_;
};

void check_crc32(const std::vector<uint8_t>& bytes, const std::map<std::string, uint32_t>& sums,
                 const std::string& ending, const std::string& where) {
  const auto expected = sums.find(ending);
  if (expected == sums.end()) return;  // shards made by others have none
  if (crc32(std::as_bytes(std::span(bytes))) != expected->second)
    throw std::runtime_error(where + ": damaged: the bytes of " + ending + " have changed");
}

std::vector<uint8_t> read_checked(const OpenFile& file, const MemberPlace& member,
                                  const std::map<std::string, uint32_t>& sums, const std::string& where) {
  std::vector<uint8_t> bytes = file.read(member, where);
  check_crc32(bytes, sums, member.ending, where);
  return bytes;
}

bool is_mouth(const std::string& ending) { return ending.starts_with(".mouth.") && ending.ends_with(".jpg"); }

// Appends the frames of one JPEG.
void unpack_frames(const std::vector<uint8_t>& bytes, const std::string& where, Frames& frames) {
  const Image image = decode_image(bytes, 1, where);
  if (image.width != frames.width || image.height % frames.height != 0) {
    throw std::runtime_error(fmt::format("{}: expected frames of {} x {} (H x W), got an image of {} x {}", where,
                                         frames.height, frames.width, image.height, image.width));
  }
  frames.pixels.insert(frames.pixels.end(), image.pixels.begin(), image.pixels.end());
}

}  // namespace

std::vector<std::string> list_shards(const std::string& folder) {
  std::vector<std::string> shards;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".tar" || name.starts_with(".")) continue;
    if (entry.exists() && !entry.is_regular_file())  // to read a pipe would be to wait for ever
      throw std::runtime_error(entry.path().string() +
                               ": expected a tar file of prepared clips, found a folder, pipe or device: remove it");
    shards.push_back(entry.path().string());
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

using Splits = std::unordered_map<std::string, std::string>;

struct ShardDataset::Impl {
  struct Place {
    std::vector<MemberPlace> members;
    std::map<std::string, uint32_t> crc32;
  };

  void add_shard(const std::string& shard, const std::string& split, const Splits* splits,
                 std::unordered_set<std::string>& keys);
  void read_frames(int index, const OpenFile& file, const std::string& where, Clip& clip) const;
  void read_audio(int index, const OpenFile& file, const std::string& where, Clip& clip) const;

  std::vector<ClipRecord> records;
  std::vector<Place> places;
};

void ShardDataset::Impl::add_shard(const std::string& shard, const std::string& split, const Splits* splits,
                                   std::unordered_set<std::string>& keys) {
  const OpenFile readable(shard);  // what cannot be read is complained about now, not in the middle of a training
  for (IndexEntry& entry : read_index(shard)) {
    Clip& clip = entry.metadata.clip;
    if (!keys.insert(clip.key).second)
      throw std::runtime_error(shard + ": clip " + clip.key + " occurs a second time in this data set");
    if (splits) {
      const auto found = splits->find(clip.key);
      if (found == splits->end()) continue;
      clip.split = found->second;
    }
    if (!split.empty() && clip.split != split) continue;
    places.push_back({std::move(entry.members), std::move(entry.metadata.crc32)});
    // Mouth crops before continuations: WebDataset's own tools may have sorted the members by name.
    const auto order = [](const MemberPlace& a, const MemberPlace& b) {
      return a.ending.size() != b.ending.size() ? a.ending.size() < b.ending.size() : a.ending < b.ending;
    };
    std::sort(places.back().members.begin(), places.back().members.end(), order);
    records.push_back({std::move(clip), entry.metadata.samples, shard});
  }
}

void ShardDataset::Impl::read_frames(int index, const OpenFile& file, const std::string& where, Clip& clip) const {
  const Place& place = places[static_cast<size_t>(index)];
  const size_t expected = clip.mouth.frame_size() * static_cast<size_t>(clip.mouth.count);
  for (const MemberPlace& member : place.members) {
    if (!is_mouth(member.ending)) continue;
    unpack_frames(read_checked(file, member, place.crc32, where), where + member.ending, clip.mouth);
  }
  if (clip.mouth.pixels.size() != expected) {
    throw std::runtime_error(fmt::format("{}: expected {} frames, found {}", where, clip.mouth.count,
                                         clip.mouth.pixels.size() / clip.mouth.frame_size()));
  }
}

void ShardDataset::Impl::read_audio(int index, const OpenFile& file, const std::string& where, Clip& clip) const {
  const Place& place = places[static_cast<size_t>(index)];
  const int64_t expected = records[static_cast<size_t>(index)].samples;
  for (const MemberPlace& member : place.members) {
    if (member.ending == ".flac")
      clip.audio = decode_flac(read_checked(file, member, place.crc32, where), where + ".flac");
  }
  if (static_cast<int64_t>(clip.audio.samples.size()) != expected) {
    throw std::runtime_error(
        fmt::format("{}: expected {} samples, found {}", where, expected, clip.audio.samples.size()));
  }
}

ShardDataset::ShardDataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ShardDataset::ShardDataset(ShardDataset&&) noexcept = default;
ShardDataset& ShardDataset::operator=(ShardDataset&&) noexcept = default;
ShardDataset::~ShardDataset() = default;

ShardDataset ShardDataset::open(const std::string& folder, const std::string& split) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    throw std::runtime_error(folder + ": expected a folder of prepared clips");
  const std::vector<std::string> shards = list_shards(folder);
  if (shards.empty()) throw std::runtime_error(folder + ": holds no prepared clips (*.tar): run `avsr prepare` first");
  return open(shards, split);
}

ShardDataset ShardDataset::open(const std::vector<std::string>& shards, const std::string& split,
                                const Splits* splits) {
  auto impl = std::make_unique<Impl>();
  std::unordered_set<std::string> keys;
  for (const std::string& shard : shards) impl->add_shard(shard, split, splits, keys);
  return ShardDataset(std::move(impl));
}

int ShardDataset::size() const { return static_cast<int>(impl_->records.size()); }

const ClipRecord& ShardDataset::record(int index) const {
  if (index < 0 || index >= size()) {
    throw std::invalid_argument(fmt::format("[shards] expected a clip from 0 to {}, got {}", size() - 1, index));
  }
  return impl_->records[static_cast<size_t>(index)];
}

Clip ShardDataset::read(int index, ClipPart part) const {
  const ClipRecord& about = record(index);
  Clip clip = about.clip;
  const std::string where = about.shard + ": clip " + clip.key;
  // Opened for each clip, which costs little beside its decoding: a data set may have more shards than a process may
  // have open files.
  const OpenFile file(about.shard);
  if (part == ClipPart::kAudio) {
    clip.mouth = {};
  } else if (clip.mouth.count > 0) {
    impl_->read_frames(index, file, where, clip);
  }
  if (part != ClipPart::kVideo && about.samples > 0) impl_->read_audio(index, file, where, clip);
  return clip;
}

}  // namespace avsr::io
