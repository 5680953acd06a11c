// The layout of the GRID audiovisual sentence corpus (Cooke, Barker, Cunningham, Shao 2006):
// <root>/s1/<id>.mp4 (or .mpg, .avi) with <id>.align, and other_speakers/<speaker>_<id>.mpg with .align.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data_scripts/sources.h"

namespace avsr::data_scripts {

constexpr double kGridTicksPerSecond = 25000;  // of .align files: 1000 = one video frame

// The words of an .align file (`start end word` lines) without silences ("sil", "sp").
// Throws std::runtime_error naming file and line when a line is malformed or times run backwards.
std::vector<io::Word> read_align(const std::filesystem::path& path);

bool looks_like_grid(const std::filesystem::path& root);

// The sentences of every speaker folder (s1, s2, …) named in a split list, and those of other_speakers/ as split
// "other". The lists are <root>/{train,val,test}.txt (lines `s1/<id>`); a corpus without them uses ours
// (grid_split.h), which name sentences of speaker s1. A listed sentence that is absent is an error when the
// lists are the root's own; of ours, what is absent is left out, and none present is an error.
std::vector<Source> list_grid(const std::filesystem::path& root, Problems* problems = nullptr);

}  // namespace avsr::data_scripts
