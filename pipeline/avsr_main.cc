// The program `avsr`: finds the command, runs it, and turns what it throws into one line on stderr and an exit code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <exception>
#include <iostream>
#include <stdexcept>

#include "pipeline/commands/commands.h"
#include "pipeline/pinning.h"
#include "pipeline/suggest.h"

namespace {

using avsr::pipeline::Arguments;
using avsr::pipeline::Command;

constexpr int kFailed = 1;   // the world: a missing file, a broken model, no device
constexpr int kMisused = 2;  // the caller: an unknown command or option

void print_usage(std::ostream& out) {
  out << "avsr recognises speech from a talking face and its sound.\n\nUsage: avsr COMMAND [OPTIONS] (avsr COMMAND "
         "--help"
         " explains it)\n\nCommands:\n";
  for (const Command& command : avsr::pipeline::all_commands())
    out << fmt::format("  {:<16}{}\n", command.name, command.summary);
  out << "\nExample:\n  avsr prepare videos/ --out data && avsr train words-small --data data --out run\n";
}

const Command* find_command(const std::string& name) {
  for (const Command& command : avsr::pipeline::all_commands())
    if (name == command.name) return &command;
  return nullptr;
}

int complain_unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : avsr::pipeline::all_commands()) names.emplace_back(command.name);
  const auto nearest = avsr::pipeline::nearest_names(name, names);
  std::cerr << fmt::format("avsr: there is no command '{}'; {}\n", name,
                           nearest.empty() ? fmt::format("the commands are: {}", fmt::join(names, ", "))
                                           : fmt::format("did you mean: {}?", fmt::join(nearest, ", ")));
  return kMisused;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    print_usage(std::cerr);
    return kMisused;
  }
  const std::string name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(std::cout);
    return 0;
  }
  const Command* command = find_command(name);
  if (!command) return complain_unknown(name);
  try {
    if (command->computes) avsr::pipeline::pin_threads(argv);
    const int code = command->run(Arguments(argv + 2, argv + argc));
    if (!std::cout.flush()) throw std::runtime_error("standard output cannot be written (a full disk?)");
    return code;
  } catch (const std::invalid_argument& error) {
    std::cerr << "avsr " << name << ": " << error.what() << "\n";
    return kMisused;
  } catch (const std::exception& error) {
    std::cerr << "avsr " << name << ": " << error.what() << "\n";
    return kFailed;
  }
}
