#include "tests/include_rules/include_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>
#include <string_view>

namespace avsr::tests {
namespace {

namespace fs = std::filesystem;

// A room of the house, and what may be included there: "folder/" is the folder with all below it, "folder/*" the folder
// alone, anything else one file.
struct Room {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

// The longest folder that fits a file is its room.
const std::vector<Room>& rooms() {
  static const std::vector<Room> table = {
      {"pipeline/", {"pipeline/*", "pipeline/commands/commands.h", "eval/", "models/", "io/"}},
      {"pipeline/commands/", {"pipeline/", "eval/", "decoding/", "models/", "preprocessing/", "io/", "data_scripts/"}},
      {"pipeline/training/",
       {"pipeline/training/", "pipeline/evaluation/", "pipeline/recognition/", "pipeline/data/", "pipeline/*", "eval/",
        "decoding/", "models/", "preprocessing/", "io/"}},
      {"pipeline/evaluation/",
       {"pipeline/evaluation/", "pipeline/recognition/", "pipeline/data/", "pipeline/*", "eval/", "decoding/",
        "models/", "preprocessing/", "io/", "data_scripts/"}},
      {"pipeline/batch/",
       {"pipeline/batch/", "pipeline/recognition/", "pipeline/data/", "pipeline/*", "preprocessing/", "io/"}},
      {"pipeline/recognition/",
       {"pipeline/recognition/", "pipeline/data/", "pipeline/*", "eval/", "decoding/", "models/", "preprocessing/",
        "io/"}},
      {"pipeline/data/",
       {"pipeline/data/", "pipeline/*", "eval/", "decoding/", "models/", "preprocessing/", "io/", "data_scripts/"}},
      {"eval/", {"eval/", "io/"}},
      {"decoding/", {"decoding/"}},
      {"models/", {"models/", "io/atomic_file.h", "io/checksum.h"}},
      {"models/layers/", {"models/layers/", "models/backend/*"}},
      {"models/backend/", {"models/backend/*", "decoding/ctc.h"}},
      {"models/backend/cpu/", {"models/backend/cpu/", "models/backend/*"}},
      {"models/backend/cuda/", {"models/backend/cuda/", "models/backend/*"}},
      {"models/backend/mpi/", {"models/backend/mpi/", "models/backend/*"}},
      {"preprocessing/", {"preprocessing/", "io/clip.h"}},
      {"io/", {"io/"}},
      {"data_scripts/", {"data_scripts/", "io/", "preprocessing/"}},
  };
  return table;
}

// Foreign headers, and the only rooms that may see them. tests/ and bench/ are not rooms: they may include everything.
struct Foreign {
  std::string name;
  std::regex header;
  std::set<std::string_view> rooms;
};

const std::vector<Foreign>& foreign_libraries() {
  static const std::vector<Foreign> table = {
      {"FFmpeg", std::regex("lib(av|sw)[a-z]+/.*"), {"io/"}},
      {"libsndfile", std::regex("sndfile\\.h+"), {"io/"}},
      {"libarchive", std::regex("archive(_entry)?\\.h"), {"io/"}},
      {"OpenCV", std::regex("opencv2?/.*"), {"preprocessing/", "io/"}},
      {"Boost.CRC", std::regex("boost/crc\\..*"), {"io/"}},
      {"Boost.Serialization's base64", std::regex("boost/archive/.*"), {"io/"}},
      {"Mustache", std::regex("kainjow/.*"), {"pipeline/"}},
      {"Boost.Program_options", std::regex("boost/program_options.*"), {"pipeline/", "pipeline/commands/"}},
      {"dlib", std::regex("dlib/.*"), {"preprocessing/"}},
      {"oneDNN", std::regex("(oneapi/dnnl/)?dnnl.*"), {"models/backend/cpu/"}},
      {"MPI", std::regex("mpi\\.h"), {"models/backend/mpi/"}},
      {"GoogleTest", std::regex("g(test|mock)/.*"), {}},
      {"CUDA",
       std::regex("(cuda|cudnn|cublas|curand|nccl|cub/|thrust/|cooperative_groups|mma\\.h|nvrtc).*"),
       {"models/backend/cuda/"}},
  };
  return table;
}

bool covers(std::string_view pattern, std::string_view file) {
  if (pattern.ends_with("/*")) {
    const auto folder = pattern.substr(0, pattern.size() - 1);
    return file.starts_with(folder) && file.find('/', folder.size()) == std::string_view::npos;
  }
  return pattern.ends_with('/') ? file.starts_with(pattern) : file == pattern;
}

const Room* room_of(std::string_view file) {
  const Room* best = nullptr;
  for (const auto& room : rooms()) {
    if (file.starts_with(room.folder) && (!best || room.folder.size() > best->folder.size())) best = &room;
  }
  return best;
}

std::string why_forbidden(const Room& room, const std::string& header, bool quoted) {
  if (quoted && std::none_of(room.may_include.begin(), room.may_include.end(),
                             [&](std::string_view pattern) { return covers(pattern, header); })) {
    return fmt::format("{} may include only {}", room.folder, fmt::join(room.may_include, ", "));
  }
  for (const auto& library : foreign_libraries()) {
    if (std::regex_match(header, library.header) && !library.rooms.contains(room.folder)) {
      return fmt::format("{} stays in {}", library.name, fmt::join(library.rooms, ", "));
    }
  }
  return {};
}

bool is_source(const fs::path& path) {
  static const std::set<std::string> endings = {".h", ".cc", ".cu", ".cuh"};
  return endings.contains(path.extension().string());
}

// Source files of all rooms, as paths from the root, sorted.
std::vector<std::string> source_files(const fs::path& root) {
  std::set<std::string> files;
  for (const auto& room : rooms()) {
    if (!fs::is_directory(root / room.folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / room.folder)) {
      if (entry.is_regular_file() && is_source(entry.path())) files.insert(fs::relative(entry.path(), root).string());
    }
  }
  if (files.empty()) throw std::runtime_error("no source file below " + root.string());
  return {files.begin(), files.end()};
}

}  // namespace

std::vector<std::string> forbidden_includes(const fs::path& root) {
  static const std::regex include(R"re(^\s*#\s*include\s*(["<])([^">]+)[">].*)re");
  std::vector<std::string> found;
  std::string image_file;  // the one file of io/ that may know OpenCV
  for (const auto& file : source_files(root)) {
    std::ifstream in(root / file);
    std::string line;
    std::smatch match;
    for (int number = 1; std::getline(in, line); ++number) {
      if (!std::regex_match(line, match, include)) continue;
      const std::string header = match[2];
      auto why = why_forbidden(*room_of(file), header, match[1] == "\"");
      if (why.empty() && file.starts_with("io/") && header.starts_with("opencv2/")) {
        if (image_file.empty()) image_file = file;
        if (image_file != file) why = "in io/ one file alone knows OpenCV, and " + image_file + " does";
      }
      if (!why.empty()) found.push_back(fmt::format("{}:{}: includes {}, but {}", file, number, header, why));
    }
  }
  return found;
}

}  // namespace avsr::tests
