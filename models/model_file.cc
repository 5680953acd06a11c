#include "models/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "models/safetensors.h"

namespace avsr::models {
namespace {

using layers::Parameter;
using layers::ParameterArena;
using nlohmann::json;

constexpr const char* kFormat = "avsr-model-1";

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
        fmt::format("{}: expected format {}, got {}", path.string(), kFormat, metadata.at("format")));
  try {
    ModelFile file;
    file.config = json::parse(text("architecture")).get<NetworkConfig>();
    file.labels = json::parse(text("labels")).get<std::vector<std::string>>();
    file.preprocessing = json::parse(text("preprocessing"));
    if (metadata.count("decoding")) file.decoding = json::parse(text("decoding"));
    file.provenance = json::parse(text("provenance"));
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

LoadReport copy_parameters(const std::filesystem::path& path, const SafetensorsFile& file, ParameterArena& arena,
                           const std::vector<std::string>& prefixes) {
  std::unordered_map<std::string, const HostTensor*> in_file;
  for (const HostTensor& t : file.tensors) in_file.emplace(t.name, &t);
  LoadReport report;
  std::vector<std::string> problems;
  std::vector<std::pair<Parameter*, const HostTensor*>> copies;
  for (Parameter* p : arena.all()) {
    if (!wanted(p->name, prefixes)) continue;
    const auto found = in_file.find(p->name);
    if (found == in_file.end()) {
      problems.push_back(fmt::format("{} {}: not in the file", p->name, p->value.shape.text()));
      continue;
    }
    if (found->second->shape != p->value.shape)
      problems.push_back(
          fmt::format("{}: expected {}, the file has {}", p->name, p->value.shape.text(), found->second->shape.text()));
    copies.emplace_back(p, found->second);
    in_file.erase(found);
  }
  for (const HostTensor& t : file.tensors) {
    if (!in_file.count(t.name)) continue;
    if (wanted(t.name, prefixes))
      problems.push_back(fmt::format("{} {}: in the file, not in the network", t.name, t.shape.text()));
    else
      report.ignored.push_back(t.name);
  }
  if (!problems.empty())
    throw std::runtime_error(fmt::format("{}: does not fit the network under {}:\n  {}", path.string(),
                                         fmt::join(prefixes, ", "), fmt::join(problems, "\n  ")));
  for (const auto& [p, tensor] : copies) {
    arena.backend().upload(tensor->values.data(), p->value);
    report.loaded.push_back(p->name);
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
                  {"decoding", file.decoding.dump()},
                  {"provenance", file.provenance.dump()}};
  for (const Parameter* p : arena.all())
    out.tensors.push_back({p->name, p->value.shape, arena.backend().values(p->value)});
  write_safetensors(path, out);
}

LoadedModel load_model(const std::filesystem::path& path, backend::Backend& backend) {
  const SafetensorsFile contents = read_safetensors(path);
  LoadedModel model{parse_header(path, contents.metadata), nullptr};
  try {
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

LoadReport load_parameters(const std::filesystem::path& path, ParameterArena& arena,
                           const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes)
    if (std::none_of(arena.all().begin(), arena.all().end(),
                     [&](const Parameter* p) { return layers::under_path(p->name, prefix); }))
      throw std::invalid_argument(fmt::format("[model file] the network has no part {} to load", prefix));
  return copy_parameters(path, read_safetensors(path), arena, prefixes);
}

}  // namespace avsr::models
