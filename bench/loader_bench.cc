// How many clips a second the loader makes: prepared shards -> decoded, augmented, noisy, normalised batches. Counted
// by the processor's time as well as the clock's, as other programs may run beside it.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <ctime>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "io/parallel.h"
#include "pipeline/commands/options.h"
#include "pipeline/data/loader.h"
#include "pipeline/pinning.h"
#include "pipeline/training/stage_batches.h"

namespace {

using namespace avsr;
using namespace avsr::pipeline;

struct Settings {
  std::string data, recipe = "lrw-paper";
  int workers = 0, epochs = 2, most_batches = 0;
  double cache_gb = 0;
};

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class LoaderBench {
 public:
  explicit LoaderBench(const Settings& settings) : settings_(settings), recipe_(load_recipe(settings.recipe)) {
    rule_.geometry = recipe_.data.geometry;
    rule_.normalisation = recipe_.data.normalisation;
  }

  void run() {
    for (const models::Streams streams : {models::Streams::video, models::Streams::audio, models::Streams::audiovisual})
      for (const Stage& stage : recipe_.stages) {
        if (stage.streams != streams) continue;
        measure(stage);  // one stage of each kind: the others' batches are made alike
        break;
      }
  }

 private:
  // The memory of decoded clips starts empty, as at the start of a run: the first epoch decodes.
  void measure(const Stage& stage) {
    const auto dataset = Dataset::open(settings_.data, "train",
                                       {.streams = stage.streams,
                                        .window_frames = recipe_.data.window_frames,
                                        .cache = make_cache_budget(settings_.cache_gb)});
    std::optional<NoiseSource> noise;
    if (stage.streams != models::Streams::video && !recipe_.data.noise_levels_db.empty())
      noise = NoiseSource::babble({dataset.get(), clips_of(*dataset)}, recipe_.data.babble);
    rule_.window_frames = recipe_.data.window_frames;
    if (stage.streams != models::Streams::audio) rule_.pixels = *measure_pixels(*dataset, rule_, {}, 100);
    const BatchWriter writer(rule_, network_of(recipe_, stage, static_cast<int>(dataset->labels().size())));
    for (int epoch = 0; epoch < settings_.epochs; ++epoch) {
      LoaderSettings loading = loader_settings_of(recipe_, stage, true);
      loading.noise = noise ? &*noise : nullptr;
      loading.epoch = epoch;
      loading.workers = settings_.workers;
      Loader loader(*dataset, writer, loading);
      const double start = clock_seconds(), processor = processor_seconds();
      HostBatch batch;
      int64_t clips = 0;
      for (int b = 0; (settings_.most_batches == 0 || b < settings_.most_batches) && loader.next(batch); ++b)
        clips += batch.clips;
      const double seconds = clock_seconds() - start, worked = processor_seconds() - processor;
      const auto count = static_cast<double>(clips);
      std::cout << fmt::format("| {} | {} | {} | {:.0f} | {:.0f} | {:.2f} |\n", name_of(stage.streams), epoch + 1,
                               clips, count / seconds, count / worked, 1e3 * worked / count)
                << std::flush;
    }
  }

  const Settings& settings_;
  Recipe recipe_;
  InputRule rule_;
};

}  // namespace

int main(int argc, char** argv) try {
  pin_threads(argv);
  Settings settings;
  namespace po = boost::program_options;
  po::options_description options("Options");
  options.add_options()("data", po::value(&settings.data)->required(), "folder made by `avsr prepare`")(
      "recipe", po::value(&settings.recipe)->default_value(settings.recipe), "whose batches are made")(
      "workers", po::value(&settings.workers)->default_value(0), "threads; 0: half of the cores")(
      "epochs", po::value(&settings.epochs)->default_value(2),
      "the first decodes, later ones find what fits in memory")(
      "batches", po::value(&settings.most_batches)->default_value(0), "at most so many an epoch; 0: all")(
      "cache-gb", po::value(&settings.cache_gb)->default_value(0),
      "memory for decoded clips, in GB; 0: half of what there is; 0.000001: none")("help,h", "this text");
  const Parsed parsed =
      parse_options(std::vector<std::string>(argv + 1, argv + argc), options, {}, {},
                    "loader_bench --data DIR\n\nTimes the making of training batches, for video, audio and both.",
                    "loader_bench --data data --recipe lrw-paper --workers 2");
  if (parsed.help) return 0;
  std::cout << fmt::format(
      "{} worker threads\n\n| batches of | epoch | clips | clips/s | clips/s a core | ms of a core |\n"
      "|---|---|---|---|---|---|\n",
      settings.workers > 0 ? settings.workers : std::max(1, allowed_cores() / 2));
  LoaderBench(settings).run();
  return 0;
} catch (const std::exception& error) {
  std::cerr << "loader_bench: " << error.what() << "\n";
  return 1;
}
