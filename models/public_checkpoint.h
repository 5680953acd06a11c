// The checkpoints that the paper's authors published, as PyTorch names their tensors: which of them goes where in a
// network of ours.
//
// Known are the video file (frontend3D, resnet34), the audio file (fronted1D or frontend1D, resnet18) and the fusion
// file (gru and fc alone); video, audio and fusion together are an audiovisual network. Of their successor system, the
// video (frontend3D, trunk) and audio files (trunk alone) of a ResNet with an MS-TCN (tcn). Sizes are read off the
// shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/network.h"

namespace avsr::models {

enum class PublicSystem : uint8_t { paper, successor };

struct PublicTensor {
  std::string key;
  std::vector<int64_t> shape;  // in PyTorch's order of the axes
  std::string type;            // "float32", …
};

struct PublicFile {
  std::string path;
  std::vector<PublicTensor> tensors;
};

// What became of one key.
struct KeyRow {
  enum class Use : uint8_t { used, ignored, missing, unknown, misfit };
  Use use = Use::used;
  size_t file = 0;  // index in the files given
  std::string key;
  std::vector<int64_t> shape;  // found, or expected of a missing one
  std::string parameter;       // where it goes (used, missing, misfit)
  std::string remark;          // why it is ignored, or what was expected
  // Not the parameter's own values, but what is taken off them: a bias in front of a batch norm, off its mean.
  bool taken_off = false;
};
const char* name_of(KeyRow::Use use);

struct ImportPlan {
  NetworkConfig config;
  PublicSystem system = PublicSystem::paper;
  std::vector<KeyRow> rows;  // file by file, in the files' order; then what is missing
  bool fits() const;         // nothing is missing, unknown or a misfit
};

// activation: wanted, and only then, of the successor's files without PReLU's slopes, which do not tell ReLU from
// Swish. Throws std::invalid_argument naming the file when it is none of these, or when the files together are no
// network.
ImportPlan plan_import(const std::vector<PublicFile>& files, std::optional<backend::Activation> activation,
                       backend::Backend& backend);

// All numbers of a tensor, row-major; `key` as the file has it.
using PublicReader = std::function<std::vector<float>(size_t file, const std::string& key)>;

// Copies what the plan uses into the arena of a network made from plan.config, in our own layout. Throws
// std::runtime_error naming the key when a number is not finite. The plan must fit.
void import_parameters(const ImportPlan& plan, const PublicReader& read, layers::ParameterArena& arena);

}  // namespace avsr::models
