// avsr tune: random search over a declared space.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>

#include "io/atomic_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/console.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/training/tune.h"

namespace avsr::pipeline {

int run_tune(const Arguments& arguments) {
  namespace po = boost::program_options;
  TuneSettings tuning;
  std::string space, out, stages;
  DeviceChoice device;
  po::options_description options("Options");
  options.add_options()("space", po::value(&space)->required(), "YAML file: recipe keys and what they may be (below)")(
      "data", po::value(&tuning.data)->required(), "folder made by `avsr prepare`")(
      "out", po::value(&out)->required(), "folder for the trials and their table")(
      "trials", po::value(&tuning.trials)->default_value(tuning.trials), "how many; more may be added later")(
      "seed", po::value(&tuning.seed)->default_value(tuning.seed), "of the draws")(
      "stages", po::value(&stages), "only these stages, separated by commas; the last one's accuracy counts")(
      "set", po::value(&tuning.overrides)->composing(),
      "change the recipe of every trial: KEY=VALUE, such as stages.*.epochs=5");
  add_loader_options(options, tuning.workers, tuning.cache_gb);
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("recipe", po::value(&tuning.recipe)->required(), "");
  po::positional_options_description positions;
  positions.add("recipe", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr tune RECIPE --space FILE --data DIR --out DIR\n\nTrains the recipe again and again with values drawn at "
      "random, and ranks the trials by their accuracy on the\nvalidation set; the test set is not looked at. OUT gets "
      "trials.md, trials.csv, trials.json and best.yaml.\nA stopped search goes on where it was.\n\nThe space, for "
      "example:\n  network.recurrent.hidden: [64, 128, 256]             # one of these\n  stages.*.rate: {log: [1e-4, "
      "1e-2]}                   # logarithm uniform\n  network.recurrent.hidden_dropout: {uniform: [0, 0.5]}\n  "
      "network.recurrent.layers: {integer: [1, 3]}\n  stages.*.optimizer: [{kind: adam}, {kind: adamw, weight_decay: "
      "0.01}]",
      "avsr tune words-small --space space.yaml --data data --out search --stages video --trials 30");
  if (parsed.help) return 0;
  tuning.space = parse_space(io::read_text_file(space), space);
  tuning.out = out;
  tuning.stages = split_list(stages);
  tuning.validate();
  const auto backend = open_device_aloud(device);
  tuning.stop = &stop_on_signals();
  tuning.reporter = console_reporter();
  const std::vector<Trial> trials = tune(*backend, tuning);
  std::cout << "\n" << table_of(trials);
  if (static_cast<int>(trials.size()) < tuning.trials) return interrupted("tune", arguments);
  if (!trials.front().failure.empty()) {
    std::cerr << fmt::format("avsr tune: all {} trials failed, as the table says\n", trials.size());
    return 1;
  }
  std::cout << fmt::format("\nthe best trial's recipe: {}/best.yaml\n", out);
  return 0;
}

}  // namespace avsr::pipeline
