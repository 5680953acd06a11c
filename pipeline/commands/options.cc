#include "pipeline/commands/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <sstream>
#include <stdexcept>

#include "io/parallel.h"
#include "pipeline/data/clip_cache.h"
#include "pipeline/suggest.h"

namespace avsr::pipeline {
namespace {

namespace po = boost::program_options;

[[noreturn]] void complain_unknown_option(const std::string& given, const po::options_description& shown) {
  std::vector<std::string> names;
  for (const auto& option : shown.options()) names.push_back("--" + option->long_name());
  const auto nearest = nearest_names(given, names);
  throw std::invalid_argument(fmt::format("unknown option '{}'; {}", given,
                                          nearest.empty()
                                              ? std::string("--help lists what there is")
                                              : fmt::format("did you mean {}?", fmt::join(nearest, " or "))));
}

}  // namespace

Parsed parse_options(const std::vector<std::string>& arguments, const po::options_description& shown,
                     const po::options_description& hidden, const po::positional_options_description& positions,
                     const std::string& usage, const std::string& example) {
  Parsed parsed;
  for (const std::string& argument : arguments)
    if (argument == "--help" || argument == "-h") parsed.help = true;
  if (parsed.help) {
    std::cout << "Usage: " << usage << "\n\n" << shown << "\nExample:\n  " << example << "\n";
    return parsed;
  }
  po::options_description all;
  all.add(shown).add(hidden);
  try {
    // No guessing of abbreviated options, so that a new option never changes what an old command line means.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments).options(all).positional(positions).style(style).run(), parsed.values);
    po::notify(parsed.values);
  } catch (const po::unknown_option& error) {
    complain_unknown_option(error.get_option_name(), shown);
  } catch (const po::required_option& error) {
    // A positional argument has a name here, but no option of that name is ever typed.
    const std::string name = error.get_option_name().substr(error.get_option_name().find_first_not_of('-'));
    const bool positional = hidden.find_nothrow(name, false) != nullptr;
    throw std::invalid_argument(fmt::format("expected {}{}, found none; usage: {}", positional ? "the argument " : "--",
                                            name, usage.substr(0, usage.find('\n'))));
  } catch (const po::error& error) {
    throw std::invalid_argument(fmt::format("{}; --help explains the options", error.what()));
  }
  return parsed;
}

void add_loader_options(po::options_description& shown, int& workers, double& cache_gb) {
  shown.add_options()("workers", po::value(&workers)->default_value(0), "loader threads; 0: half of the cores")(
      "cache-gb", po::value(&cache_gb)->default_value(0), "memory for decoded clips, in GB; 0: half of what there is");
}

void check_loader_options(int workers, double cache_gb) {
  if (workers < 0 || workers > io::kMostWorkers)
    throw std::invalid_argument(fmt::format("--workers: expected 0 to {}, got {}", io::kMostWorkers, workers));
  make_cache_budget(cache_gb);  // complains
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> entries;
  std::stringstream stream(text);
  for (std::string entry; std::getline(stream, entry, ',');)
    if (!entry.empty()) entries.push_back(entry);
  return entries;
}

}  // namespace avsr::pipeline
