#include "data_scripts/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

#include "data_scripts/grid.h"
#include "data_scripts/lrw.h"
#include "data_scripts/manifest.h"
#include "data_scripts/splits.h"

namespace avsr::data_scripts {
namespace {

constexpr std::pair<const char*, Layout> kLayouts[] = {
    {"auto", Layout::kAuto}, {"lrw", Layout::kLrw}, {"grid", Layout::kGrid}, {"manifest", Layout::kManifest}};

Layout recognise(const std::filesystem::path& corpus) {
  if (std::filesystem::is_regular_file(corpus)) return Layout::kManifest;
  if (looks_like_lrw(corpus)) return Layout::kLrw;
  if (looks_like_grid(corpus)) return Layout::kGrid;
  throw std::runtime_error(fmt::format(
      "{}: expected folders <WORD>/{{train,val,test}} (LRW layout), or s1/*.align (GRID layout), or a .csv or .jsonl "
      "manifest instead of a folder; found none of them",
      corpus.string()));
}

int split_rank(const std::string& split) { return split == "train" ? 0 : split == "val" ? 1 : split == "test" ? 2 : 3; }

// Of the corpus when all have one, of nobody when none has.
void require_splits_of_all(const std::filesystem::path& corpus, const std::vector<Source>& sources) {
  for (const Source& source : sources)
    if (source.split.empty())
      throw std::runtime_error(fmt::format("{}: expected a split for every clip or for none; {} has none",
                                           corpus.string(), source.media_path.string()));
}

void sort_and_check(std::vector<Source>& sources, Problems* problems) {
  std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) {
    return std::tuple(split_rank(a.split), a.split, a.key) < std::tuple(split_rank(b.split), b.split, b.key);
  });
  std::map<std::string, std::filesystem::path> seen;
  std::erase_if(sources, [&](const Source& source) {
    const auto [other, fresh] = seen.emplace(source.key, source.media_path);
    if (fresh) return false;
    add_or_note(problems, [&] {
      throw std::runtime_error(
          fmt::format("two clips have the key '{}': {} and {}; rename one, or give them keys in a manifest", source.key,
                      other->second.string(), source.media_path.string()));
    });
    return true;
  });
}

}  // namespace

Layout layout_from_name(const std::string& name) {
  for (const auto& [known, layout] : kLayouts) {
    if (name == known) return layout;
  }
  throw std::invalid_argument(fmt::format("expected layout auto, lrw, grid or manifest, found '{}'", name));
}

std::string layout_name(Layout layout) {
  for (const auto& [name, known] : kLayouts) {
    if (layout == known) return name;
  }
  return "?";
}

std::string key_from(const std::string& text) {
  std::string key = text;
  for (char& c : key) {
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!good) c = '-';
  }
  return key;
}

SourceList list_sources(const std::filesystem::path& corpus, Layout layout, Problems* problems) {
  if (!std::filesystem::exists(corpus)) {
    throw std::runtime_error(fmt::format("{}: expected a corpus folder or a manifest, found nothing", corpus.string()));
  }
  SourceList list;
  list.layout = layout == Layout::kAuto ? recognise(corpus) : layout;
  if (list.layout == Layout::kLrw) list.sources = list_lrw(corpus, problems);
  if (list.layout == Layout::kGrid) list.sources = list_grid(corpus, problems);
  if (list.layout == Layout::kManifest) list.sources = list_manifest(corpus, problems);
  if (!list.sources.empty() &&
      std::all_of(list.sources.begin(), list.sources.end(), [](const Source& s) { return s.split.empty(); }))
    list.notes.push_back(assign_splits(list.sources));
  require_splits_of_all(corpus, list.sources);
  sort_and_check(list.sources, problems);
  return list;
}

}  // namespace avsr::data_scripts
