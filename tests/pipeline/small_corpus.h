// A corpus of a few dozen tiny clips, packed as `avsr prepare` packs: each word has its own tone and its own moving
// bar.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/temporary_folder.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

using io::TemporaryFolder;

constexpr int kSmallFrames = 29, kSmallCrop = 24;

// Splits train (24 clips), val (8) and test (8) of two words in whole clips by talkers t0 … t3 (train), v0, v1 and e0,
// e1; with sentences also one clip "sentence" of both words in split train. word_times: the words of the whole clips
// lie from 0.4 to 0.7 seconds; else their times are not known.
void write_small_corpus(const std::string& folder, bool sentences = false, bool word_times = false);

// Two audio stages (temporal convolution, recurrent), two video stages and a fusion, narrow; one or two epochs each.
std::string small_recipe_text();
Recipe small_recipe(const std::vector<std::string>& overrides = {});

}  // namespace avsr::pipeline
