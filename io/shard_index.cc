#include "io/shard_index.h"

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "io/atomic_file.h"
#include "io/checksum.h"

namespace avsr::io {

namespace {

using nlohmann::json;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

[[noreturn]] void fail(const std::string& shard, archive* reader) {
  const char* text = archive_error_string(reader);
  throw std::runtime_error(shard + ": damaged shard: " + (text ? text : "unreadable"));
}

Reader open_tar(const std::string& shard) {
  Reader reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), shard.c_str(), 65536) != ARCHIVE_OK) fail(shard, reader.get());
  return reader;
}

std::string read_member(const std::string& shard, archive* reader, uint64_t bytes) {
  constexpr uint64_t kMaxMetadata = 64 << 20;
  if (bytes > kMaxMetadata)
    throw std::runtime_error(shard + ": damaged shard: metadata of " + std::to_string(bytes) + " bytes");
  std::string text(bytes, '\0');
  const la_ssize_t got = archive_read_data(reader, text.data(), text.size());
  if (got < 0 || static_cast<uint64_t>(got) != bytes) fail(shard, reader);
  return text;
}

json parse(const std::string& text, const std::string& where) {
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) throw std::runtime_error(where + ": its metadata is not JSON");
  return parsed;
}

// "folder/key.mouth.jpg" -> {"key", ".mouth.jpg"}: in WebDataset the first dot ends the key.
std::pair<std::string, std::string> split_name(const std::string& name) {
  const size_t slash = name.rfind('/');
  const std::string file = slash == std::string::npos ? name : name.substr(slash + 1);
  const size_t dot = file.find('.');
  if (dot == std::string::npos) return {file, ""};
  return {file.substr(0, dot), file.substr(dot)};
}

IndexEntry parse_index_line(const std::string& line, const std::string& shard) {
  const json parsed = parse(line, index_path(shard));
  IndexEntry entry;
  entry.metadata = clip_from_json(parsed.at("clip"), index_path(shard));
  for (const json& member : parsed.at("members")) {
    entry.members.push_back(
        {member.at(0).get<std::string>(), member.at(1).get<uint64_t>(), member.at(2).get<uint64_t>()});
  }
  return entry;
}

// Nothing when the file is not there, is older than its shard's content, or does not make sense: the shard itself
// decides then.
std::optional<ShardIndex> read_index_file(const std::string& shard, uint64_t tar_bytes) {
  if (!std::filesystem::exists(index_path(shard))) return std::nullopt;
  try {
    std::string text = read_text_file(index_path(shard));
    const size_t head_bytes = text.find('\n') + 1;
    const json head = parse(text.substr(0, head_bytes), shard);
    text.erase(0, head_bytes);
    if (head.at("tar_bytes").get<uint64_t>() != tar_bytes) return std::nullopt;
    if (head.value("crc32", json()) != crc32(std::as_bytes(std::span(text)))) return std::nullopt;
    std::istringstream lines(std::move(text));
    std::string line;
    ShardIndex index;
    while (std::getline(lines, line)) index.push_back(parse_index_line(line, shard));
    if (index.size() != head.at("clips").get<size_t>()) return std::nullopt;
    for (const IndexEntry& entry : index) {
      for (const MemberPlace& member : entry.members) {
        if (member.bytes > tar_bytes || member.offset > tar_bytes - member.bytes) return std::nullopt;
      }
    }
    return index;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::string index_path(const std::string& shard) {
  return std::filesystem::path(shard).replace_extension(".idx").string();
}

std::string index_head(uint64_t tar_bytes, size_t clips, std::string_view lines) {
  return json{{"tar_bytes", tar_bytes}, {"clips", clips}, {"crc32", crc32(std::as_bytes(std::span(lines)))}}.dump() +
         "\n";
}

std::string index_line(const std::string& metadata, const std::vector<MemberPlace>& members) {
  json places = json::array();
  for (const MemberPlace& member : members) places.push_back({member.ending, member.offset, member.bytes});
  return "{\"clip\":" + metadata + ",\"members\":" + places.dump() + "}\n";
}

ShardIndex scan_shard(const std::string& shard) {
  const uint64_t tar_bytes = std::filesystem::file_size(shard);
  const Reader reader = open_tar(shard);
  ShardIndex index;
  std::vector<std::string> keys;
  std::unordered_map<std::string, size_t> position;
  archive_entry* header = nullptr;
  int code = ARCHIVE_OK;
  while ((code = archive_read_next_header(reader.get(), &header)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
    if (archive_entry_filetype(header) != AE_IFREG) continue;
    const auto [key, ending] = split_name(archive_entry_pathname(header));
    // The header, with its extensions, has been consumed and nothing of the data.
    const uint64_t offset = static_cast<uint64_t>(archive_filter_bytes(reader.get(), 0));
    const uint64_t bytes = static_cast<uint64_t>(archive_entry_size(header));
    if (bytes > tar_bytes || offset > tar_bytes - bytes) {
      throw std::runtime_error(shard + ": damaged shard: ends within " + key + ending);
    }
    const auto [place, added] = position.try_emplace(key, index.size());
    if (added) {
      index.emplace_back();
      keys.push_back(key);
    }
    IndexEntry& entry = index[place->second];
    for (const MemberPlace& member : entry.members) {
      if (member.ending == ending) throw std::runtime_error(shard + ": holds " + key + ending + " twice");
    }
    entry.members.push_back({ending, offset, bytes});
    if (ending == ".json") {
      const std::string where = shard + ": clip " + key;
      entry.metadata = clip_from_json(parse(read_member(shard, reader.get(), bytes), where), where);
      if (entry.metadata.clip.key != key)
        throw std::runtime_error(where + ": its metadata is that of " + entry.metadata.clip.key);
    }
  }
  if (code != ARCHIVE_EOF) fail(shard, reader.get());
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i].metadata.clip.key.empty())
      throw std::runtime_error(shard + ": clip " + keys[i] + ": has no " + keys[i] + ".json");
  }
  return index;
}

ShardIndex read_index(const std::string& shard) {
  std::error_code error;
  const uint64_t tar_bytes = std::filesystem::file_size(shard, error);
  if (error) throw std::runtime_error(shard + ": cannot open: " + error.message());
  if (tar_bytes == 0) throw std::runtime_error(shard + ": damaged shard: is empty (0 bytes)");
  if (std::optional<ShardIndex> index = read_index_file(shard, tar_bytes)) return std::move(*index);
  return scan_shard(shard);
}

}  // namespace avsr::io
