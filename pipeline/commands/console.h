// How long training commands talk to a terminal and are stopped from it.
#pragma once

#include <atomic>
#include <string>

#include "pipeline/commands/commands.h"
#include "pipeline/reporter.h"

namespace avsr::pipeline {

// Set by the first Ctrl-C or SIGTERM after this call, which says what happens now; the second one ends the program at
// once. what_happens: a text that lives as long as the program.
const std::atomic<bool>& stop_on_signals(const char* what_happens = "stopping after this batch");

// Lines on stdout, and on a terminal the running work's bar between them.
Reporter console_reporter();

inline constexpr int kInterrupted = 130;  // the exit code with which a shell reports Ctrl-C

// Says how to go on with a stopped command; returns kInterrupted.
int interrupted(const std::string& command, const Arguments& arguments, const std::string& option = "");

}  // namespace avsr::pipeline
