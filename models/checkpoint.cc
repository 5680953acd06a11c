#include "models/checkpoint.h"

#include <fmt/format.h>

#include <stdexcept>

#include "models/safetensors.h"

namespace avsr::models {
namespace {

using backend::Tensor;
using layers::ParameterArena;
using nlohmann::json;

constexpr const char* kFormat = "avsr-checkpoint-1";

// Names and shapes in order: flat arenas fit only the same network.
std::string layout_of(const ParameterArena& arena) {
  json layout = json::array();
  for (const layers::Parameter* p : arena.all()) layout.push_back({p->name, p->value.shape.sizes()});
  return layout.dump();
}

NamedTensors all_tensors(ParameterArena& arena, const NamedTensors& tensors) {
  NamedTensors all{{"values", &arena.values()}, {"statistics", &arena.statistics()}};
  all.insert(all.end(), tensors.begin(), tensors.end());
  return all;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, ParameterArena& arena, const NamedTensors& tensors,
                     const json& state) {
  SafetensorsFile file;
  file.metadata = {{"format", kFormat}, {"layout", layout_of(arena)}, {"state", state.dump()}};
  for (const auto& [name, tensor] : all_tensors(arena, tensors))
    file.tensors.push_back({name, tensor->shape, arena.backend().values(*tensor)});
  write_safetensors(path, file);
}

json load_checkpoint(const std::filesystem::path& path, ParameterArena& arena, const NamedTensors& tensors) {
  const SafetensorsFile file = read_safetensors(path);
  const auto field = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  if (field("format") != kFormat)
    throw std::runtime_error(fmt::format("{}: not a checkpoint of this program: expected format {}, got \"{}\"",
                                         path.string(), kFormat, field("format")));
  if (field("layout") != layout_of(arena))
    throw std::runtime_error(fmt::format(
        "{}: the checkpoint is of another network; start without resuming, or with the recipe it was made by",
        path.string()));
  std::vector<std::pair<const HostTensor*, Tensor*>> copies;
  for (const auto& [name, tensor] : all_tensors(arena, tensors)) {
    const HostTensor* found = file.find(name);
    if (!found || found->shape != tensor->shape)
      throw std::runtime_error(fmt::format("{}: expected tensor {} {}, got {}", path.string(), name,
                                           tensor->shape.text(), found ? found->shape.text() : "none"));
    copies.emplace_back(found, tensor);
  }
  json state;
  try {
    state = json::parse(field("state"));
  } catch (const json::exception& e) {
    throw DamagedFile(fmt::format("{}: {}", path.string(), e.what()));
  }
  for (const auto& [from, to] : copies) arena.backend().upload(from->values.data(), *to);
  arena.touch();
  return state;
}

}  // namespace avsr::models
