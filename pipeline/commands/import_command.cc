// avsr import: the weights that the paper's authors published become a model of this program.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/torch_file.h"
#include "models/model_file.h"
#include "models/public_checkpoint.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/data/crop_rule.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/device.h"

namespace avsr::pipeline {
namespace {

using models::KeyRow;

// How the paper's networks were fed: frames of 256 x 256, of which the mouth's box is cut, its centre taken and
// normalised by the training set's mean and deviation.
void feed_as_the_paper(const models::NetworkConfig& config, InputRule& rule) {
  constexpr int kSide = 256, kTail = 19456 - 29 * io::kSamplesPerFrame;
  CropRule crop;
  crop.method = "fixed";
  crop.source_height = crop.source_width = kSide;
  rule.crop = to_json(crop);
  rule.pixels.mean = 0.413621;
  rule.pixels.deviation = 0.1700239;
  rule.audio_tail_samples = config.streams == models::Streams::video ? 0 : kTail;
}

// The successor's: mouths of 96 x 96 in faces that are turned and scaled to a mean face, so the default crop; 18560
// samples, which are 29 frames without a tail.
void feed_as_the_successor(InputRule& rule) {
  rule.crop = to_json(CropRule{});
  rule.pixels.mean = 0.421;
  rule.pixels.deviation = 0.165;
}

InputRule public_rule(const models::ImportPlan& plan) {
  InputRule rule;
  rule.geometry = {.crop_size = plan.config.video.crop, .input_size = plan.config.video.crop};
  rule.normalisation = preprocessing::PixelNormalisation::training_set;
  rule.window_frames = 29;
  if (plan.system == models::PublicSystem::paper)
    feed_as_the_paper(plan.config, rule);
  else
    feed_as_the_successor(rule);
  return rule;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// A text with a word in each line, or a corpus of LRW's layout: its folders' names.
std::vector<std::string> read_labels(const std::string& path) {
  if (std::filesystem::is_directory(path)) return names_in(path);
  std::vector<std::string> labels;
  std::istringstream lines(io::read_text_file(path));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    if (!line.empty()) labels.push_back(line);
  }
  return labels;
}

void check_labels(const std::vector<std::string>& labels, const std::string& path, int expected) {
  if (static_cast<int>(labels.size()) != expected)
    throw std::runtime_error(fmt::format("{}: expected {} words, as many as the network has outputs, found {}", path,
                                         expected, labels.size()));
  for (size_t i = 1; i < labels.size(); ++i)
    if (labels[i] <= labels[i - 1])
      throw std::runtime_error(
          fmt::format("{}: expected sorted words, each once (LC_ALL=C sort -u), because the outputs of the public "
                      "networks are in that order; found '{}' after '{}'",
                      path, labels[i], labels[i - 1]));
}

std::vector<models::PublicFile> public_files(const std::vector<std::string>& paths,
                                             const std::vector<io::TorchFile>& files) {
  std::vector<models::PublicFile> described;
  for (size_t i = 0; i < files.size(); ++i) {
    models::PublicFile& file = described.emplace_back(models::PublicFile{paths[i], {}});
    for (const io::TorchTensor& tensor : files[i].tensors())
      file.tensors.push_back({tensor.name, tensor.shape, tensor.type});
  }
  return described;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

std::string table_of(const models::ImportPlan& plan, const std::vector<std::string>& paths,
                     const std::vector<io::TorchFile>& files) {
  size_t widest = 3;
  for (const KeyRow& row : plan.rows) widest = std::max(widest, row.key.size());
  std::string table;
  for (size_t i = 0; i < paths.size(); ++i) {
    table += fmt::format("{}\n", paths[i]);
    for (const KeyRow& row : plan.rows) {
      if (row.file != i) continue;
      const std::string line = fmt::format("  {:<8} {:<{}}  {:<20}  {}", name_of(row.use), row.key, widest,
                                           shape_text(row.shape), row.remark.empty() ? row.parameter : row.remark);
      table += line + "\n";
    }
    for (const std::string& other : files[i].others())
      table += fmt::format("  ignored  {:<{}}  {:<20}  {}\n", other, widest, "", "not a tensor of the network");
  }
  return table;
}

std::optional<backend::Activation> activation_named(const std::string& text) {
  if (text.empty()) return std::nullopt;
  for (const auto& [activation, name] : models::kActivationNames)
    if (text == name) return activation;
  throw std::invalid_argument(fmt::format("--activation: expected relu, prelu or swish, got '{}'", text));
}

// Of files that are no network of this program: what they hold all the same.
void list_keys(const std::vector<models::PublicFile>& files) {
  for (const models::PublicFile& file : files) {
    std::cout << file.path << "\n";
    for (const models::PublicTensor& tensor : file.tensors)
      std::cout << fmt::format("  unused   {}  {} {}\n", tensor.key, shape_text(tensor.shape), tensor.type);
  }
}

models::ImportPlan plan_of(const std::vector<models::PublicFile>& files, std::optional<backend::Activation> activation,
                           backend::Backend& backend, bool quiet) {
  try {
    return plan_import(files, activation, backend);
  } catch (const std::invalid_argument&) {
    if (!quiet) list_keys(files);
    throw;
  }
}

nlohmann::json json_of(const models::ImportPlan& plan, const std::vector<std::string>& paths,
                       const std::vector<io::TorchFile>& files) {
  nlohmann::json keys = nlohmann::json::array();
  for (const KeyRow& row : plan.rows)
    keys.push_back({{"file", paths[row.file]},
                    {"key", row.key},
                    {"shape", row.shape},
                    {"use", name_of(row.use)},
                    {"parameter", row.parameter},
                    {"remark", row.remark}});
  for (size_t i = 0; i < paths.size(); ++i)
    for (const std::string& other : files[i].others())
      keys.push_back({{"file", paths[i]},
                      {"key", other},
                      {"use", "ignored"},
                      {"parameter", ""},
                      {"remark", "not a tensor of the network"}});
  return {{"architecture", plan.config}, {"keys", std::move(keys)}};
}

void require_fit(const models::ImportPlan& plan, const std::vector<std::string>& paths) {
  if (plan.fits()) return;
  std::vector<std::string> problems;
  for (const KeyRow& row : plan.rows)
    if (row.use != KeyRow::Use::used && row.use != KeyRow::Use::ignored)
      problems.push_back(fmt::format("{}: {} {}", paths[row.file], name_of(row.use), row.key));
  constexpr size_t kShown = 3;
  const std::vector<std::string> some(problems.begin(), problems.begin() + std::min(problems.size(), kShown));
  throw std::runtime_error(fmt::format("{} keys do not fit, nothing is written: {}{}", problems.size(),
                                       fmt::join(some, "; "),
                                       problems.size() > kShown ? "; … (the table has all)" : ""));
}

void write_model(const models::ImportPlan& plan, const std::vector<std::string>& paths,
                 const std::vector<io::TorchFile>& files, const std::vector<std::string>& labels,
                 backend::Backend& backend, const std::string& out) {
  const auto network = models::make_network(backend, plan.config, 0);
  const auto read = [&](size_t file, const std::string& key) {
    const auto& tensors = files[file].tensors();
    return files[file].values(
        *std::find_if(tensors.begin(), tensors.end(), [&](const io::TorchTensor& t) { return t.name == key; }));
  };
  import_parameters(plan, read, network->parameters());
  models::ModelFile model;
  model.config = plan.config;
  model.labels = labels;
  model.preprocessing = to_json(public_rule(plan));
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(std::filesystem::path(path).filename().string());
  model.provenance = {{"imported_from", names}};
  models::save_model(out, model, network->parameters());
}

}  // namespace

int run_import(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::vector<std::string> paths;
  std::string out, labels_path, activation;
  bool as_json = false;
  po::options_description options("Options");
  options.add_options()("out", po::value(&out)->required(), "the model file to write (.safetensors)")(
      "labels", po::value(&labels_path),
      "the words in the order of the network's outputs: a text, one in each line, or the folder of a corpus of LRW's "
      "layout (its folders' names, sorted)")("activation", po::value(&activation),
                                             "relu, prelu or swish, where the file does not say it: of the successor "
                                             "system's files without PReLU, as their configuration's relu_type")(
      "json", po::bool_switch(&as_json), "print the keys as JSON")("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("checkpoints", po::value(&paths)->required(), "");
  po::positional_options_description positions;
  positions.add("checkpoints", -1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr import CHECKPOINT… --labels FILE --out MODEL\n\nMakes a model of the PyTorch checkpoints that the paper's "
      "authors published: of a video or an audio file, or of\nboth with the fusion file; or of a checkpoint of their "
      "successor system (lrw_resnet18_mstcn: ResNet-18 and MS-TCN, video\nor audio). They are read as data: nothing in "
      "them is executed. Says of every key whether it is used, ignored or missing,\nand writes nothing unless all fit. "
      "Crop (the paper's: fixed box; the successor's: tracked), normalisation, pooling and\nthe length of the sound "
      "are set as the authors had them.",
      "avsr import video.pt audio.pt fusion.pt --labels lrw/lipread_mp4 --out public.safetensors\n"
      "  avsr import lrw_resnet18_mstcn.pth.tar --activation swish --labels lrw/lipread_mp4 --out mstcn.safetensors");
  if (parsed.help) return 0;

  const auto backend = open_device({"cpu", 1});
  std::vector<io::TorchFile> files;
  for (const std::string& path : paths) files.push_back(io::TorchFile::open(path));
  const models::ImportPlan plan = plan_of(public_files(paths, files), activation_named(activation), *backend, as_json);
  if (as_json)
    std::cout << json_of(plan, paths, files).dump(2) << "\n";
  else
    std::cout << table_of(plan, paths, files);
  require_fit(plan, paths);
  if (labels_path.empty())
    throw std::invalid_argument(
        fmt::format("expected --labels: the {} words that the network tells apart stand in no checkpoint; give a text "
                    "with one in each line, sorted, or the folder of the corpus",
                    plan.config.labels));
  const std::vector<std::string> labels = read_labels(labels_path);
  check_labels(labels, labels_path, plan.config.labels);
  write_model(plan, paths, files, labels, *backend, out);
  if (!as_json)
    std::cout << fmt::format("{} network of {} words in {}; next: avsr inspect {}\n", name_of(plan.config.streams),
                             labels.size(), out, out);
  return 0;
}

}  // namespace avsr::pipeline
