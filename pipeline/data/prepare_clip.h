// One clip's way from its media file to the bytes of a shard.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "data_scripts/sources.h"
#include "io/media_reader.h"
#include "io/shards.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/data/quality_report.h"

namespace avsr::pipeline {

// By how many seconds the clip's end, where its corpus gives one, lies beyond the end of the stream that ends first; 0
// where it does not by more than a few frames. `media`: the clip as it was read.
double missing_seconds(const data_scripts::Source& source, const io::Media& media);

struct PreparedClip {
  io::PackedClip packed;  // empty unless row.packed
  QualityRow row;
  uint64_t hash = 0;    // of the packed bytes
  int64_t samples = 0;  // of the sound
};

class ClipPreparer {
 public:
  // model may be null for a fixed box.
  ClipPreparer(CropRule rule, std::shared_ptr<const preprocessing::FaceModel> model)
      : rule_(std::move(rule)), model_(std::move(model)) {}

  // Thread-safe. Whatever is wrong with the clip ends in its row (reason "unreadable"): one clip never stops a corpus.
  // Throws std::bad_alloc alone.
  PreparedClip prepare(const data_scripts::Source& source) const;

 private:
  void read_and_pack(const data_scripts::Source& source, PreparedClip& prepared) const;
  io::Clip to_clip(const data_scripts::Source& source, io::Media& media, bool ends_early) const;

  CropRule rule_;
  std::shared_ptr<const preprocessing::FaceModel> model_;
};

}  // namespace avsr::pipeline
