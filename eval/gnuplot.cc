#include "eval/gnuplot.h"

#include <fmt/format.h>

#include <stdexcept>

#include "io/atomic_file.h"
#include "io/program.h"
#include "io/temporary_folder.h"

namespace avsr::eval {

// Single-quoted: a quote is doubled; a line end would end the string.
std::string gnuplot_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

void run_gnuplot(const std::string& program, const std::string& what) {
  const io::TemporaryFolder folder;
  const std::string file = folder / "curve.gnuplot";
  io::write_file_atomically(file, program);
  try {
    io::run_program({"gnuplot", file});
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("[plot] {} was not drawn: {}; curves need gnuplot (package gnuplot-nox)", what, error.what()));
  }
}

}  // namespace avsr::eval
