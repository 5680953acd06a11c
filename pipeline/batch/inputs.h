// Which media files a command is to work on: files, folders, patterns and lists, as a user names them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace avsr::pipeline {

struct InputFile {
  std::string path;      // as it is opened
  std::string relative;  // below the folder that was named, "2024/talk.mp4"; of a file that was named, its name alone
  std::string root;      // the name of that folder, or of the named file's folder
  std::string problem;   // why it cannot be read, where that is known already; else empty
};

struct InputList {
  std::vector<InputFile> files;                             // sorted by `relative`, then `path`; none twice
  std::map<std::string, std::vector<std::string>> ignored;  // files in folders that are no media, by ending
  int64_t ignored_count() const;
};

// Whether FFmpeg's users would expect sound or pictures in a file of this name (its ending decides).
bool is_media_name(const std::string& name);

// named: files (of any ending); folders, with all that is below them; patterns such as "talks/*.mp4" where the shell
// has not expanded them; "@FILE" for a list. In folders hidden files, files whose ending is not of media, and the
// videos that an earlier run has drawn are ignored (the latter in patterns, too), and so is what lies in `out`. What
// does not exist or cannot be listed becomes an InputFile with a problem. Throws std::runtime_error where a list cannot
// be read.
InputList find_inputs(const std::vector<std::string>& named, const std::string& out);

}  // namespace avsr::pipeline
