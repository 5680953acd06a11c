#include "pipeline/evaluation/tested_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

using models::Streams;

// The last `folders` folders of a path and its file without ending.
std::string short_path(const std::filesystem::path& path, int folders) {
  std::filesystem::path name = path.stem(), rest = path.parent_path();
  for (; folders > 0 && rest.has_filename(); --folders, rest = rest.parent_path()) name = rest.filename() / name;
  return name.string();
}

// Of an audiovisual network: whether it has learnt to do without that stream.
bool does_without(const models::NetworkConfig& config, Streams stream) {
  return (stream == Streams::video ? config.modality_dropout.video : config.modality_dropout.audio) > 0;
}

}  // namespace

std::vector<std::string> short_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names(paths.size());
  const auto alike = [&](size_t m) { return std::count(names.begin(), names.end(), names[m]) > 1; };
  constexpr int kMostFolders = 5;
  for (int folders = 0; folders <= kMostFolders; ++folders) {
    for (size_t m = 0; m < paths.size(); ++m) names[m] = short_path(paths[m], folders);
    bool any = false;
    for (size_t m = 0; m < paths.size(); ++m) any |= alike(m);
    if (!any) return names;
  }
  for (size_t m = 0; m < paths.size(); ++m) names[m] = short_path(paths[m], 0);
  for (size_t m = paths.size(); m-- > 0;)
    for (int number = 2; alike(m); ++number) {
      const std::string name = fmt::format("{}-{}", short_path(paths[m], 0), number);
      if (std::find(names.begin(), names.end(), name) == names.end()) names[m] = name;
    }
  return names;
}

std::vector<std::string> names_of(const TestedModels& models, const std::vector<std::string>& given) {
  std::vector<std::string> paths;
  for (const auto& model : models) paths.push_back(model->path());
  std::vector<std::string> names = short_names(paths);
  for (size_t m = 0; m < given.size(); ++m)
    if (!given[m].empty()) names[m] = given[m];
  for (const std::string& name : names)
    if (std::count(names.begin(), names.end(), name) > 1)
      throw std::invalid_argument(
          fmt::format("two models would be called {} in the tables; name them apart: NAME=MODEL", name));
  return names;
}

const char* stream_word(Streams stream) { return stream == Streams::video ? "video" : "sound"; }

models::Streams streams_of(const TestedModels& models) {
  std::set<models::Streams> kinds;
  for (const auto& model : models) kinds.insert(model->streams());
  return together(kinds);
}

std::vector<std::string> training_talkers_of(const TestedModels& models) {
  std::set<std::string> talkers;
  for (const auto& model : models)
    if (model->provenance().contains("talkers"))
      for (const auto& talker : model->provenance()["talkers"]) talkers.insert(talker.get<std::string>());
  return {talkers.begin(), talkers.end()};
}

void check_models(const TestedModels& models, const nlohmann::json& crop, const std::string& data) {
  if (models.empty()) throw std::invalid_argument("[evaluate] no model given");
  for (const auto& model : models) {
    model->check_crop(crop, data);
    if (model->labels() != models.front()->labels())
      throw std::runtime_error(fmt::format("[evaluate] {} and {} know different {}: evaluate them one by one",
                                           models.front()->path(), model->path(),
                                           model->sentences() ? "symbols" : "words"));
    if (!model->sentences() && model->rule().window_frames != models.front()->rule().window_frames)
      throw std::runtime_error(fmt::format(
          "[evaluate] {} and {} were trained on windows of {} and {} frames: evaluate them one by one",
          models.front()->path(), model->path(), models.front()->rule().window_frames, model->rule().window_frames));
  }
}

bool of_sentences(const TestedModels& models) {
  for (const auto& model : models)
    if (model->sentences() != models.front()->sentences()) {
      const Recognizer &sentences = model->sentences() ? *model : *models.front(),
                       &words = model->sentences() ? *models.front() : *model;
      throw std::runtime_error(
          fmt::format("[evaluate] {} writes sentences and {} knows words: evaluate them one by one", sentences.path(),
                      words.path()));
    }
  return !models.empty() && models.front()->sentences();
}

nlohmann::json describe_models(const TestedModels& models, const std::vector<std::string>& names) {
  nlohmann::json described = nlohmann::json::array();
  for (size_t m = 0; m < models.size(); ++m) {
    nlohmann::json one{{"name", names[m]}, {"file", models[m]->path()}, {"streams", name_of(models[m]->streams())}};
    one["provenance"] = models[m]->provenance();
    described.push_back(std::move(one));
  }
  return described;
}

std::optional<size_t> answerer(const TestedModels& models, size_t m, const Condition& condition) {
  if (!condition.missing) return m;
  const Streams missing = *condition.missing, there = missing == Streams::video ? Streams::audio : Streams::video;
  if (models[m]->streams() == there) return m;
  if (models[m]->streams() == missing) return std::nullopt;
  if (does_without(models[m]->config(), missing)) return m;
  for (size_t other = 0; other < models.size(); ++other)
    if (models[other]->streams() == there) return other;
  throw std::runtime_error(
      fmt::format("[evaluate] {} cannot be tested without {}: it was not trained with modality dropout; give {} model "
                  "beside it, which then answers in its place",
                  models[m]->path(), stream_word(missing), there == Streams::audio ? "an audio" : "a video"));
}

}  // namespace avsr::pipeline
