// From a corpus folder to the list of its clips: what to read, where its words are, which split it belongs to.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data_scripts/problems.h"
#include "io/clip.h"

namespace avsr::data_scripts {

enum class Layout { kAuto, kLrw, kGrid, kManifest };

// Accepts "auto", "lrw", "grid" and "manifest"; throws std::invalid_argument naming the four otherwise.
Layout layout_from_name(const std::string& name);
std::string layout_name(Layout layout);

// One clip to be prepared. Word times are relative to the start of what will be read (to start_seconds, if given).
struct Source {
  std::string key;  // unique in the corpus, [A-Za-z0-9_-]+
  std::filesystem::path media_path;
  std::string split;                    // "train", "val", "test" or "other" (never to be trained on)
  std::string speaker;                  // empty when unknown
  std::string label;                    // the word of a word clip; empty for sentences
  std::vector<io::Word> words;          // with times where the corpus gives them
  std::optional<double> start_seconds;  // cut of the media file; nothing means from its start …
  std::optional<double> end_seconds;    // … and to its end
};

struct SourceList {
  Layout layout = Layout::kAuto;   // the layout that was found, never kAuto
  std::vector<Source> sources;     // sorted by split, then key
  std::vector<std::string> notes;  // one sentence each, such as how splits were made
};

// Lists a corpus: a folder of LRW or GRID layout, or a manifest file (.csv, .jsonl).
// With kAuto the layout is recognised from what lies there.
// Throws std::runtime_error when the path does not exist, looks like no layout, or a text file in it is malformed
// (with file, line, what was expected and what was found), or when two clips have the same key. With `problems`, what
// is wrong with a single entry is added to them and the entry left out. A manifest without splits gets them by
// assign_splits().
SourceList list_sources(const std::filesystem::path& corpus, Layout layout = Layout::kAuto,
                        Problems* problems = nullptr);

// Makes text fit for a key: every character outside [A-Za-z0-9_-] becomes '-'.
std::string key_from(const std::string& text);

}  // namespace avsr::data_scripts
