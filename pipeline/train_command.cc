// avsr train: all stages of a recipe on a prepared folder.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "models/model_file.h"
#include "pipeline/commands.h"
#include "pipeline/dataset.h"
#include "pipeline/decoding_choice.h"
#include "pipeline/device.h"
#include "pipeline/dry_run.h"
#include "pipeline/options.h"
#include "pipeline/progress.h"
#include "pipeline/schedule.h"

namespace avsr::pipeline {
namespace {

constexpr int kInterrupted = 130;  // as a shell reports a program that ended by Ctrl-C

// A signal handler can reach nothing else. The second Ctrl-C ends the program at once.
std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void request_stop(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
  constexpr std::string_view kText = "\nstopping after this batch\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText.data(), kText.size());
}

// Lines on stdout, and on a terminal the running epoch's bar between them.
Reporter make_reporter() {
  auto bar = std::make_shared<std::unique_ptr<Progress>>();
  auto shown = std::make_shared<std::string>(), note = std::make_shared<std::string>();
  Reporter reporter;
  reporter.say = [bar](const std::string& line) {
    bar->reset();
    std::cout << line << std::endl;
  };
  if (!isatty(STDERR_FILENO)) return reporter;
  reporter.note = [note](const std::string& text) { *note = text; };
  reporter.tick = [bar, shown, note](int64_t done, int64_t total, const std::string& what) {
    if (!*bar || *shown != what) {
      *bar = std::make_unique<Progress>(what, "clips", total);
      *shown = what;
    }
    (*bar)->update(done, std::exchange(*note, ""));
  };
  return reporter;
}

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
      return !stop_requested;
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
  settings.background = run.recipe.data.background;
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
  std::cout << fmt::format(
                   "recipe {} (seed {}) on {}: {} training and {} validation examples of {} words, {} frames\n\n",
                   run.recipe.name, run.recipe.seed, run.data.empty() ? "a corpus of LRW's size" : run.data,
                   size.training, size.validation, size.labels, size.frames)
            << std::flush;
  const auto plans =
      plan_stages(*backend, run.recipe, size, [](const std::string& text) { std::cout << text << std::endl; });
  std::cout << total_of(plans);
  return 0;
}

}  // namespace

int run_train(const Arguments& arguments) {
  namespace po = boost::program_options;
  RunSettings run;
  std::string recipe, out, stages;
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
      "workers", po::value(&run.workers)->default_value(0), "loader threads; 0: half of the cores")(
      "checkpoint-minutes", po::value(&run.checkpoint_minutes)->default_value(10),
      "between checkpoints inside an epoch")("keep-checkpoints", po::value(&run.keep_checkpoints)->default_value(1),
                                             "of the last epochs' ends, to fall back on when the last one is damaged")(
      "watch-every", po::value(&run.watch_every)->default_value(0),
      "steps between looks at the layers (activations, dead ReLUs, sizes of "
      "updates); 0: as often as takes less than 1 % "
      "of the time")("cache-gb", po::value(&run.cache_gb)->default_value(0),
                     "memory for decoded clips, in GB; 0: half of what there is");
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
      "nothing.\nStopped by Ctrl-C or killed, it goes on with --resume.",
      "avsr train words-small --data data --out run");
  if (parsed.help) return 0;
  if (!dry_run && (run.data.empty() || out.empty()))
    throw std::invalid_argument(fmt::format("--{} is missing", run.data.empty() ? "data" : "out"));
  run.validate();
  run.recipe = load_recipe(recipe, overrides);
  if (dry_run) return print_plan(run, device);
  run.out = out;
  run.stages = split_list(stages);
  run.stop = &stop_requested;
  run.reporter = make_reporter();

  const auto backend = open_device_aloud(device);
  std::cout << fmt::format("recipe {} (seed {})", run.recipe.name, run.recipe.seed) << std::endl;
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  if (run.find_rate) return run_schedule(*backend, run) ? 0 : kInterrupted;
  if (!run_schedule(*backend, run) || !choose_decodings(*backend, run)) {
    const bool resumed = std::find(arguments.begin(), arguments.end(), "--resume") != arguments.end();
    std::cerr << fmt::format("avsr train: stopped; go on with: avsr train {}{}\n", fmt::join(arguments, " "),
                             resumed ? "" : " --resume");
    return kInterrupted;
  }
  std::cout << fmt::format("done: models in {}; next: avsr evaluate {}/*.safetensors --data {} --out {}/evaluation\n",
                           out, out, run.data, out);
  return 0;
}

}  // namespace avsr::pipeline
