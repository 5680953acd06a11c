#include "pipeline/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <dlfcn.h>
#include <fcntl.h>

#include <filesystem>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

TEST(Device, UnknownAndAbsentOnesAreRefused) {
  EXPECT_THROW(open_device({"gpu"}), std::invalid_argument);
  EXPECT_THROW(open_device({"cpu", -1}), std::invalid_argument);
  EXPECT_THROW(open_device({"cpu", 2'000'000'000}), std::invalid_argument);
  EXPECT_EQ(open_device({"cpu", 1})->name(), "cpu");
}

// A file as the plug-in beside this program. One at a time: each test is a process of its own.
class PlacedPlugin {
 public:
  explicit PlacedPlugin(const std::filesystem::path& file)
      : lock_(open((folder() / "plugin.lock").c_str(), O_CREAT | O_RDWR, 0600)) {
    flock(lock_, LOCK_EX);
    std::filesystem::create_symlink(file, place());
  }
  ~PlacedPlugin() {
    std::filesystem::remove(place());
    close(lock_);
  }
  // The loader keeps what it has loaded under this path.
  static bool one_is_loaded() { return dlopen(place().c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr; }
  PlacedPlugin(const PlacedPlugin&) = delete;
  PlacedPlugin& operator=(const PlacedPlugin&) = delete;

 private:
  static std::filesystem::path folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }
  static std::filesystem::path place() { return folder() / "libavsr_cuda.so"; }
  int lock_;
};

std::string refusal(const std::string& device) {
  try {
    open_device({.name = device, .threads = 1, .precision = backend::Precision::f32});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "opened";
}

// --device auto goes on with the CPU and gives the reason for which --device cuda ends.
void expect_refused(const std::string& reason) {
  EXPECT_THAT(refusal("cuda:3"), testing::HasSubstr(reason));
  std::string why;
  EXPECT_EQ(open_device({.name = "auto", .threads = 1}, &why)->name(), "cpu");
  EXPECT_THAT(why, testing::HasSubstr(reason));
}

TEST(Device, APluginThatCannotBeLoadedIsNamed) {
  const PlacedPlugin plugin(AVSR_SOURCE_DIR "/LICENSE");
  expect_refused("[device] libavsr_cuda.so cannot be loaded");
}

TEST(Device, APluginOfAnotherVersionIsNamed) {
  if (PlacedPlugin::one_is_loaded()) GTEST_SKIP() << "one plug-in a process; ctest gives each test its own";
  const PlacedPlugin plugin(AVSR_PLUGIN_OF_ANOTHER_VERSION);
  expect_refused("[device] libavsr_cuda.so is of another version than this program");
}

TEST(Device, APluginsRefusalIsPassedOn) {
  if (PlacedPlugin::one_is_loaded()) GTEST_SKIP() << "one plug-in a process; ctest gives each test its own";
  const PlacedPlugin plugin(AVSR_PLUGIN_REFUSING);
  EXPECT_EQ(refusal("cuda:3"), "[device] cuda:3 cannot be used: device 3 refuses precision 0");
  EXPECT_EQ(refusal("cuda"), "[device] cuda:0 cannot be used: device 0 refuses precision 0");
  expect_refused("cannot be used: device ");
}

TEST(Device, WithoutAPluginThereIsNoGpuAndAutoIsSilent) {
  const PlacedPlugin nothing(AVSR_SOURCE_DIR "/absent");  // a link to nothing is no file
  std::string why;
  EXPECT_EQ(open_device({.name = "auto", .threads = 1}, &why)->name(), "cpu");
  if (!why.empty()) GTEST_SKIP() << "this machine has a plug-in of its own: " << why;
  EXPECT_THAT(refusal("cuda"), testing::HasSubstr("no GPU: the plug-in libavsr_cuda.so is not installed"));
}

#ifdef AVSR_CUDA_PLUGIN
TEST(Device, ThePluginOpensOrSaysWhyNot) {
  if (PlacedPlugin::one_is_loaded()) GTEST_SKIP() << "one plug-in a process; ctest gives each test its own";
  const PlacedPlugin plugin(AVSR_CUDA_PLUGIN);
  EXPECT_THAT(refusal("cuda"), testing::AnyOf("opened", testing::StartsWith("[device] cuda:0 cannot be used: "),
                                              testing::StartsWith("[device] libavsr_cuda.so cannot be loaded: ")));
  EXPECT_THAT(refusal("cuda"), testing::Not(testing::HasSubstr("undefined symbol")));
  EXPECT_THAT(refusal("cuda:99"), testing::StartsWith("[device] "));
}
#endif

}  // namespace
}  // namespace avsr::pipeline
