// The CUDA plug-in, loaded as the program loads it. Where it or its device cannot be used, every test is skipped with
// the plug-in's reason.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <stdexcept>

#include "tests/models/test_backend.h"

namespace avsr::backend::test {
namespace {

using Open = Backend* (*)(const GpuSettings* settings, char* error, size_t error_bytes);

// Stays loaded: its code runs in the back ends that it makes. A packed program finds it beside itself or in
// ../lib/avsr, a built one where the build put it.
Open load_plugin() {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::filesystem::path plugin = AVSR_CUDA_PLUGIN;
  for (const auto* folder : {".", "../lib/avsr"})
    if (const auto path = program / folder / plugin.filename(); std::filesystem::exists(path)) plugin = path;
  void* library = dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  const auto open = reinterpret_cast<Open>(dlsym(library, "avsr_open_cuda"));
  if (!open) throw std::runtime_error(dlerror());
  return open;
}

class Device : public ::testing::Environment {
 public:
  void SetUp() override {
    try {
      make_test_backend();
    } catch (const std::runtime_error& error) {
      GTEST_SKIP() << "[  SKIPPED ] all of this program: " << error.what();
    }
  }
};
const ::testing::Environment* const kDevice = ::testing::AddGlobalTestEnvironment(new Device);

}  // namespace

std::unique_ptr<Backend> make_test_backend(int /*threads*/, Precision precision) {
  static const Open open = load_plugin();
  std::array<char, 512> error{};
  const GpuSettings settings{.precision = precision};
  std::unique_ptr<Backend> backend(open(&settings, error.data(), error.size()));
  if (!backend) throw std::runtime_error(fmt::format("cuda:0 cannot be used: {}", error.data()));
  return backend;
}

}  // namespace avsr::backend::test
