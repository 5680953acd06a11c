#include "models/successor_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace avsr::models {
namespace {

using backend::Activation;

constexpr const char* kFirstBlock = "tcn.mb_ms_tcn.network.0.cbcr0_";

// What of that system no network of ours has.
std::vector<std::string> others_found(const PublicKeys& keys) {
  std::vector<std::string> found;
  if (keys.any_under("trunk.") && !keys.any_under("trunk.layer1.0.conv1."))
    found.push_back(fmt::format("a trunk that is no ResNet, as ShuffleNet's ({})", keys.first_under("trunk.")));
  if (keys.any_under("tcn.tcn_trunk.features."))
    found.push_back(fmt::format("a densely connected TCN ({})", keys.first_under("tcn.tcn_trunk.features.")));
  if (keys.any_under("tcn.tcn_trunk.network."))
    found.push_back(fmt::format("a TCN of a single branch ({})", keys.first_under("tcn.tcn_trunk.network.")));
  if (const std::string separable = fmt::format("{}0.conv.0.", kFirstBlock); keys.any_under(separable))
    found.push_back(fmt::format("depthwise-separable convolutions ({})", keys.first_under(separable)));
  if (found.empty() && !keys.any_under(kFirstBlock)) found.emplace_back("no tcn.mb_ms_tcn");
  if (found.empty() && !keys.any_under("trunk.")) found.emplace_back("no trunk");
  return found;
}

Activation activation_of(const PublicKeys& keys, std::optional<Activation> given) {
  const bool slopes = std::any_of(keys.tensors.begin(), keys.tensors.end(),
                                  [](const auto& entry) { return entry.first.ends_with(".relu_final.weight"); });
  if (slopes && given.value_or(Activation::prelu) != Activation::prelu)
    throw std::invalid_argument(fmt::format(
        "{}: expected the activation prelu, because the file has its slopes; got {}", keys.path, name_of(*given)));
  if (slopes) return Activation::prelu;
  if (!given)
    throw std::invalid_argument(
        fmt::format("{}: expected --activation: without the slopes of PReLU nothing in the file tells ReLU from Swish; "
                    "its configuration does (relu_type): swish in lrw_resnet18_mstcn.json of 2022",
                    keys.path));
  return *given;
}

void read_ms_tcn(const PublicKeys& keys, MsTcnConfig& config) {
  const auto branch = [&](size_t k, size_t axis) {
    return keys.size(fmt::format("{}{}.conv.weight", kFirstBlock, k), axis);
  };
  config.branch_width = branch(0, 0).value_or(config.branch_width);
  config.kernels.clear();
  while (const auto kernel = branch(config.kernels.size(), 2)) config.kernels.push_back(*kernel);
  config.blocks = 0;
  while (keys.any_under(fmt::format("tcn.mb_ms_tcn.network.{}.", config.blocks))) ++config.blocks;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

}  // namespace

bool is_successor(const PublicKeys& keys) { return keys.any_under("tcn.") || keys.any_under("trunk."); }

PublicKind successor_kind(const PublicKeys& keys) {
  const std::vector<std::string> others = others_found(keys);
  if (!others.empty())
    throw std::invalid_argument(
        fmt::format("{}: a checkpoint of the successor system with {}: of its networks only those of a ResNet and an "
                    "MS-TCN (tcn.mb_ms_tcn) are networks of this program",
                    keys.path, fmt::join(others, " and ")));
  return keys.any_under("frontend3D.") ? PublicKind::video : PublicKind::audio;
}

void read_successor_sizes(const PublicKeys& keys, std::optional<Activation> activation, NetworkConfig& config) {
  const bool video = keys.kind == PublicKind::video;
  config.back_end = BackEnd::ms_tcn;
  config.ms_tcn.activation = activation_of(keys, activation);
  (video ? config.video.activation : config.audio.activation) = config.ms_tcn.activation;
  (video ? config.video.embedding : config.audio.embedding) = 0;
  config.video.global_pooling = true;
  config.audio.pool = {20, 20, 0};
  int& width = video ? config.video.frontend_width : config.audio.frontend_width;
  width = keys.size(successor_key(keys, "frontend/conv/weight"), 0).value_or(width);
  read_ms_tcn(keys, config.ms_tcn);
  config.labels = keys.size("tcn.tcn_output.weight", 0).value_or(config.labels);
}

std::string successor_key(const PublicKeys& keys, std::string path) {
  const bool video = keys.kind == PublicKind::video;
  const std::pair<std::string_view, std::string_view> renames[] = {
      {"frontend/conv/", video ? "frontend3D/0/" : "trunk/conv1/"},
      {"frontend/bn/slope", video ? "frontend3D/2/weight" : "trunk/relu/weight"},
      {"frontend/bn/", video ? "frontend3D/1/" : "trunk/bn1/"},
      {"bn1/slope", "relu1/weight"},
      {"bn2/slope", "relu2/weight"},
      {"shortcut/conv/", "downsample/0/"},
      {"shortcut/bn/", "downsample/1/"},
      {"ms_tcn/block", "tcn/mb_ms_tcn/network/"},
      {"/first/", "/cbcr0_"},
      {"/second/", "/cbcr1_"},
      {"/bn/slope", "/non_lin/weight"},
      {"/bn/", "/batchnorm/"},
      {"/shortcut/", "/downsample/"},
      {"/slope", "/relu_final/weight"},
      {"head/", "tcn/tcn_output/"}};
  for (const auto& [from, to] : renames) replace(path, from, to);
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

std::string successor_folded_bias(const PublicKeys& keys, const std::string& path) {
  if (!path.starts_with("ms_tcn/") || !path.ends_with("/bn/running_mean")) return "";
  std::string key = successor_key(keys, path);
  replace(key, ".batchnorm.running_mean", ".conv.bias");
  return key;
}

}  // namespace avsr::models
