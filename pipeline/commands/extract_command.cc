// avsr extract: what a layer of a model makes of every clip of a split, written as NumPy arrays or safetensors.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/device.h"
#include "pipeline/progress.h"
#include "pipeline/recognition/extract.h"

namespace avsr::pipeline {
namespace {

void check_settings(const ExtractSettings& settings) {
  if (settings.batch < 1) throw std::invalid_argument("--batch must be at least 1");
  if (settings.split.empty())
    throw std::invalid_argument("--split is empty; name one split of the data, such as --split test");
  check_loader_options(settings.workers, settings.cache_gb);
}

}  // namespace

int run_extract(const Arguments& arguments) {
  namespace po = boost::program_options;
  ExtractSettings settings;
  std::string path, out;
  DeviceChoice device;
  po::options_description options("Options");
  options.add_options()("data", po::value(&settings.data)->required(), "folder made by `avsr prepare`")(
      "split", po::value(&settings.split)->default_value("test"), "test, val, train or another split of the data")(
      "layer", po::value(&settings.layer)->required(),
      "whose output: video/embed, video/recurrent, video/ms_tcn, audio/embed, audio/recurrent, audio/ms_tcn or "
      "fusion/recurrent, whichever the model has")(
      "out", po::value(&out)->required(),
      "FILE.npz, FILE.safetensors, or a folder without features that gets .npz files of 1000 clips")(
      "batch", po::value(&settings.batch)->default_value(16), "clips at a time");
  add_loader_options(options, settings.workers, settings.cache_gb);
  add_device_options(options, device);
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("model", po::value(&path)->required(), "");
  po::positional_options_description positions;
  positions.add("model", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr extract MODEL --data DIR --layer PATH --out FILE\n\nWrites the features that a layer makes of every clip "
      "of "
      "a split, a row for each 40 ms: for other programs and\nclassifiers. In Python: z = numpy.load('f.npz'); "
      "z['features/' + key] is (T, D); z['keys'], z['lengths'],\nz['labels'] (index in z['words']) are in the order of "
      "the clips.",
      "avsr extract run/video.safetensors --data data --split test --layer video/embed --out test.npz");
  if (parsed.help) return 0;
  check_settings(settings);
  settings.out = out;
  settings.check_out();
  if (settings.out.extension() != ".npz" && settings.out.extension() != ".safetensors") io::require_output_folder(out);

  const auto backend = open_device_aloud(device);
  Recognizer model(*backend, path);
  std::unique_ptr<Progress> bar;
  Tick tick;
  if (isatty(STDERR_FILENO))
    tick = [&](int64_t done, int64_t total) {
      if (!bar) bar = std::make_unique<Progress>("extract", "clips", total);
      bar->update(done);
      return true;
    };
  const ExtractResult result = extract_features(model, settings, tick);
  bar.reset();
  std::cout << fmt::format("{} clips, {} features of {} for each 40 ms in {}\n", result.clips, result.width,
                           settings.layer, out);
  return 0;
}

}  // namespace avsr::pipeline
