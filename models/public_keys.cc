#include "models/public_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/successor_keys.h"

namespace avsr::models {
namespace {

constexpr std::string_view kParallel = "module.";  // DataParallel's

bool has(const PublicKeys& keys, const std::string& key) { return keys.tensors.count(key) > 0; }

std::optional<PublicKind> kind_of(const PublicKeys& keys) {
  if (keys.any_under("frontend3D.") && keys.any_under("resnet34.")) return PublicKind::video;
  if ((keys.any_under("fronted1D.") || keys.any_under("frontend1D.")) && keys.any_under("resnet18."))
    return PublicKind::audio;
  if (has(keys, "gru.weight_hh_l0")) return PublicKind::fusion;
  return std::nullopt;
}

void read_trunk(const PublicKeys& keys, std::vector<int>& widths, std::vector<int>& blocks) {
  std::vector<int> found_widths, found_blocks;
  const auto conv = [&](size_t layer, int block) {
    return keys.size(fmt::format("{}.layer{}.{}.conv1.weight", keys.trunk(), layer + 1, block), 0);
  };
  while (const auto width = conv(found_widths.size(), 0)) {
    int count = 1;
    while (conv(found_widths.size(), count)) ++count;
    found_widths.push_back(*width);
    found_blocks.push_back(count);
  }
  if (found_widths.empty()) return;
  widths = found_widths;
  blocks = found_blocks;
}

// Gates tell the cell: PyTorch stacks them in weight_hh, (gates x hidden, hidden).
void read_recurrent(const PublicKeys& keys, RecurrentConfig& config) {
  const std::string hidden = keys.recurrent() + ".weight_hh_l";
  const auto rows = keys.size(hidden + "0", 0), columns = keys.size(hidden + "0", 1);
  if (!rows || !columns || *columns == 0) return;
  config.hidden = *columns;
  for (const auto& [cell, name] : kCellNames)
    if (*rows == backend::gates_of(cell) * *columns) config.cell = cell;
  config.layers = 1;
  while (has(keys, fmt::format("{}{}", hidden, config.layers))) ++config.layers;
}

// Our path below the stream, PyTorch's name; the first that fits.
struct Rename {
  std::string_view path;
  std::string key;
};

std::vector<Rename> renames(const PublicKeys& keys) {
  return {{"frontend/conv/", keys.frontend() + ".0."},
          {"frontend/bn/", keys.frontend() + ".1."},
          {"trunk/", keys.trunk() + "."},
          {"embed/linear/", keys.trunk() + ".fc."},
          {"embed/bn/", keys.trunk() + ".bnfc."},
          {"head/", keys.head() + "."},
          {"temporal_conv/conv1/", "backend_conv1.0."},
          {"temporal_conv/bn1/", "backend_conv1.1."},
          {"temporal_conv/conv2/", "backend_conv1.4."},
          {"temporal_conv/bn2/", "backend_conv1.5."},
          {"temporal_conv/linear1/", "backend_conv2.0."},
          {"temporal_conv/bn3/", "backend_conv2.1."},
          {"temporal_conv/linear2/", "backend_conv2.3."}};
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

// recurrent/layer1/backward/w_ih -> weight_ih_l1_reverse
std::string recurrent_key(const PublicKeys& keys, const std::string& rest) {
  constexpr std::string_view kLayer = "recurrent/layer";
  const size_t slash = rest.find('/', kLayer.size());
  const bool reverse = rest.find("/backward/") != std::string::npos;
  std::string name = rest.substr(rest.rfind('/') + 1);
  replace(name, "w_", "weight_");
  replace(name, "b_", "bias_");
  return fmt::format("{}.{}_l{}{}", keys.recurrent(), name, rest.substr(kLayer.size(), slash - kLayer.size()),
                     reverse ? "_reverse" : "");
}

}  // namespace

std::optional<int> PublicKeys::size(const std::string& key, size_t axis) const {
  const auto found = tensors.find(key);
  if (found == tensors.end() || axis >= found->second->shape.size()) return std::nullopt;
  return static_cast<int>(std::min<int64_t>(found->second->shape[axis], INT32_MAX));
}

bool PublicKeys::any_under(const std::string& prefix) const {
  const auto found = tensors.lower_bound(prefix);
  return found != tensors.end() && found->first.starts_with(prefix);
}
std::string PublicKeys::first_under(const std::string& prefix) const { return tensors.lower_bound(prefix)->first; }

std::string PublicKeys::frontend() const {
  if (kind == PublicKind::video) return "frontend3D";
  return any_under("frontend1D.") ? "frontend1D" : "fronted1D";
}
std::string PublicKeys::trunk() const {
  if (system == PublicSystem::successor) return "trunk";
  return kind == PublicKind::video ? "resnet34" : "resnet18";
}
std::string PublicKeys::recurrent() const { return kind == PublicKind::fusion ? "gru" : "gru.gru"; }
std::string PublicKeys::head() const { return kind == PublicKind::fusion ? "fc" : "gru.fc"; }

PublicKeys public_keys(const PublicFile& file) {
  PublicKeys keys;
  keys.path = file.path;
  for (const PublicTensor& tensor : file.tensors) {
    const std::string key = tensor.key.starts_with(kParallel) ? tensor.key.substr(kParallel.size()) : tensor.key;
    if (!keys.tensors.emplace(key, &tensor).second)
      throw std::invalid_argument(fmt::format("{}: {} stands twice, with and without \"module.\"", file.path, key));
  }
  if (is_successor(keys)) {
    keys.system = PublicSystem::successor;
    keys.kind = successor_kind(keys);
    return keys;
  }
  if (const auto kind = kind_of(keys)) {
    keys.kind = *kind;
    return keys;
  }
  throw std::invalid_argument(fmt::format(
      "{}: none of the public checkpoints: expected keys of a video file (frontend3D, resnet34), an audio "
      "file (fronted1D, resnet18), a fusion file (gru.weight_hh_l0) or of the successor system (trunk, tcn), found "
      "{} and {} others",
      file.path, keys.tensors.begin()->first, keys.tensors.size() - 1));
}

void read_sizes(const PublicKeys& keys, std::optional<backend::Activation> activation, NetworkConfig& config) {
  if (keys.kind != PublicKind::fusion)
    read_trunk(keys, keys.kind == PublicKind::video ? config.video.widths : config.audio.widths,
               keys.kind == PublicKind::video ? config.video.blocks : config.audio.blocks);
  if (keys.system == PublicSystem::successor) return read_successor_sizes(keys, activation, config);
  if (activation.value_or(backend::Activation::relu) != backend::Activation::relu)
    throw std::invalid_argument(fmt::format("{}: expected the activation relu, which such a network has; got {}",
                                            keys.path, name_of(*activation)));
  if (keys.kind == PublicKind::fusion) {
    read_recurrent(keys, config.fusion);
    config.labels = keys.size("fc.weight", 0).value_or(config.labels);
    return;
  }
  const bool video = keys.kind == PublicKind::video;
  int& frontend_width = video ? config.video.frontend_width : config.audio.frontend_width;
  int& embedding = video ? config.video.embedding : config.audio.embedding;
  frontend_width = keys.size(keys.frontend() + ".0.weight", 0).value_or(frontend_width);
  embedding = keys.size(keys.trunk() + ".fc.weight", 0).value_or(embedding);
  if (!keys.any_under("gru.gru.") && keys.any_under("backend_conv1.")) {
    config.back_end = BackEnd::temporal_conv;
    config.labels = keys.size("backend_conv2.3.weight", 0).value_or(config.labels);
    return;
  }
  read_recurrent(keys, config.recurrent);
  config.labels = keys.size("gru.fc.weight", 0).value_or(config.labels);
}

std::string public_key(const PublicKeys& keys, const std::string& path) {
  std::string rest = path.substr(path.find('/') + 1);
  if (keys.system == PublicSystem::successor) return successor_key(keys, rest);
  if (rest.starts_with("recurrent/")) return recurrent_key(keys, rest);
  for (const auto& [from, to] : renames(keys))
    if (rest.starts_with(from)) {
      rest.replace(0, from.size(), to);
      break;
    }
  replace(rest, "shortcut/conv/", "downsample/0/");
  replace(rest, "shortcut/bn/", "downsample/1/");
  std::replace(rest.begin(), rest.end(), '/', '.');
  return rest;
}

std::string folded_bias(const PublicKeys& keys, const std::string& path) {
  if (keys.system == PublicSystem::paper) return "";
  return successor_folded_bias(keys, path.substr(path.find('/') + 1));
}

std::vector<int64_t> public_shape(const std::string& path, const backend::Shape& ours) {
  std::vector<int64_t> shape = ours.sizes();
  if (path.ends_with("/shortcut/weight")) shape.push_back(1);  // a convolution over one step in the successor's MS-TCN
  if (shape.size() != 5) return shape;
  // (out, depth, height, width, in) -> (out, in, …), with as many axes as PyTorch's layer has.
  const bool volume = path.starts_with("video/frontend/"), picture = path.starts_with("video/trunk/");
  std::vector<int64_t> turned{shape[0], shape[4]};
  turned.insert(turned.end(), shape.begin() + (volume ? 1 : picture ? 2 : 3), shape.end() - 1);
  return turned;
}

std::string why_ignored(const PublicKeys& keys, const std::string& key, const NetworkConfig& config) {
  if (key.ends_with(".num_batches_tracked")) return "PyTorch's count of batches";
  if (keys.kind == PublicKind::fusion) return "";
  if (key.starts_with("lstm.")) return "a layer of the released files that nothing uses";
  if (key.starts_with("backend_conv")) return "the back-end of the first stage, which the recurrent one replaces";
  if (key.starts_with("gru.fc.") && config.streams == Streams::audiovisual) return "replaced by the fusion's";
  return "";
}

}  // namespace avsr::models
