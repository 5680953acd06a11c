// Turns a dataset into batches on worker threads, ahead of the computation.
//
// Note [Keyed randomness]
// Every random choice is keyed by what it is for: the order of an epoch by (seed, epoch), all that happens to an
// example by (seed, epoch, its key). So the batches are the same for any number of workers, and an epoch can be entered
// at any batch.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pipeline/data/dataset.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/noise_source.h"
#include "pipeline/ranks.h"
#include "preprocessing/augment.h"

namespace avsr::pipeline {

struct LoaderSettings {
  int batch = 36;
  int parts = 1;  // that a batch comes in, as even as they can be; fewer where it has fewer clips
  uint64_t seed = 1;
  int epoch = 0;
  bool training = false;  // shuffled and augmented; an incomplete last batch is dropped unless it is the only one
  preprocessing::AugmentSettings augment;  // of training
  double shift_frames = 0;  // of training: windows cut from sentences move by up to this many frames, fractions too
  const NoiseSource* noise = nullptr;            // null: always clean
  std::vector<std::optional<double>> levels_db;  // drawn equally likely for each example; no value: clean
  int first_batch = 0;                           // batches before it are skipped
  Ranks ranks;                                   // each makes its part of every batch; it may be empty
  int workers = 0;                               // 0: half of the cores, at least one
  int ahead = 0;                                 // parts made ahead; 0: twice the workers
};

class Loader {
 public:
  // dataset, writer and noise must outlive the loader.
  Loader(const Dataset& dataset, const BatchWriter& writer, const LoaderSettings& settings);
  ~Loader();  // stops the workers
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int batches() const;   // of the epoch, skipped ones included
  int examples() const;  // in these batches, those of other ranks included
  // The next batch, or part of one, in order; false at the end. Rethrows what a worker threw.
  bool next(HostBatch& batch);
  // Wall-clock seconds that next() has waited for the workers: the computation had nothing to do in them.
  double waited_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace avsr::pipeline
