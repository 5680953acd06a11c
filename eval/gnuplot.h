// gnuplot as a separate program.
#pragma once

#include <string>

namespace avsr::eval {

// A text as one of gnuplot's strings; line ends become blanks.
std::string gnuplot_quoted(const std::string& text);

// Runs a program of gnuplot's language. Throws std::runtime_error when gnuplot is not installed or fails; `what` names
// what was to be drawn.
void run_gnuplot(const std::string& program, const std::string& what);

}  // namespace avsr::eval
