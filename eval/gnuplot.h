// gnuplot as a separate program.
#pragma once

#include <string>
#include <vector>

namespace avsr::eval {

// A text as one of gnuplot's strings; line ends become blanks.
std::string gnuplot_quoted(const std::string& text);
// The same where gnuplot takes a text for a format, as in the names of tics.
std::string gnuplot_quoted_tic(const std::string& text);

// Runs a program of gnuplot's language. Throws std::runtime_error when gnuplot is not installed or fails; `what` names
// what was to be drawn.
void run_gnuplot(const std::string& program, const std::string& what);

// The program of one picture; it sets neither terminal nor output. No commands: nothing to be drawn.
struct SvgPlot {
  std::string commands;
  int width = 560, height = 350;  // pixels
};
// Each plot as an <svg> element, drawn by one run of gnuplot; empty where there is nothing to be drawn. Texts stand as
// they are given: no character has another meaning. Throws as run_gnuplot.
std::vector<std::string> draw_svgs(const std::vector<SvgPlot>& plots, const std::string& what);

// The element for a page of HTML that holds several: its ids begin with the prefix, namespaces (which HTML does not
// need) and gnuplot's names of the curves (which a mouse would show) are left out.
std::string svg_in_page(std::string svg, const std::string& id_prefix);

}  // namespace avsr::eval
