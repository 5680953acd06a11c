// The noise that the clips of a test are mixed with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/data/dataset.h"
#include "pipeline/data/noise_source.h"

namespace avsr::pipeline {

// Kinds of noise that need no file.
inline constexpr const char* kMadeNoises[] = {"babble", "speech", "white", "pink"};

struct TestNoiseFrom {
  std::string data;  // prepared folder
  const Dataset& split;
  std::string split_name, tested;             // tested: the split that is reported on, this one or another
  std::vector<std::string> training_talkers;  // sorted
  int voices = 8;                             // of babble
  std::shared_ptr<CacheBudget> cache;
  Targets targets = Targets::words;  // what the split's examples are; sentences may have no word with times
};

// One noise for a split's clips: one of kMadeNoises, a sound file, or a folder of them. Babble and the spectrum of
// speech come from split "other", or "test", where the data has it and its talkers are none of the tested split's;
// else from clips of talkers of the split whom training did not hear, else from the split's own clips. A note says
// where training may have heard them.
struct TestNoise {
  std::unique_ptr<Dataset> dataset;  // that the speech comes from, where it is not the split itself
  NoiseSource source;
  std::vector<std::string> notes;
};
TestNoise open_test_noise(const std::string& kind, const TestNoiseFrom& from);

}  // namespace avsr::pipeline
