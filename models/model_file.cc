#include "models/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "models/compact_weights.h"

namespace avsr::models {
namespace {

using layers::Parameter;
using layers::ParameterArena;
using nlohmann::json;

constexpr const char* kFormat = "avsr-model-2";

json to_json(Averaging averaging) {
  for (const auto& [form, name] : kLossNames)
    if (form == averaging.form) return {{"form", name}, {"middle_steps", averaging.middle_steps}};
  throw std::logic_error("[model file] an averaging has no name");
}

Averaging averaging_from_json(const json& found) {
  const auto name = found.at("form").get<std::string>();
  const int middle_steps = found.at("middle_steps").get<int>();
  if (middle_steps < 0)
    throw std::invalid_argument(
        fmt::format("[model file] averaging: expected 0 or more middle steps, got {}", middle_steps));
  for (const auto& [form, known] : kLossNames)
    if (name == known) return {form, middle_steps};
  throw std::invalid_argument(
      fmt::format("[model file] averaging: expected mean_logits, per_frame or ctc, got {}", name));
}

ModelFile parse_header(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) {
  const auto text = [&](const char* key) {
    const auto found = metadata.find(key);
    if (found == metadata.end())
      throw std::runtime_error(
          fmt::format("{}: not a model of this program: its metadata has no \"{}\"", path.string(), key));
    return found->second;
  };
  if (text("format") != kFormat)
    throw std::runtime_error(
        fmt::format("{}: expected format {}, got {}: made by another version of this program; train it again",
                    path.string(), kFormat, metadata.at("format")));
  try {
    ModelFile file;
    file.config = json::parse(text("architecture")).get<NetworkConfig>();
    file.labels = json::parse(text("labels")).get<std::vector<std::string>>();
    file.preprocessing = json::parse(text("preprocessing"));
    if (metadata.count("decoding")) file.decoding = json::parse(text("decoding"));
    file.provenance = json::parse(text("provenance"));
    file.averaging = averaging_from_json(json::parse(text("averaging")));
    if (static_cast<int64_t>(file.labels.size()) != file.config.labels)
      throw std::runtime_error(fmt::format("{}: its network tells {} labels apart, its list has {}", path.string(),
                                           file.config.labels, file.labels.size()));
    if (std::set<std::string>(file.labels.begin(), file.labels.end()).size() != file.labels.size())
      throw std::runtime_error(fmt::format("{}: a label stands twice in its list", path.string()));
    return file;
  } catch (const std::logic_error& e) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), e.what()));
  } catch (const json::exception& e) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), e.what()));
  }
}

bool wanted(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return layers::under_path(name, prefix); });
}

using Shapes = std::map<std::string, backend::Shape>;

// What keeps the parts under these prefixes from being copied out of `where`, which has tensors of these shapes.
std::vector<std::string> misfits(const Shapes& source, const std::string& where, const ParameterArena& arena,
                                 const std::vector<std::string>& prefixes) {
  std::vector<std::string> problems;
  std::set<std::string> known;
  for (const Parameter* p : arena.all()) {
    if (!wanted(p->name, prefixes)) continue;
    known.insert(p->name);
    const auto found = source.find(p->name);
    if (found == source.end())
      problems.push_back(fmt::format("{} {}: not in {}", p->name, p->value.shape.text(), where));
    else if (found->second != p->value.shape)
      problems.push_back(
          fmt::format("{}: expected {}, {} has {}", p->name, p->value.shape.text(), where, found->second.text()));
  }
  for (const auto& [name, shape] : source)
    if (wanted(name, prefixes) && !known.count(name))
      problems.push_back(fmt::format("{} {}: in {}, not in the network", name, shape.text(), where));
  return problems;
}

void require_parts(const ParameterArena& arena, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes)
    if (std::none_of(arena.all().begin(), arena.all().end(),
                     [&](const Parameter* p) { return layers::under_path(p->name, prefix); }))
      throw std::invalid_argument(fmt::format("[model file] the network has no part {} to load", prefix));
}

void require_fit(const std::filesystem::path& path, const SafetensorsFile& file, const ParameterArena& arena,
                 const std::vector<std::string>& prefixes) {
  Shapes shapes;
  for (const HostTensor& t : file.tensors) shapes.emplace(t.name, t.shape);
  const std::vector<std::string> problems = misfits(shapes, "the file", arena, prefixes);
  if (!problems.empty())
    throw std::runtime_error(fmt::format("{}: does not fit the network under {}:\n  {}", path.string(),
                                         fmt::join(prefixes, ", "), fmt::join(problems, "\n  ")));
}

