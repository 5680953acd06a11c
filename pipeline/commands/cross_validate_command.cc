// avsr cross-validate: k folds, or leave-p-speakers-out.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <stdexcept>

#include "pipeline/commands/commands.h"
#include "pipeline/commands/console.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/training/cross_validation.h"

namespace avsr::pipeline {

int run_cross_validate(const Arguments& arguments) {
  namespace po = boost::program_options;
  CrossValidationSettings validation;
  FoldSettings& folds = validation.folds;
  std::string recipe, out, stages;
  std::vector<std::string> overrides;
  DeviceChoice device;
  po::options_description options("Options");
  options.add_options()("data", po::value(&validation.data)->required(), "folder made by `avsr prepare`")(
      "out", po::value(&out)->required(), "folder for the folds and their table")(
      "folds", po::value(&folds.folds)->default_value(folds.folds),
      "groups of clips, by speaker where there are speakers enough; each is tested once")(
      "leave-out", po::value(&folds.leave_out)->default_value(0),
      "instead: test on so many unseen speakers in each fold")(
      "most", po::value(&folds.most)->default_value(folds.most),
      "folds of --leave-out at most, drawn where there are more")(
      "seed", po::value(&folds.seed)->default_value(folds.seed), "of the dealing (the recipe has its own)")(
      "with-test", po::bool_switch(&folds.with_test), "deal the clips of split test too; else they stay unseen")(
      "stages", po::value(&stages), "only these stages, separated by commas")(
      "set", po::value(&overrides)->composing(), "change the recipe: KEY=VALUE, such as stages.*.epochs=5");
  add_loader_options(options, validation.workers, validation.cache_gb);
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("recipe", po::value(&recipe)->required(), "");
  po::positional_options_description positions;
  positions.add("recipe", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr cross-validate RECIPE --data DIR --out DIR\n\nTrains the recipe once for each fold and tests it on clips "
      "that this training has not seen: one group tests, the\nnext one validates (chooses the epoch), the others "
      "train. "
      "OUT gets folds.md, folds.csv and folds.json with the\nclean accuracy of each fold, their mean and deviation. "
      "A stopped one goes on where it was; a\nfinished fold keeps its models and no checkpoints. fold-NN/data is "
      "a\nprepared folder on which the other commands work too.",
      "avsr cross-validate words-small --data data --out cv --leave-out 1 --stages video");
  if (parsed.help) return 0;
  if (folds.leave_out < 0 || (folds.leave_out == 0 && !parsed.values["leave-out"].defaulted()))
    throw std::invalid_argument("--leave-out: expected 1 or more speakers");
  folds.validate();
  validation.recipe = load_recipe(recipe, overrides);
  validation.out = out;
  validation.stages = split_list(stages);
  const auto backend = open_device_aloud(device);
  const std::atomic<bool>& stop = stop_on_signals();
  validation.stop = &stop;
  validation.reporter = console_reporter();
  const std::vector<FoldResult> results = cross_validate(*backend, validation);
  if (!results.empty()) std::cout << "\n" << table_of(results);
  return stop ? interrupted("cross-validate", arguments) : 0;
}

}  // namespace avsr::pipeline
