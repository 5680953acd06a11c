// A model on disk: one safetensors file with all that is needed to use the network rightly.
//
// Tensors: every parameter and batch-norm statistic under its path, in our own layout (channels last: a convolution
// weight is (out, depth, height, width, in); PyTorch's is (out, in, depth, height, width)). Recurrent and linear
// weights are as in PyTorch. Metadata, each value a string: "format" = "avsr-model-2", and JSON texts "architecture",
// "labels", "preprocessing", "averaging", "decoding", "provenance". Compact files: see models/compact_weights.h.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/loss.h"
#include "models/network.h"
#include "models/safetensors.h"

namespace avsr::models {

// How the steps of a clip become one answer: as the loss that the model was trained by averages them. mean_logits: the
// softmax of their mean logits; per_frame: the mean of their probabilities; ctc: they do not, they are symbols of a
// sentence, label 0 being the blank.
struct Averaging {
  Loss form = Loss::mean_logits;
  int middle_steps = 0;  // only so many steps in the middle of the clip count; 0: all
  auto operator<=>(const Averaging&) const = default;
};

struct ModelFile {
  NetworkConfig config;
  std::vector<std::string> labels;  // as many as config.labels
  nlohmann::json preprocessing;  // crop rule, normalisation, frame rate, audio trim: written and read by the pipeline
  Averaging averaging;
  nlohmann::json decoding;    // how windows over a video become words; null until chosen on validation
  nlohmann::json provenance;  // recipe, stage, seed, data hash, device, talkers, …
};

// Written atomically. Throws std::invalid_argument when labels and config disagree, std::runtime_error on i/o.
void save_model(const std::filesystem::path& path, const ModelFile& file, layers::ParameterArena& arena);

struct LoadedModel {
  ModelFile file;
  std::unique_ptr<Network> network;
};
// Strict: every parameter of the network must be in the file with its shape and finite, and nothing else may be.
LoadedModel load_model(const std::filesystem::path& path, backend::Backend& backend);
ModelFile read_model_header(const std::filesystem::path& path);  // without the weights

// Its tensors by path, the values in full where they are stored as whole numbers (models/compact_weights.h).
SafetensorsFile read_model_tensors(const std::filesystem::path& path);
// The same model with weights of 8 bits, a quarter as large. Written atomically. Throws std::invalid_argument when it
// is compact already.
void save_compact(const std::filesystem::path& model, const std::filesystem::path& path);

struct LoadReport {
  std::vector<std::string> loaded;   // paths copied into the arena
  std::vector<std::string> ignored;  // in the file, not asked for
};
// Copies the parts under `prefixes` (whole path components; {""} is everything) into the arena, statistics included.
// Throws std::runtime_error listing every parameter of those parts that the file lacks, has in another shape, or has
// and the arena lacks, or that is not finite, before anything is copied. A prefix that matches nothing in the arena is
// std::invalid_argument.
LoadReport load_parameters(const std::filesystem::path& path, layers::ParameterArena& arena,
                           const std::vector<std::string>& prefixes);
// Throws what load_parameters would throw for a file made from `source`, as std::invalid_argument. Declared arenas
// will do.
void check_parts(const layers::ParameterArena& source, const layers::ParameterArena& arena,
                 const std::vector<std::string>& prefixes);

}  // namespace avsr::models
