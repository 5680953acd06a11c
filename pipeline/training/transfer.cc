#include "pipeline/training/transfer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "io/atomic_file.h"
#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

using layers::under_path;

// video/trunk/layer1/0/… -> video/trunk. The temporal convolution is taken layer by layer, as its last one depends on
// the words.
std::string part_of(const std::string& name) {
  size_t end = name.find('/', name.find('/') + 1);
  if (under_path(name.substr(name.find('/') + 1), "temporal_conv")) end = name.find('/', end + 1);
  return name.substr(0, end);
}

std::vector<std::string> parts_of(const layers::ParameterArena& arena) {
  std::vector<std::string> parts;
  for (const layers::Parameter* p : arena.all())
    if (parts.empty() || parts.back() != part_of(p->name)) parts.push_back(part_of(p->name));
  return parts;
}

bool tells_words_apart(const std::string& part) { return part.ends_with("/head") || part.ends_with("/linear2"); }

// Whether the loads bring all of the part.
bool covered(const std::string& part, const std::vector<Load>& loads) {
  return std::any_of(loads.begin(), loads.end(), [&](const Load& load) {
    return std::any_of(load.parts.begin(), load.parts.end(),
                       [&](const std::string& path) { return under_path(part, path); });
  });
}

using Shapes = std::map<std::string, backend::Shape>;

// Why a part cannot be taken over; empty when it can.
std::string misfit(const std::string& part, const Shapes& wanted, const Shapes& there) {
  size_t found = 0;
  for (const auto& [name, shape] : there)
    if (under_path(name, part)) {
      ++found;
      if (!wanted.count(name)) return "of another form there";
    }
  if (found == 0) return "not there";
  for (const auto& [name, shape] : wanted) {
    if (!under_path(name, part)) continue;
    const auto other = there.find(name);
    if (other == there.end()) return "of another form there";
    if (other->second != shape) return fmt::format("{} is {} there, {} here", name, other->second.text(), shape.text());
  }
  return "";
}

// ReLU and Swish have no parameters by which a misfit would show.
backend::Activation activation_of(const std::string& part, const models::NetworkConfig& config) {
  if (part.ends_with("/ms_tcn")) return config.ms_tcn.activation;
  if (part == "video/frontend" || part == "video/trunk") return config.video.activation;
  if (part == "audio/frontend" || part == "audio/trunk") return config.audio.activation;
  return backend::Activation::relu;
}

std::string misfit(const std::string& part, const models::NetworkConfig& here, const models::NetworkConfig& there) {
  const backend::Activation ours = activation_of(part, here), theirs = activation_of(part, there);
  return ours == theirs ? "" : fmt::format("{} there, {} here", models::name_of(theirs), models::name_of(ours));
}

}  // namespace

std::string Inheritance::text() const {
  return fmt::format("loads {}{}", loaded.empty() ? "nothing" : fmt::format("{}", fmt::join(loaded, ", ")),
                     fresh.empty() ? "" : fmt::format("; new: {}", fmt::join(fresh, ", ")));
}

Ancestor::Ancestor(const std::vector<std::string>& paths) {
  if (paths.empty()) throw std::invalid_argument("[train] expected a model to start from, found none");
  for (const std::string& path : paths) {
    Model model{.path = path, .header = models::read_model_header(path)};
    model.rule = input_rule_from_json(model.header.preprocessing);
    for (const models::HostTensor& tensor : models::read_model_tensors(path).tensors)
      model.shapes.emplace(tensor.name, tensor.shape);
    model.hash = fmt::format("{:016x}", preprocessing::hash_text(io::read_text_file(path)));
    models_.push_back(std::move(model));
  }
}

std::string Ancestor::path() const {
  std::vector<std::string> paths;
  for (const Model& model : models_) paths.push_back(model.path);
  return fmt::format("{}", fmt::join(paths, ", "));
}

Ancestor::Choice Ancestor::choose(models::Network& network, const std::vector<std::string>& words,
                                  const std::vector<Load>& loads) const {
  const layers::ParameterArena& arena = network.parameters();
  Shapes wanted;
  for (const layers::Parameter* p : arena.all()) wanted.emplace(p->name, p->value.shape);
  Choice choice;
  choice.parts.resize(models_.size());
  const auto misfit_of = [&](const std::string& part, const Model& model) {
    std::string why = misfit(part, wanted, model.shapes);
    if (why.empty()) why = misfit(part, network.config(), model.header.config);
    if (why != "not there" && tells_words_apart(part) && words != model.header.labels)
      why = fmt::format("{} other words there", model.header.labels.size());
    return why;
  };
  for (const std::string& part : parts_of(arena)) {
    if (covered(part, loads)) continue;
    std::vector<std::string> reasons;
    for (size_t m = 0; m < models_.size() && reasons.size() == m; ++m) {
      std::string why = misfit_of(part, models_[m]);
      if (why.empty())
        choice.parts[m].push_back(part);
      else
        reasons.push_back(std::move(why));
    }
    if (reasons.size() < models_.size())
      choice.inheritance.loaded.push_back(part);
    else
      choice.inheritance.fresh.push_back(fmt::format("{} ({})", part, fmt::join(reasons, "; ")));
  }
  return choice;
}

