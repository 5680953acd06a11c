// The checkpoints of one stage: the last one, and copies of those at the ends of the last epochs to fall back on.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/checkpoint.h"

namespace avsr::pipeline {

class StageCheckpoints {
 public:
  // Files in `folder`: checkpoint.safetensors, and checkpoint-epoch-0003.safetensors after epoch 3 of the last `keep`
  // epochs (0: none).
  StageCheckpoints(std::filesystem::path folder, int keep) : folder_(std::move(folder)), keep_(keep) {}

  bool any() const;
  void save(layers::ParameterArena& arena, const models::NamedTensors& tensors, const nlohmann::json& state) const;
  // After save(): keeps it as that of the end of an epoch, counted from 1.
  void keep(int epoch) const;
  // The newest that can be read, its state. One that is damaged is passed over with a line to `say`, and moved out of
  // the way (NAME.damaged). No value when there is none; std::runtime_error when there are some and all are damaged,
  // and at once when one is whole but of another network.
  std::optional<nlohmann::json> load(layers::ParameterArena& arena, const models::NamedTensors& tensors,
                                     const std::function<void(const std::string&)>& say) const;

 private:
  std::filesystem::path last() const { return folder_ / "checkpoint.safetensors"; }
  std::vector<std::filesystem::path> kept() const;  // newest first

  std::filesystem::path folder_;
  int keep_;
};

}  // namespace avsr::pipeline
