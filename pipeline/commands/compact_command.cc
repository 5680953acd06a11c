// avsr compact: a model with weights of 8 bits, a quarter as large.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "models/model_file.h"
#include "pipeline/commands/commands.h"
#include "pipeline/commands/options.h"

namespace avsr::pipeline {

int run_compact(const Arguments& arguments) {
  namespace po = boost::program_options;
  std::string model, out;
  po::options_description options("Options");
  options.add_options()("out", po::value(&out)->required(), "the compact model, FILE.safetensors")("help,h",
                                                                                                   "this text");
  po::options_description hidden;
  hidden.add_options()("model", po::value(&model)->required(), "");
  po::positional_options_description positions;
  positions.add("model", 1);
  const Parsed parsed = parse_options(
      arguments, options, hidden, positions,
      "avsr compact MODEL --out FILE\n\nStores a model's weights as whole numbers of 8 bits with a scale for each row, "
      "in a quarter of the size. Every command\nreads such a model and computes as before; its answers differ a "
      "little. `avsr evaluate` with both says how much.",
      "avsr compact run/video.safetensors --out video-small.safetensors");
  if (parsed.help) return 0;
  std::error_code none;
  if (std::filesystem::equivalent(model, out, none))
    throw std::invalid_argument(fmt::format("--out {} is the model itself; name another file", out));
  models::save_compact(model, out);
  const auto megabytes = [](const std::string& path) {
    return static_cast<double>(std::filesystem::file_size(path)) / 1e6;
  };
  std::cout << fmt::format("{}: {:.1f} MB (from {:.1f} MB)\n", out, megabytes(out), megabytes(model));
  return 0;
}

}  // namespace avsr::pipeline