Inheritance Ancestor::plan(models::Network& network, const std::vector<std::string>& words,
                           const std::vector<Load>& loads) const {
  return choose(network, words, loads).inheritance;
}

Inheritance Ancestor::load(models::Network& network, const std::vector<std::string>& words,
                           const std::vector<Load>& loads) const {
  const Choice choice = choose(network, words, loads);
  for (size_t m = 0; m < models_.size(); ++m)
    if (!choice.parts[m].empty()) models::load_parameters(models_[m].path, network.parameters(), choice.parts[m]);
  return choice.inheritance;
}

void take_over_sizes(Recipe& recipe) {
  if (recipe.init.empty()) return;
  const Ancestor ancestor(recipe.init);
  const Ancestor::Model& first = ancestor.models().front();
  if (!recipe.tree.contains("network")) recipe.network = first.header.config;
  if (!recipe.tree.contains("data")) {
    recipe.data.geometry = first.rule.geometry;
    recipe.data.normalisation = first.rule.normalisation;
    recipe.data.window_frames = first.rule.window_frames;
  }
  recipe.network.video.crop = recipe.data.geometry.input_size;
}

namespace {

AdoptedRule adopt_pixels(const Ancestor::Model& model, InputRule& rule) {
  AdoptedRule adopted;
  const InputRule& from = model.rule;
  const bool same_geometry =
      from.geometry.crop_size == rule.geometry.crop_size && from.geometry.input_size == rule.geometry.input_size;
  adopted.pixels = same_geometry && from.normalisation == rule.normalisation;
  if (adopted.pixels)
    rule.pixels = from.pixels;
  else
    adopted.notes.push_back(fmt::format(
        "note: pixels are normalised by the data's own statistics ({}, {} to {} pixels); {} had {}, {} to {}",
        preprocessing::to_string(rule.normalisation), rule.geometry.crop_size, rule.geometry.input_size, model.path,
        preprocessing::to_string(from.normalisation), from.geometry.crop_size, from.geometry.input_size));
  if (from.crop != rule.crop)
    adopted.notes.push_back(fmt::format("note: {} was trained on mouth crops made as {}, the data holds {}", model.path,
                                        from.crop.dump(), rule.crop.dump()));
  return adopted;
}

// The first model with that stream; null: none has it.
const Ancestor::Model* first_without(const Ancestor& ancestor, models::Streams only_other) {
  for (const Ancestor::Model& model : ancestor.models())
    if (model.header.config.streams != only_other) return &model;
  return nullptr;
}

}  // namespace

AdoptedRule adopt(const Ancestor& ancestor, const models::NetworkConfig& network, InputRule& rule) {
  AdoptedRule adopted;
  if (const Ancestor::Model* looks = first_without(ancestor, models::Streams::audio))
    adopted = adopt_pixels(*looks, rule);
  const Ancestor::Model* listens = first_without(ancestor, models::Streams::video);
  if (listens && network.audio.pool == listens->header.config.audio.pool)
    rule.audio_tail_samples = listens->rule.audio_tail_samples;
  return adopted;
}

std::vector<std::string> random_and_frozen(const layers::ParameterArena& arena, const std::vector<Load>& loads,
                                           const Inheritance& inheritance) {
  std::vector<std::string> parts;
  for (const std::string& part : parts_of(arena))
    if (arena.frozen(part) && !covered(part, loads) &&
        std::find(inheritance.loaded.begin(), inheritance.loaded.end(), part) == inheritance.loaded.end())
      parts.push_back(part);
  return parts;
}

bool has_path(const layers::ParameterArena& arena, const std::string& path) {
  return std::any_of(arena.all().begin(), arena.all().end(),
                     [&](const layers::Parameter* p) { return under_path(p->name, path); });
}

void freeze(layers::ParameterArena& arena, const std::vector<std::string>& paths) {
  for (layers::Parameter* p : arena.all())
    p->frozen = p->frozen || std::any_of(paths.begin(), paths.end(),
                                         [&](const std::string& path) { return under_path(p->name, path); });
  arena.touch();
}

}  // namespace avsr::pipeline
