// The full state of a training run in one safetensors file, to continue bit-equal after any interruption.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/layers/parameters.h"

namespace avsr::models {

// Flat device tensors by name ("optimizer/first", "optimizer/second"), each written or filled whole.
using NamedTensors = std::vector<std::pair<std::string, backend::Tensor*>>;

// Writes values, statistics, the given tensors and `state` (step, epoch, best score, …: the trainer's own) atomically.
void save_checkpoint(const std::filesystem::path& path, layers::ParameterArena& arena, const NamedTensors& tensors,
                     const nlohmann::json& state);
// Restores all of them; returns `state`. `tensors` must already have their shapes. Throws std::runtime_error when the
// file is of another network (names or shapes differ) or lacks a tensor, DamagedFile when its bytes have changed;
// nothing is changed then.
nlohmann::json load_checkpoint(const std::filesystem::path& path, layers::ParameterArena& arena,
                               const NamedTensors& tensors);

}  // namespace avsr::models
