// Names and shapes in the public checkpoints. For public_checkpoint.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/network_config.h"
#include "models/public_checkpoint.h"

namespace avsr::models {

enum class PublicKind : uint8_t { video, audio, fusion };

// One file with its keys as they are listed here: without the "module." of a network trained on several GPUs.
struct PublicKeys {
  std::string path;  // of the file
  PublicKind kind = PublicKind::video;
  PublicSystem system = PublicSystem::paper;
  std::map<std::string, const PublicTensor*> tensors;

  // The size of one axis; none when the tensor is absent or has fewer axes.
  std::optional<int> size(const std::string& key, size_t axis) const;
  bool any_under(const std::string& prefix) const;
  std::string first_under(const std::string& prefix) const;  // the key; there is one
  // Of the paper's files, the trunk also of the successor's.
  std::string frontend() const;   // "frontend3D", "fronted1D", "frontend1D"
  std::string trunk() const;      // "resnet34", "resnet18", "trunk"
  std::string recurrent() const;  // "gru.gru", "gru" in a fusion
  std::string head() const;       // "gru.fc", "fc" in a fusion
};

// Throws std::invalid_argument naming the file when it is none of the known kinds, and what it is where that is known.
PublicKeys public_keys(const PublicFile& file);

// The sizes of this file's part of the network; what the file lacks keeps the paper's. activation: what the user says
// of it, where the file does not; std::invalid_argument when it contradicts the file or is missing.
void read_sizes(const PublicKeys& keys, std::optional<backend::Activation> activation, NetworkConfig& config);

// The key that a parameter path (of this file's part of the network) has in the file.
std::string public_key(const PublicKeys& keys, const std::string& path);
// The key of a bias that is taken off this parameter (a batch norm's running mean); empty where there is none.
std::string folded_bias(const PublicKeys& keys, const std::string& path);
// PyTorch's shape of one of our parameters.
std::vector<int64_t> public_shape(const std::string& path, const backend::Shape& ours);

// Why a key that no parameter asks for may be left out; empty when it may not.
std::string why_ignored(const PublicKeys& keys, const std::string& key, const NetworkConfig& config);

}  // namespace avsr::models
