// The commands of the program `avsr`, one file each (NAME_command.cc). Each takes the arguments after its name, prints
// its results on stdout, and returns the exit code; the caller's mistakes are thrown as std::invalid_argument, what the
// world got wrong as std::runtime_error, and main turns both into one line on stderr.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace avsr::pipeline {

using Arguments = std::vector<std::string>;

int run_prepare(const Arguments& arguments);
int run_synthesize(const Arguments& arguments);
int run_train(const Arguments& arguments);
int run_tune(const Arguments& arguments);
int run_cross_validate(const Arguments& arguments);
int run_evaluate(const Arguments& arguments);
int run_compare(const Arguments& arguments);
int run_transcribe(const Arguments& arguments);
int run_align(const Arguments& arguments);
int run_inspect(const Arguments& arguments);
int run_import(const Arguments& arguments);
int run_compact(const Arguments& arguments);
int run_extract(const Arguments& arguments);
int run_recipes(const Arguments& arguments);

struct Command {
  const char* name;
  const char* summary;
  int (*run)(const Arguments&);
  bool computes;  // runs networks for long: its OpenMP threads are pinned (pipeline/pinning.h)
};

// All commands, in the order in which a user meets them.
std::span<const Command> all_commands();

}  // namespace avsr::pipeline
