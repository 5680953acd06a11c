// The command line of one command, with Boost.Program_options: help with an example, and complaints that say what to
// do.
#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

namespace avsr::pipeline {

struct Parsed {
  boost::program_options::variables_map values;
  bool help = false;  // it was asked for and is printed: the command returns 0
  bool has(const char* name) const { return values.count(name) > 0; }
};

// `shown` must have "help,h"; `hidden` holds the positional ones. usage: the synopsis, then what the command does.
// Throws std::invalid_argument on an unknown, malformed or missing option, with the nearest known names.
Parsed parse_options(const std::vector<std::string>& arguments,
                     const boost::program_options::options_description& shown,
                     const boost::program_options::options_description& hidden,
                     const boost::program_options::positional_options_description& positions, const std::string& usage,
                     const std::string& example);

// --workers and --cache-gb, which every command has that reads prepared clips.
void add_loader_options(boost::program_options::options_description& shown, int& workers, double& cache_gb);
// Throws std::invalid_argument naming the option.
void check_loader_options(int workers, double cache_gb);

// "a,b,c" -> {"a", "b", "c"}; empty entries are dropped.
std::vector<std::string> split_list(const std::string& text);

}  // namespace avsr::pipeline
