// avsr prepare: a corpus -> packed clips and a quality report.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "io/atomic_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/data/corpus_check.h"
#include "pipeline/data/prepare.h"
#include "pipeline/progress.h"

namespace avsr::pipeline {
namespace {

// Made at the first step, when the number of clips is known.
PrepareResult prepare_with_progress(const PrepareOptions& options) {
  std::optional<Progress> progress;
  const PrepareResult result = prepare_corpus(options, [&](const PrepareStep& step) {
    if (!progress) progress.emplace("prepare", "clips", step.total);
    progress->skip(step.resumed);
    progress->update(step.done);
  });
  if (progress) progress->finish();
  return result;
}

void print_result(const PrepareResult& result, const std::string& out) {
  for (const std::string& note : result.notes) std::cout << fmt::format("note: {}\n", note);
  std::cout << fmt::format("{} clips {} in {}\n", result.clips, result.already_done ? "are already there" : "packed",
                           out);
  for (const auto& [reason, count] : result.reasons) std::cout << fmt::format("  {:<12} {}\n", reason, count);
  if (result.skipped > 0) std::cout << fmt::format("{} files could not be read and are left out\n", result.skipped);
  std::cout << fmt::format("quality report: {0}/quality.html ({0}/quality.json)\n", out);
}

// One that a check would not heed may be misspelt, or meant for the run that packs.
void refuse_packing_options(const Parsed& parsed) {
  for (const char* name :
       {"out", "crop", "box-top", "box-left", "box-size", "face-model", "landmark-interval", "clips-per-shard"})
    if (parsed.has(name) && !parsed.values[name].defaulted())
      throw std::invalid_argument(
          fmt::format("--{} has no meaning with --check, which neither crops nor writes: leave it out", name));
}

int print_check(const PrepareOptions& options, const std::string& json) {
  options.validate_reading();
  std::optional<Progress> progress;
  const CorpusReport report = check_corpus(
      {.corpus = options.corpus, .layout = options.layout, .workers = options.workers, .limit = options.limit},
      [&](int64_t done, int64_t total) {
        if (!progress) progress.emplace("check", "clips", total);
        progress->update(done);
      });
  if (progress) progress->finish();
  std::cout << text_of(report);
  if (!json.empty())
    io::write_file_atomically(
        json, std::string_view(to_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  return report.errors() > 0 ? 1 : 0;
}

}  // namespace

int run_prepare(const Arguments& arguments) {
  namespace po = boost::program_options;
  PrepareOptions prepare;
  std::string layout, check_json;
  bool check = false;
  po::options_description options("Options");
  options.add_options()("help,h", "this text")("out,o", po::value(&prepare.out), "folder to write to")(
      "check", po::bool_switch(&check),
      "write nothing; decode every file (of --limit's clips) and say what is wrong with the corpus; exit code 1 on "
      "errors; takes --json, --layout, --limit and --workers")("json", po::value(&check_json),
                                                               "with --check: a file for all that was found")(
      "layout", po::value(&layout)->default_value("auto"), "auto, lrw, grid or manifest")(
      "crop", po::value(&prepare.crop)->default_value("auto"),
      "fixed (a box), tracked (face landmarks), or auto: fixed for the LRW layout, tracked otherwise")(
      "box-top", po::value(&prepare.box.top)->default_value(prepare.box.top), "first row of the fixed box")(
      "box-left", po::value(&prepare.box.left)->default_value(prepare.box.left), "first column of the fixed box")(
      "box-size", po::value(&prepare.box.height)->default_value(prepare.box.height), "side of the fixed box in pixels")(
      "face-model", po::value(&prepare.face_model)->default_value(prepare.face_model), "68-point landmark model")(
      "landmark-interval",
      po::value(&prepare.tracked.tracker.landmark_interval)->default_value(prepare.tracked.tracker.landmark_interval),
      "tracked crops: landmarks on every n-th frame, the main cost")(
      "limit", po::value(&prepare.limit)->default_value(0), "at most so many clips of each split (0: all)")(
      "clips-per-shard", po::value(&prepare.clips_per_shard)->default_value(prepare.clips_per_shard),
      "clips in a shard")("workers,j", po::value(&prepare.workers)->default_value(0), "threads (0: as many as cores)");
  po::options_description hidden;
  hidden.add_options()("corpus", po::value(&prepare.corpus)->required());
  po::positional_options_description positions;
  positions.add("corpus", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr prepare CORPUS --out DIR [OPTIONS]\n\nReads a corpus (a folder of LRW or GRID layout, or a CSV or JSONL "
      "manifest with the columns\npath, label or transcript, and maybe split, speaker, start, end, key), crops the "
      "mouths, and packs\nframes, sound and labels into tar shards. A stopped run goes on where it was.\nA manifest "
      "without splits gets 80 % train, 10 % val and 10 % test, by speaker where speakers are "
      "known.\n\nWord models "
      "learn from labels (clips of one word) and from words with times (GRID). A transcript in a\nmanifest gives no "
      "times: a model of words learns nothing from it.",
      "avsr prepare videos/lrw --out data/lrw --crop tracked");
  if (parsed.help) return 0;
  prepare.layout = data_scripts::layout_from_name(layout);
  if (check) {
    refuse_packing_options(parsed);
    return print_check(prepare, check_json);
  }
  if (!check_json.empty()) throw std::invalid_argument("--json belongs to --check");
  if (prepare.out.empty()) throw std::invalid_argument("--out is missing: the folder to write to (or --check)");
  prepare.box.width = prepare.box.height;
  print_result(prepare_with_progress(prepare), prepare.out);
  return 0;
}

}  // namespace avsr::pipeline
