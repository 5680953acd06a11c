// avsr train: all stages of a recipe on a prepared folder.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/console.h"
#include "pipeline/commands/options.h"
#include "pipeline/data/dataset.h"
#include "pipeline/device.h"
#include "pipeline/ranks.h"
#include "pipeline/recognition/decoding_choice.h"
#include "pipeline/training/dry_run.h"
#include "pipeline/training/schedule.h"
#include "pipeline/training/transfer.h"

namespace avsr::pipeline {
namespace {

// The words of a video need thresholds; each final model gets those that suit the validation clips. False when stopped.
bool choose_decodings(backend::Backend& backend, const RunSettings& run) {
  for (const char* name : {"audio", "video", "audiovisual"}) {
    const std::filesystem::path model = run.out / (std::string(name) + ".safetensors");
    if (!std::filesystem::exists(model)) continue;
    const models::ModelFile header = models::read_model_header(model);
    if (!header.decoding.is_null() || header.config.word_boundary)
      continue;  // which needs the word's place: no windows
    const auto tick = [&](int64_t done, int64_t total) {
      if (run.reporter.tick) run.reporter.tick(done, total, fmt::format("choosing the decoding of {}", name));
      return !(run.stop && *run.stop);
    };
    const std::optional<std::string> line = choose_decoding(backend, model.string(), run.data, tick);
    if (!line) return false;
    run.reporter.say(*line);
  }
  return true;
}

// Of the data, or of LRW's.
DataSize size_of(const RunSettings& run) {
  if (run.data.empty()) return size_of_lrw();
  Dataset::Settings settings;
  settings.streams = streams_of(run.recipe);
  settings.window_frames = run.recipe.data.window_frames;
  settings.targets = run.recipe.data.targets;
  settings.background = run.recipe.data.background;
  settings.labels = labels_of(run.recipe.data);
  const auto training = Dataset::open(run.data, "train", settings);
  settings.labels = training->labels();
  const auto validation = Dataset::open(run.data, "val", settings);
  const int whole = training->whole_clip_frames();
  return {.training = static_cast<int64_t>(training->samples().size()),
          .validation = static_cast<int64_t>(validation->samples().size()),
          .labels = static_cast<int>(training->labels().size()),
          .frames = whole > 0 ? whole : run.recipe.data.window_frames};
}

int print_plan(const RunSettings& run, const DeviceChoice& device) {
  const auto backend = open_device_aloud(device);
  const DataSize size = size_of(run);
  std::cout << fmt::format("recipe {} (seed {}) on {}: {} training and {} validation examples of {} {}, {} frames\n\n",
                           run.recipe.name, run.recipe.seed, run.data.empty() ? "a corpus of LRW's size" : run.data,
                           size.training, size.validation, size.labels,
                           run.recipe.data.targets == Targets::words ? "words" : "symbols", size.frames)
            << std::flush;
  const auto plans = plan_stages(*backend, run.recipe, size, run.stages,
                                 [](const std::string& text) { std::cout << text << std::endl; });
  std::cout << total_of(plans);
  return 0;
}

// A text as YAML reads it back.
std::string quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) text.insert(at, 1, '\'');
  return "'" + text + "'";
}

// The recipe with --set, --init and --freeze. What a run began with holds for its rest: --init and --freeze need not be
// given again with --resume.
Recipe recipe_of(const std::string& name, std::vector<std::string> overrides, std::vector<std::string> init,
                 std::vector<std::string> frozen, const std::filesystem::path& begun) {
  const Recipe plain = load_recipe(name, overrides);
  for (std::string& model : init) model = std::filesystem::absolute(model).lexically_normal().string();
  if (!frozen.empty()) frozen.insert(frozen.begin(), plain.freeze.begin(), plain.freeze.end());
  if (std::filesystem::exists(begun)) {
    const Recipe before = parse_recipe(io::read_text_file(begun.string()), begun.string());
    if (init.empty() && plain.init.empty()) init = before.init;
    if (frozen.empty() && plain.freeze.empty()) frozen = before.freeze;
  }
  for (std::vector<std::string>* texts : {&init, &frozen})
    for (std::string& text : *texts) text = quoted(text);
  if (!init.empty()) overrides.push_back(fmt::format("init=[{}]", fmt::join(init, ", ")));
  if (!frozen.empty()) overrides.push_back(fmt::format("freeze=[{}]", fmt::join(frozen, ", ")));
  Recipe recipe = load_recipe(name, overrides);
  take_over_sizes(recipe);
  return recipe;
}

