// How long training commands talk to a terminal and are stopped from it.
#pragma once

#include <atomic>
#include <string>

#include "pipeline/commands/commands.h"
#include "pipeline/reporter.h"

namespace avsr::pipeline {

// Set by the first Ctrl-C or SIGTERM after this call, which says so; the second one ends the program at once.
const std::atomic<bool>& stop_on_signals();

// Lines on stdout, and on a terminal the running work's bar between them.
Reporter console_reporter();

inline constexpr int kInterrupted = 130;  // the exit code with which a shell reports Ctrl-C

// Says how to go on with a stopped command; returns kInterrupted.
int interrupted(const std::string& command, const Arguments& arguments, const std::string& option = "");

}  // namespace avsr::pipeline
