// What is wrong with a corpus, found without writing anything: media files are decoded once.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data_scripts/sources.h"

namespace avsr::pipeline {

// One kind of trouble, with the clips or words that have it.
struct CorpusFinding {
  std::string kind;   // one of finding_kinds()
  bool error = true;  // false: it may be meant so
  std::string what;   // one sentence: what it is, and what to do
  std::vector<std::string> where;
};

// All that is looked for: "unreadable", "shared_clip", …, in the order of a report.
std::vector<std::string> finding_kinds();

struct CorpusReport {
  int64_t clips = 0;                    // decoded
  std::vector<CorpusFinding> findings;  // errors first
  std::vector<std::string> notes;       // of the listing, such as how splits were made
  int64_t errors() const;               // how many places errors have
};
nlohmann::json to_json(const CorpusReport& report);
// At most `most` places of each finding.
std::string text_of(const CorpusReport& report, int most = 5);

struct CheckOptions {
  std::string corpus;
  data_scripts::Layout layout = data_scripts::Layout::kAuto;
  int workers = 0;  // threads; 0: as many as cores
  int limit = 0;    // decode at most so many clips of each split, evenly spread; 0: all. The listing is checked whole.
};

// step(done, total) is called on the calling thread; an exception it throws stops the check. Throws std::runtime_error
// only when the corpus as a whole cannot be read.
CorpusReport check_corpus(const CheckOptions& options, const std::function<void(int64_t, int64_t)>& step = {});

}  // namespace avsr::pipeline
