#include "models/public_checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "models/public_keys.h"

namespace avsr::models {
namespace {

using layers::Parameter;

// The part of the network that a file of this kind holds.
const char* part_of(PublicKind kind) {
  return kind == PublicKind::video ? "video" : kind == PublicKind::audio ? "audio" : "fusion";
}

Streams streams_of(const std::vector<PublicFile>& files, const std::vector<PublicKeys>& keys) {
  std::set<PublicKind> kinds;
  for (size_t i = 0; i < keys.size(); ++i)
    if (!kinds.insert(keys[i].kind).second)
      throw std::invalid_argument(
          fmt::format("{}: a second {} file; a network has one", files[i].path, part_of(keys[i].kind)));
  if (kinds.size() == 3) return Streams::audiovisual;
  if (kinds == std::set{PublicKind::video}) return Streams::video;
  if (kinds == std::set{PublicKind::audio}) return Streams::audio;
  std::vector<std::string> given;
  for (const PublicKind kind : kinds) given.emplace_back(part_of(kind));
  throw std::invalid_argument(
      fmt::format("expected a video file, an audio file, or a video, an audio and a fusion file together; found {}",
                  fmt::join(given, " and ")));
}

NetworkConfig config_of(const std::vector<PublicFile>& files, const std::vector<PublicKeys>& keys,
                        std::optional<backend::Activation> activation) {
  NetworkConfig config;
  config.streams = streams_of(files, keys);
  config.recurrent.cell = config.fusion.cell = backend::Cell::gru;
  config.video.global_pooling = false;  // AvgPool2d(2) of 3 x 3 maps
  config.audio.pool = {21, 21, 1};
  std::vector<PublicKeys> ordered = keys;  // the fusion last: its labels are those of the network
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.kind < b.kind; });
  for (const PublicKeys& file : ordered) {
    read_sizes(file, activation, config);
    if (config.streams == Streams::audiovisual && config.back_end != BackEnd::recurrent)
      throw std::invalid_argument(
          fmt::format("the {} file has no recurrent layers: an audiovisual network needs them", part_of(file.kind)));
  }
  return config;
}

// Of a tensor that is there.
void check_tensor(const PublicTensor& tensor, KeyRow& row) {
  row.key = tensor.key;
  if (tensor.shape != row.shape) {
    row.use = KeyRow::Use::misfit;
    row.remark = fmt::format("expected ({})", fmt::join(row.shape, ", "));
  } else if (tensor.type.find("float") == std::string::npos) {
    row.use = KeyRow::Use::misfit;
    row.remark = fmt::format("expected floating-point numbers, found {}", tensor.type);
  }
  row.shape = tensor.shape;
}

// Of the tensors that parameters ask for. `asked` receives their keys.
void add_parameters(const layers::ParameterArena& arena, size_t index, const PublicKeys& keys,
                    std::set<std::string>& asked, std::vector<KeyRow>& there, std::vector<KeyRow>& missing) {
  for (const Parameter* p : arena.all()) {
    if (!layers::under_path(p->name, part_of(keys.kind))) continue;
    KeyRow row{.file = index,
               .key = public_key(keys, p->name),
               .shape = public_shape(p->name, p->value.shape),
               .parameter = p->name,
               .remark = ""};
    asked.insert(row.key);
    const auto found = keys.tensors.find(row.key);
    if (found == keys.tensors.end()) {
      row.use = KeyRow::Use::missing;
      missing.push_back(std::move(row));
      continue;
    }
    check_tensor(*found->second, row);
    there.push_back(std::move(row));
    const auto bias = keys.tensors.find(folded_bias(keys, p->name));
    if (bias == keys.tensors.end()) continue;
    asked.insert(bias->first);
    KeyRow taken{.file = index,
                 .key = "",
                 .shape = public_shape(p->name, p->value.shape),
                 .parameter = p->name,
                 .remark = "taken off " + p->name,
                 .taken_off = true};
    check_tensor(*bias->second, taken);
    there.push_back(std::move(taken));
  }
}

