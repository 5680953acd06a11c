#include "pipeline/device.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <regex>
#include <stdexcept>

#include "models/backend/cpu/cpu_backend.h"
#include "pipeline/pinning.h"

namespace avsr::pipeline {
namespace {

constexpr const char* kPlugin = "libavsr_cuda.so";

// The opened plug-in stays loaded for the program's life: its code runs in the back end that it made.
void* load_plugin() {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const std::string& path :
       {(program / kPlugin).string(), (program / "../lib/avsr" / kPlugin).string(), std::string(kPlugin)})
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  return nullptr;
}

std::unique_ptr<backend::Backend> open_cuda(int device) {
  void* library = load_plugin();
  if (!library)
    throw std::runtime_error(
        fmt::format("[device] no GPU: the plug-in {} is not installed or cannot be loaded; use --device cpu", kPlugin));
  using Open = backend::Backend* (*)(int, char*, size_t);
  const auto open = reinterpret_cast<Open>(dlsym(library, "avsr_open_cuda"));
  if (!open)
    throw std::runtime_error(fmt::format("[device] {} has no avsr_open_cuda: it is of another version", kPlugin));
  std::array<char, 512> error{};
  std::unique_ptr<backend::Backend> backend(open(device, error.data(), error.size()));
  if (!backend) throw std::runtime_error(fmt::format("[device] cuda:{} cannot be used: {}", device, error.data()));
  return backend;
}

}  // namespace

std::unique_ptr<backend::Backend> open_device(const std::string& device, int threads) {
  static const std::regex kCuda("cuda(:([0-9]{1,3}))?");
  const auto open_cpu = [&] { return backend::cpu::make_cpu_backend(threads > 0 ? threads : allowed_cores()); };
  if (device == "cpu") return open_cpu();
  if (device == "auto") {
    try {
      return open_cuda(0);
    } catch (const std::runtime_error&) {
      return open_cpu();
    }
  }
  std::smatch match;
  if (std::regex_match(device, match, kCuda)) return open_cuda(match[2].matched ? std::stoi(match[2]) : 0);
  throw std::invalid_argument(fmt::format("[device] '{}' is no device; expected auto, cpu, cuda or cuda:N", device));
}

}  // namespace avsr::pipeline