// A training that broke down leaves such weights; every answer of the network would then be the same wrong one.
void require_finite(const std::filesystem::path& path, const HostTensor& t) {
  const auto bad = std::find_if_not(t.values.begin(), t.values.end(), [](float value) { return std::isfinite(value); });
  if (bad != t.values.end())
    throw std::runtime_error(fmt::format("{}: expected finite weights, found {} in {}: train this model again",
                                         path.string(), *bad, t.name));
}

LoadReport copy_parameters(const std::filesystem::path& path, const SafetensorsFile& file, ParameterArena& arena,
                           const std::vector<std::string>& prefixes) {
  require_fit(path, file, arena, prefixes);
  for (const HostTensor& t : file.tensors)
    if (wanted(t.name, prefixes)) require_finite(path, t);
  LoadReport report;
  for (const HostTensor& t : file.tensors) {
    if (!wanted(t.name, prefixes)) {
      report.ignored.push_back(t.name);
      continue;
    }
    arena.backend().upload(t.values.data(), arena.at(t.name).value);
    report.loaded.push_back(t.name);
  }
  arena.touch();
  return report;
}

}  // namespace

void save_model(const std::filesystem::path& path, const ModelFile& file, ParameterArena& arena) {
  if (static_cast<int>(file.labels.size()) != file.config.labels)
    throw std::invalid_argument(
        fmt::format("[model file] the network has {} labels, the list {}", file.config.labels, file.labels.size()));
  SafetensorsFile out;
  out.metadata = {{"format", kFormat},
                  {"architecture", json(file.config).dump()},
                  {"labels", json(file.labels).dump()},
                  {"preprocessing", file.preprocessing.dump()},
                  {"averaging", to_json(file.averaging).dump()},
                  {"decoding", file.decoding.dump()},
                  {"provenance", file.provenance.dump()}};
  for (const Parameter* p : arena.all())
    out.tensors.push_back({p->name, p->value.shape, arena.backend().values(p->value)});
  write_safetensors(path, out);
}

LoadedModel load_model(const std::filesystem::path& path, backend::Backend& backend) {
  const SafetensorsFile contents = read_model_tensors(path);
  LoadedModel model{parse_header(path, contents.metadata), nullptr};
  try {
    // Before any memory is taken: a small file may ask for a huge network.
    require_fit(path, contents, declare_network(backend, model.file.config)->parameters(), {""});
    model.network = make_network(backend, model.file.config, 0);
  } catch (const std::invalid_argument& e) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), e.what()));
  }
  copy_parameters(path, contents, model.network->parameters(), {""});
  return model;
}

ModelFile read_model_header(const std::filesystem::path& path) {
  return parse_header(path, read_safetensors_metadata(path));
}

SafetensorsFile read_model_tensors(const std::filesystem::path& path) {
  try {
    return expand_weights(read_safetensors(path));
  } catch (const std::invalid_argument& e) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), e.what()));
  }
}

void save_compact(const std::filesystem::path& model, const std::filesystem::path& path) {
  SafetensorsFile file = read_safetensors(model);
  parse_header(model, file.metadata);  // a model of this program, and not any file of tensors
  try {
    write_safetensors(path, compact_weights(std::move(file)));
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(fmt::format("{}: {}", model.string(), e.what()));
  }
}

LoadReport load_parameters(const std::filesystem::path& path, ParameterArena& arena,
                           const std::vector<std::string>& prefixes) {
  require_parts(arena, prefixes);
  return copy_parameters(path, read_model_tensors(path), arena, prefixes);
}

void check_parts(const ParameterArena& source, const ParameterArena& arena, const std::vector<std::string>& prefixes) {
  require_parts(arena, prefixes);
  Shapes shapes;
  for (const Parameter* p : source.all()) shapes.emplace(p->name, p->value.shape);
  const std::vector<std::string> problems = misfits(shapes, "the source", arena, prefixes);
  if (!problems.empty())
    throw std::invalid_argument(fmt::format("[model file] the source does not fit the network under {}:\n  {}",
                                            fmt::join(prefixes, ", "), fmt::join(problems, "\n  ")));
}

}  // namespace avsr::models
