// avsr recipes: the built-in recipes, listed or printed.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <iostream>
#include <stdexcept>

#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"
#include "pipeline/training/recipe.h"

namespace avsr::pipeline {

int run_recipes(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::string name;
  po::options_description options("Options");
  options.add_options()("help,h", "this text");
  po::options_description hidden;
  hidden.add_options()("name", po::value(&name));
  po::positional_options_description positions;
  positions.add("name", 1);
  const Parsed parsed =
      parse_options(arguments, options, hidden, positions,
                    "avsr recipes [NAME]\n\nLists the built-in recipes, or prints one: a start for your "
                    "own.\ndocs/recipes.md explains every key.",
                    "avsr recipes words-small > mine.yaml && avsr train mine.yaml --data data --out run");
  if (parsed.help) return 0;
  if (!name.empty()) {
    std::cout << load_recipe(name).text;
    return 0;
  }
  for (const auto& [recipe, text] : built_in_recipes())
    std::cout << fmt::format("{:<14}{}\n", recipe, parse_recipe(text, recipe).description);
  return 0;
}

}  // namespace avsr::pipeline