std::vector<KeyRow> rows_of(const layers::ParameterArena& arena, size_t index, const PublicFile& file,
                            const PublicKeys& keys, const NetworkConfig& config) {
  std::set<std::string> asked;
  std::vector<KeyRow> rows, missing;
  add_parameters(arena, index, keys, asked, rows, missing);
  for (const auto& [key, tensor] : keys.tensors) {
    if (asked.count(key)) continue;
    const std::string why = why_ignored(keys, key, config);
    rows.push_back({why.empty() ? KeyRow::Use::unknown : KeyRow::Use::ignored, index, tensor->key, tensor->shape, "",
                    why.empty() ? "no part of this network" : why, false});
  }
  // As the file has them.
  std::map<std::string, size_t> place;
  for (size_t i = 0; i < file.tensors.size(); ++i) place[file.tensors[i].key] = i;
  std::sort(rows.begin(), rows.end(), [&](const KeyRow& a, const KeyRow& b) { return place[a.key] < place[b.key]; });
  rows.insert(rows.end(), missing.begin(), missing.end());
  return rows;
}

// (out, in, n) -> (out, n, in)
std::vector<float> channels_last(const std::vector<float>& values, int64_t out, int64_t in) {
  const int64_t n = static_cast<int64_t>(values.size()) / std::max<int64_t>(1, out * in);
  std::vector<float> turned(values.size());
  for (int64_t o = 0; o < out; ++o)
    for (int64_t i = 0; i < in; ++i)
      for (int64_t k = 0; k < n; ++k)
        turned[static_cast<size_t>((o * n + k) * in + i)] = values[static_cast<size_t>((o * in + i) * n + k)];
  return turned;
}

// The public fusion reads the audio's features before the video's; ours the video's first.
void swap_halves(std::vector<float>& values, int64_t columns) {
  for (auto row = values.begin(); row != values.end(); row += columns)
    std::rotate(row, row + columns / 2, row + columns);
}

std::vector<float> finite_values(const KeyRow& row, const PublicReader& read) {
  std::vector<float> values = read(row.file, row.key);
  if (const auto bad = std::find_if_not(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
      bad != values.end())
    throw std::runtime_error(fmt::format("expected finite weights, found {} in {}", *bad, row.key));
  return values;
}

}  // namespace

const char* name_of(KeyRow::Use use) {
  constexpr const char* kNames[] = {"used", "ignored", "missing", "unknown", "misfit"};
  return kNames[static_cast<size_t>(use)];
}

bool ImportPlan::fits() const {
  return std::all_of(rows.begin(), rows.end(),
                     [](const KeyRow& row) { return row.use == KeyRow::Use::used || row.use == KeyRow::Use::ignored; });
}

ImportPlan plan_import(const std::vector<PublicFile>& files, std::optional<backend::Activation> activation,
                       backend::Backend& backend) {
  std::vector<PublicKeys> keys;
  for (const PublicFile& file : files) keys.push_back(public_keys(file));
  ImportPlan plan;
  plan.config = config_of(files, keys, activation);
  plan.system = keys.front().system;
  const auto network = declare_network(backend, plan.config);
  for (size_t i = 0; i < files.size(); ++i) {
    const std::vector<KeyRow> rows = rows_of(network->parameters(), i, files[i], keys[i], plan.config);
    plan.rows.insert(plan.rows.end(), rows.begin(), rows.end());
  }
  return plan;
}

void import_parameters(const ImportPlan& plan, const PublicReader& read, layers::ParameterArena& arena) {
  for (const bool taken_off : {false, true})  // what is taken off something comes after it
    for (const KeyRow& row : plan.rows) {
      if (row.use != KeyRow::Use::used || row.taken_off != taken_off) continue;
      std::vector<float> values = finite_values(row, read);
      const backend::Tensor& target = arena.at(row.parameter).value;
      if (row.shape.size() > 2) values = channels_last(values, row.shape[0], row.shape[1]);
      if (row.parameter.starts_with("fusion/recurrent/layer0/") && row.parameter.ends_with("/w_ih"))
        swap_halves(values, row.shape[1]);
      if (taken_off) {
        const std::vector<float> whole = arena.backend().values(target);
        std::transform(whole.begin(), whole.end(), values.begin(), values.begin(), std::minus<>());
      }
      arena.backend().upload(values.data(), target);
    }
  arena.touch();
}

}  // namespace avsr::models
