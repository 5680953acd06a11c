// From a corpus to packed clips: reads every media file, crops the mouth, writes shards and a report on their quality.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data_scripts/sources.h"
#include "pipeline/data/crop_rule.h"

namespace avsr::pipeline {

struct PrepareOptions {
  std::string corpus;  // a folder of LRW or GRID layout, or a manifest
  std::string out;     // the folder that gets the shards
  data_scripts::Layout layout = data_scripts::Layout::kAuto;
  std::string crop = "auto";  // "fixed", "tracked", or "auto": fixed for the LRW layout, tracked otherwise
  preprocessing::CropBox box;
  preprocessing::TrackedCropSettings tracked;
  std::string face_model = preprocessing::kLandmarkModelPath;
  int workers = 0;  // threads; 0: as many as cores
  int clips_per_shard = 1000;
  int limit = 0;  // at most so many clips of each split, evenly spread; 0: all

  void validate() const;          // throws std::invalid_argument
  void validate_reading() const;  // of it: what reading the corpus takes, and no more
};

struct PrepareResult {
  int64_t clips = 0;     // packed
  int64_t skipped = 0;   // unreadable
  int64_t doubtful = 0;  // packed, but their quality is not "ok"
  bool already_done = false;
  std::vector<std::string> notes;          // such as how splits were made
  std::map<std::string, int64_t> reasons;  // "ok", "no_face", "unreadable", … -> clips
};

// What prepare_corpus() tells while it works: counts of all splits together. `resumed`: done by a former run.
struct PrepareStep {
  int64_t done = 0, total = 0, resumed = 0;
};

// Note [Prepared folder]
// <split>-NNNN-000000.tar (+ .idx)  clips in the order of their keys, clips_per_shard in each
// dataset.json   crop rule, counts, shards with their bytes, hash of what is packed; written last
// quality.json   counts by reason and every clip that is not "ok"; quality.jsonl: one line for each clip
// quality.html, contact_sheet.png   the same to look at
// .parts/        what is known of finished shards; with it a stopped run goes on behind the last of them. plan.json
//                there: sources, crop rule and hash of the landmark model, which must be the same then

// Writes the prepared folder. The files are the same whatever the number of workers, and after a stop and a restart. A
// finished folder is recognised (already_done); one that was made of other sources or with other settings is refused
// (std::runtime_error). Clips that cannot be read or packed are left out and reported; std::runtime_error when not a
// single one is left. step is called on the calling thread; an exception it throws stops the run.
PrepareResult prepare_corpus(const PrepareOptions& options, const std::function<void(const PrepareStep&)>& step = {});

}  // namespace avsr::pipeline
