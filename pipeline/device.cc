#include "pipeline/device.h"

#include <fmt/format.h>

#include <array>
#include <iostream>
#include <regex>
#include <stdexcept>

#include "io/parallel.h"
#include "models/backend/cpu/cpu_backend.h"
#include "pipeline/pinning.h"
#include "pipeline/plugin.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kPlugin = "libavsr_cuda.so";

// Null: no plug-in is installed.
std::unique_ptr<backend::Backend> open_cuda(const backend::GpuSettings& settings) {
  std::string problem;
  void* library = load_plugin(kPlugin, problem);
  if (!problem.empty()) throw std::runtime_error(fmt::format("[device] {} cannot be loaded: {}", kPlugin, problem));
  if (!library) return nullptr;
  using Open = backend::Backend* (*)(const backend::GpuSettings*, char*, size_t);
  const auto open = plugin_function<Open>(library, kPlugin, "avsr_open_cuda", "avsr_cuda_interface");
  std::array<char, 512> error{};
  std::unique_ptr<backend::Backend> backend(open(&settings, error.data(), error.size()));
  if (!backend)
    throw std::runtime_error(fmt::format("[device] cuda:{} cannot be used: {}", settings.device, error.data()));
  return backend;
}

}  // namespace

std::unique_ptr<backend::Backend> open_device(const DeviceChoice& choice, std::string* why_no_gpu) {
  static const std::regex kCuda("cuda(:([0-9]{1,3}))?");
  const auto& [device, threads, precision, deterministic, local_rank] = choice;
  if (threads < 0 || threads > io::kMostWorkers)
    throw std::invalid_argument(fmt::format("--threads: expected 0 to {}, got {}", io::kMostWorkers, threads));
  const auto open_cpu = [&choice] {
    return backend::cpu::make_cpu_backend(choice.threads > 0 ? choice.threads : allowed_cores(), choice.precision);
  };
  if (device == "cpu") return open_cpu();
  if (device == "auto") {
    try {
      if (auto backend = open_cuda({local_rank, precision, deterministic, true})) return backend;
    } catch (const std::runtime_error& error) {
      if (why_no_gpu) *why_no_gpu = error.what();
      if (precision == backend::Precision::f32) return open_cpu();
      try {
        return open_cpu();
      } catch (const std::runtime_error& cpu) {
        throw std::runtime_error(fmt::format("{}; and no GPU is used: {}", cpu.what(), error.what()));
      }
    }
    return open_cpu();
  }
  std::smatch match;
  if (!std::regex_match(device, match, kCuda))
    throw std::invalid_argument(fmt::format("[device] '{}' is no device; expected auto, cpu, cuda or cuda:N", device));
  const bool chosen = match[2].matched;
  if (auto backend = open_cuda({chosen ? std::stoi(match[2]) : local_rank, precision, deterministic, !chosen}))
    return backend;
  throw std::runtime_error(fmt::format("[device] no GPU: the plug-in {} is not installed; use --device cpu", kPlugin));
}

std::unique_ptr<backend::Backend> open_device_aloud(const DeviceChoice& choice) {
  std::string why_no_gpu;
  auto backend = open_device(choice, &why_no_gpu);
  if (!why_no_gpu.empty()) std::cerr << fmt::format("note: no GPU is used: {}\n", why_no_gpu);
  std::cerr << fmt::format("device: {}\n", backend->description());
  return backend;
}

void add_device_options(boost::program_options::options_description& options, DeviceChoice& choice) {
  namespace po = boost::program_options;
  const auto set_precision = [&choice](const std::string& name) {
    for (const auto& [precision, known] : backend::kPrecisionNames)
      if (name == known) return static_cast<void>(choice.precision = precision);
    throw std::invalid_argument(fmt::format("--precision: expected f32, tf32 or bf16, got {}", name));
  };
  options.add_options()("device", po::value(&choice.name)->default_value(choice.name), "auto, cpu, cuda or cuda:N")(
      "precision", po::value<std::string>()->default_value("f32")->notifier(set_precision),
      "f32, tf32 (GPUs) or bf16 (faster, in half the memory; GPUs, and CPUs with AVX512-BF16 or AMX)")(
      "deterministic", po::bool_switch(&choice.deterministic),
      "equal runs on one GPU give equal bits (a little slower; the CPU always does)")(
      "threads", po::value(&choice.threads)->default_value(0), "compute threads on the CPU; 0: all cores");
}

}  // namespace avsr::pipeline
