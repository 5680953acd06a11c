// Which clips a cross-validation trains on, chooses by, and tests on, fold by fold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/shards.h"

namespace avsr::pipeline {

struct FoldSettings {
  int folds = 5;      // k-fold: the clips are dealt into so many groups, by speaker where there are speakers enough
  int leave_out = 0;  // > 0: instead, every fold tests on so many speakers that it has not trained on
  int most = 20;      // folds of leave-out at most, drawn where there are more ways
  uint64_t seed = 1;
  bool with_test = false;  // the clips of split test take part too; else they stay unseen

  void validate() const;  // throws std::invalid_argument
};

struct Fold {
  std::map<std::string, std::string> splits;  // clip key -> train, val or test; "other" as it was
  std::string tested;                         // what it tests on: "speakers s1 s7", or "group 2 of 5"
};

// Each clip of train and val (and test) is tested in exactly one of k folds. A fold's validation clips are another
// group than its test clips, so that the epoch is not chosen by what is tested. Throws std::runtime_error when there
// are too few speakers (at least 2 * leave_out + 1) or clips.
std::vector<Fold> make_folds(const io::ShardDataset& clips, const FoldSettings& settings);

// Writes view/dataset.json: the prepared folder with this fold's splits (Note [Views]).
void write_view(const std::string& folder, const Fold& fold, const std::filesystem::path& view);

}  // namespace avsr::pipeline
