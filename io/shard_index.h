// Where in a tar file each clip's members lie.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/clip_json.h"

namespace avsr::io {

struct MemberPlace {
  std::string ending;  // ".mouth.jpg"
  uint64_t offset = 0, bytes = 0;
};

struct IndexEntry {
  ClipMetadata metadata;
  std::vector<MemberPlace> members;
};

using ShardIndex = std::vector<IndexEntry>;

std::string index_path(const std::string& shard);  // "train-000000.tar" -> "train-000000.idx"

// The index beside a shard, from its .idx file, or from the tar file itself where there is none that fits its size
// and its own checksum.
// Throws std::runtime_error naming the shard.
ShardIndex read_index(const std::string& shard);
ShardIndex scan_shard(const std::string& shard);

// First line of an index (with a checksum of the others), then one per clip.
std::string index_head(uint64_t tar_bytes, size_t clips, std::string_view lines);
std::string index_line(const std::string& metadata, const std::vector<MemberPlace>& members);

}  // namespace avsr::io
