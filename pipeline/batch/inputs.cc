#include "pipeline/batch/inputs.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <string_view>
#include <tuple>

#include "io/atomic_file.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;

// What this program writes itself; beside the videos where the user wants it there.
constexpr std::string_view kOurVideos[] = {".overlay.mp4", ".page.mp4"};

bool is_ours(const std::string& name) {
  return std::any_of(std::begin(kOurVideos), std::end(kOurVideos),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

std::string lower_ending(const std::string& name) {
  std::string ending = fs::path(name).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

// The name of a folder however it was written: "a/b/", "." and ".." included.
std::string folder_name(const fs::path& folder) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(folder, error);
  return (error ? folder : whole).filename().string();
}

std::vector<std::string> matches_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> matches;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i) matches.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  return matches;
}

std::vector<std::string> lines_of(const std::string& list) {
  std::istringstream text(io::read_text_file(list));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && line.front() != '#') lines.push_back(line);
  }
  return lines;
}

class Finder {
 public:
  explicit Finder(const std::string& out) : out_(canonical(out)) {}

  void add(const std::string& named) {
    std::error_code error;
    const fs::file_status status = fs::status(named, error);
    if (fs::is_directory(status)) {
      add_folder(named);
    } else if (fs::exists(fs::symlink_status(named, error))) {
      add_file(named);
    } else if (named.starts_with('@')) {
      for (const std::string& line : lines_of(named.substr(1))) add(line);
    } else if (named.find_first_of("*?[") != std::string::npos) {
      const std::vector<std::string> matches = matches_of(named);
      if (matches.empty()) add_file(named, "no file matches this pattern");
      for (const std::string& match : matches)
        if (!is_ours(match)) add(match);
    } else {
      add_file(named);  // does not exist: whoever opens it says so
    }
  }

  InputList take() {
    const auto key = [](const InputFile& file) { return std::tie(file.relative, file.path); };
    std::sort(list_.files.begin(), list_.files.end(),
              [&](const InputFile& a, const InputFile& b) { return key(a) < key(b); });
    return std::move(list_);
  }

 private:
  static std::string canonical(const fs::path& path) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(path, error);
    return (error ? path : whole).string();
  }

  void add_file(const fs::path& path, const std::string& problem = "") {
    push({path.string(), path.filename().string(), folder_name(path.has_parent_path() ? path.parent_path() : "."),
          problem});
  }
  // A link and what it points to are two files with one content each: only one name for one place is dropped.
  void push(InputFile file) {
    const fs::path path(file.path);
    const std::string place =
        (fs::path(canonical(path.has_parent_path() ? path.parent_path() : ".")) / path.filename());
    if (seen_.insert(place).second) list_.files.push_back(std::move(file));
  }

  void add_folder(const fs::path& folder) {
    if (!walk(folder, "", folder_name(folder))) add_file(folder, "no media file is in this folder");
  }

  // Returns whether there was a media file in it.
  bool walk(const fs::path& folder, const fs::path& relative, const std::string& root) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
      entries.push_back(*entry);
    if (error) {
      push({folder.string(), relative.empty() ? folder_name(folder) : relative.string(), root,
            fmt::format("this folder cannot be listed: {}", error.message())});
      return true;
    }
    bool any = false;
    for (const fs::directory_entry& entry : entries) any |= visit(entry, relative, root);
    return any;
  }

  bool visit(const fs::directory_entry& entry, const fs::path& relative, const std::string& root) {
    std::error_code error;
    const fs::path below = relative / entry.path().filename();
    const std::string name = entry.path().filename().string();
    if (entry.is_directory(error) && !entry.is_symlink(error)) {
      if (name.starts_with('.') || canonical(entry.path()) == out_) return false;
      const bool any = walk(entry.path(), below, root);
      if (!any && is_media_name(name)) push({entry.path().string(), below.string(), root, ""});
      return any;
    }
    if (name.starts_with('.') || !is_media_name(name) || is_ours(name)) {
      list_.ignored[name.starts_with('.') ? "hidden" : lower_ending(name)].push_back(entry.path().string());
      return false;
    }
    push({entry.path().string(), below.string(), root, ""});
    return true;
  }

  std::string out_;
  InputList list_;
  std::set<std::string> seen_;
};

}  // namespace

int64_t InputList::ignored_count() const {
  int64_t count = 0;
  for (const auto& [ending, names] : ignored) count += static_cast<int64_t>(names.size());
  return count;
}

bool is_media_name(const std::string& name) {
  static const std::set<std::string> endings{
      ".3g2",  ".3gp", ".aac",  ".ac3",  ".aif",  ".aiff", ".amr",  ".asf",  ".au",  ".avi", ".caf",
      ".divx", ".dv",  ".f4v",  ".flac", ".flv",  ".m2t",  ".m2ts", ".m4a",  ".m4v", ".mka", ".mkv",
      ".mov",  ".mp2", ".mp3",  ".mp4",  ".mpeg", ".mpg",  ".mts",  ".mxf",  ".oga", ".ogg", ".ogv",
      ".opus", ".rm",  ".rmvb", ".ts",   ".vob",  ".w64",  ".wav",  ".webm", ".wma", ".wmv"};
  return endings.contains(lower_ending(name));
}

InputList find_inputs(const std::vector<std::string>& named, const std::string& out) {
  Finder finder(out);
  for (const std::string& one : named) finder.add(one);
  return finder.take();
}

}  // namespace avsr::pipeline
