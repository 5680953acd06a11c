#include "eval/gnuplot.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "io/atomic_file.h"
#include "io/program.h"
#include "io/temporary_folder.h"

namespace avsr::eval {
namespace {

void replace_all(std::string& text, std::string_view old, std::string_view with) {
  for (size_t at = text.find(old); at != std::string::npos; at = text.find(old, at + with.size()))
    text.replace(at, old.size(), with);
}

// Every stretch from `begin` to the next `end`, both among it.
void remove_all(std::string& text, std::string_view begin, std::string_view end) {
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    const size_t last = text.find(end, at + begin.size());
    text.erase(at, last == std::string::npos ? last : last + end.size() - at);
  }
}

}  // namespace

// Single-quoted: a quote is doubled; a line end would end the string.
std::string gnuplot_quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

std::string gnuplot_quoted_tic(const std::string& text) {
  std::string format = text;
  replace_all(format, "%", "%%");
  return gnuplot_quoted(format);
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

std::vector<std::string> draw_svgs(const std::vector<SvgPlot>& plots, const std::string& what) {
  const io::TemporaryFolder folder;
  std::string program = "set encoding utf8\n";
  std::vector<std::string> files;
  for (size_t i = 0; i < plots.size(); ++i) {
    files.push_back(folder / fmt::format("{}.svg", i));
    if (plots[i].commands.empty()) continue;
    program += fmt::format(
        "reset\nset terminal svg noenhanced size {},{} background rgb 'white' font 'sans,12'\nset output {}\n{}\n",
        plots[i].width, plots[i].height, gnuplot_quoted(files.back()), plots[i].commands);
  }
  run_gnuplot(program, what);
  std::vector<std::string> pictures;
  for (const std::string& file : files) {
    std::string svg = std::filesystem::exists(file) ? io::read_text_file(file) : "";
    // Inside a page the XML and document type declarations have no place.
    svg.erase(0, std::min(svg.find("<svg"), svg.size()));
    pictures.push_back(std::move(svg));
  }
  return pictures;
}

std::string svg_in_page(std::string svg, const std::string& id_prefix) {
  remove_all(svg, "<title>", "</title>");
  remove_all(svg, "<desc>", "</desc>");
  remove_all(svg, " xmlns=\"", "\"");
  remove_all(svg, " xmlns:xlink=\"", "\"");
  replace_all(svg, "xlink:href=", "href=");
  for (const char* use : {" id='", " id=\"", "href='#", "href=\"#", "url(#"})
    replace_all(svg, use, fmt::format("{}{}", use, id_prefix));
  return svg;
}

}  // namespace avsr::eval
