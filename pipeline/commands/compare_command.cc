// avsr compare: what changed between two evaluations.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>

#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/evaluation/compare_results.h"

namespace avsr::pipeline {
namespace {

constexpr size_t kShownWords = 10;
constexpr double kSignificant = 0.05;

std::string rows_table(const ResultsChange& change) {
  size_t model = 5, condition = 9;
  for (const RowChange& row : change.rows) {
    model = std::max(model, row.model.size());
    condition = std::max(condition, row.condition.size());
  }
  std::string text =
      fmt::format("{:<{}}  {:<{}} {:>6} {:>6} {:>7}  {:<16} {:>5} {:>6} {:>7}\n", change.sentences ? "WER %" : "%",
                  model, "condition", condition, "before", "after", "change", "95 %",
                  change.sentences ? "worse" : "lost", change.sentences ? "better" : "gained", "p");
  for (const RowChange& row : change.rows) {
    const std::string interval =
        row.interval ? fmt::format("({:+.1f} to {:+.1f})", 100 * row.interval->low, 100 * row.interval->high) : "";
    text += fmt::format("{:<{}}  {:<{}} {:>6.1f} {:>6.1f} {:>+7.1f}  {:<16} {:>5} {:>6} {:>7.3f}{}\n", row.model, model,
                        row.condition, condition, 100 * row.before, 100 * row.after, 100 * (row.after - row.before),
                        interval, row.lost, row.gained, row.p_holm, row.p_holm < kSignificant ? " *" : "");
  }
  return text;
}

std::string words_table(const ResultsChange& change) {
  if (change.words.empty()) return "";
  std::string text = "\nwords that changed most, over all rows:\n";
  for (size_t i = 0; i < std::min(change.words.size(), kShownWords); ++i) {
    const WordChange& word = change.words[i];
    text += fmt::format("  {:<16} {:>5} of {} right, before {}\n", word.word, word.after, word.clips, word.before);
  }
  return text;
}

}  // namespace

int run_compare(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::vector<std::string> files;
  po::options_description options("Options"), hidden;
  options.add_options()("help,h", "this text");
  hidden.add_options()("results", po::value(&files)->required(), "");
  po::positional_options_description positions;
  positions.add("results", -1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr compare BEFORE AFTER\n\nWhat changed between two evaluations, on the clips that both have, and whether by "
      "more than chance. BEFORE and AFTER: results.json of `avsr evaluate … --out DIR`, or that DIR. Systems are "
      "matched "
      "by name.",
      "avsr compare run-1/evaluation run-2/evaluation");
  if (parsed.help) return 0;
  if (files.size() != 2)
    throw std::invalid_argument(fmt::format("expected two evaluations, BEFORE and AFTER, got {}", files.size()));
  const nlohmann::json before = read_results(files[0]), after = read_results(files[1]);
  const ResultsChange change = compare_results(before, after);
  const auto significant = std::count_if(change.rows.begin(), change.rows.end(),
                                         [](const RowChange& row) { return row.p_holm < kSignificant; });
  std::cout << fmt::format("{} {}\n\n", change.clips, change.sentences ? "sentences" : "clips") << rows_table(change)
            << fmt::format("\n{} of {} differences are significant (* p < {}: {}, Holm's correction for {} rows).\n",
                           significant, change.rows.size(), kSignificant,
                           change.sentences ? "matched-pairs test over sentences" : "McNemar's exact test",
                           change.rows.size())
            << words_table(change);
  for (const std::string& note : change.notes) std::cout << "note: " << note << "\n";
  return 0;
}

}  // namespace avsr::pipeline