// What this rank takes of its machine, unless the user chose.
void join_ranks(backend::Communicator& communicator, DeviceChoice& device, RunSettings& run) {
  const backend::RankPlace& place = communicator.place();
  run.ranks = communicator;
  device.local_rank = place.local_rank;
  if (device.threads == 0) device.threads = place.cores;
  if (run.workers == 0) run.workers = std::max(1, place.cores / 2);
  if (run.ranks.leads())
    std::cout << fmt::format("{} ranks, {} of them on {} ({})", place.size, place.local_size, place.machine,
                             place.library)
              << std::endl;
  else
    run.reporter = {};
}

// False when stopped.
bool train(const DeviceChoice& device, const RunSettings& run) {
  const auto backend = run.ranks.leads() ? open_device_aloud(device) : open_device(device);
  if (run.ranks.leads()) std::cout << fmt::format("recipe {} (seed {})", run.recipe.name, run.recipe.seed) << std::endl;
  if (!run_schedule(*backend, run)) return false;
  if (run.find_rate) return true;
  return !run.ranks.leads() || choose_decodings(*backend, run);
}

}  // namespace

int run_train(const Arguments& arguments) {
  namespace po = boost::program_options;
  RunSettings run;
  std::string recipe, out, stages, init, frozen;
  std::vector<std::string> overrides;
  DeviceChoice device;
  po::options_description options("Options");
  bool dry_run = false;
  options.add_options()("data", po::value(&run.data), "folder made by `avsr prepare`")(
      "out", po::value(&out), "folder for models, checkpoints and logs")(
      "dry-run", po::bool_switch(&dry_run),
      "train nothing: say for each stage what it starts from, trains and freezes, its steps, memory and time on this "
      "device, for --data or else for a corpus of LRW's size")("resume", po::bool_switch(&run.resume),
                                                               "go on with the run that --out holds")(
      "stages", po::value(&stages), "only these stages, separated by commas")(
      "find-rate", po::bool_switch(&run.find_rate),
      "only try the rates of one stage (--stages; the first where none is named), from 1e-6 up over 200 batches "
      "without "
      "regularisation; prints one to use, draws OUT/find-rate/STAGE.svg")(
      "set", po::value(&overrides)->composing(), "change the recipe: KEY=VALUE, such as seed=7 or stages.*.epochs=2")(
      "init", po::value(&init),
      "models, separated by commas (trained on other words, say, or imported), that fill what no earlier stage does: "
      "each part comes from the first that has it")(
      "freeze", po::value(&frozen),
      "parameter paths that no stage trains, separated by commas: video/trunk,video/embed")(
      "checkpoint-minutes", po::value(&run.checkpoint_minutes)->default_value(10),
      "between checkpoints inside an epoch")("keep-checkpoints", po::value(&run.keep_checkpoints)->default_value(1),
                                             "of the last epochs' ends, to fall back on when the last one is damaged")(
      "watch-every", po::value(&run.watch_every)->default_value(0),
      "steps between looks at the layers (activations, dead ReLUs, sizes of updates); 0: as often as takes less than 1 "
      "% of the time");
  add_loader_options(options, run.workers, run.cache_gb);
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("recipe", po::value(&recipe)->required(), "");
  po::positional_options_description positions;
  positions.add("recipe", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr train RECIPE --data DIR --out DIR\navsr train RECIPE --dry-run\n\nTrains the networks of a recipe (built "
      "in, see `avsr recipes`, or "
      "a YAML file), stage by stage.\nWord models train on clips with a label and on words with times; a transcript "
      "alone teaches them "
      "nothing.\nStopped by Ctrl-C or killed, it goes on with --resume. Started by mpirun or srun, it trains on all "
      "ranks together (docs/cluster.md).",
      "avsr train words-small --data data --out run");
  if (parsed.help) return 0;
  if (!dry_run && (run.data.empty() || out.empty()))
    throw std::invalid_argument(fmt::format("--{} is missing", run.data.empty() ? "data" : "out"));
  run.validate();
  run.out = out;
  run.recipe =
      recipe_of(recipe, overrides, split_list(init), split_list(frozen), run.resume ? run.out / "recipe.yaml" : "");
  run.stages = split_list(stages);
  if (dry_run) return print_plan(run, device);
  run.reporter = console_reporter();

  const auto communicator = open_ranks();
  if (communicator) join_ranks(*communicator, device, run);
  run.stop = &stop_on_signals();
  bool finished = false;
  try {
    finished = train(device, run);
  } catch (const std::exception& error) {
    if (!communicator) throw;
    communicator->abort(std::string("avsr train: ") + error.what());  // else the others would wait for ever
  }
  if (run.find_rate) return finished ? 0 : kInterrupted;
  if (!run.ranks.leads()) return finished ? 0 : kInterrupted;
  if (!finished) return interrupted("train", arguments, "--resume");
  std::cout << fmt::format("done: models in {}; next: avsr evaluate {}/*.safetensors --data {} --out {}/evaluation\n",
                           out, out, run.data, out);
  return 0;
}

}  // namespace avsr::pipeline
