#include "pipeline/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace avsr::pipeline {
namespace {

TEST(Device, UnknownAndAbsentOnesAreRefused) {
  EXPECT_THROW(open_device({"gpu"}), std::invalid_argument);
  EXPECT_THROW(open_device({"cpu", -1}), std::invalid_argument);
  EXPECT_THROW(open_device({"cpu", 2'000'000'000}), std::invalid_argument);
  EXPECT_EQ(open_device({"cpu", 1})->name(), "cpu");
}

TEST(Device, AutoSaysWhyAPluginThatIsThereCannotBeUsed) {
  const auto plugin = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libavsr_cuda.so";
  if (std::filesystem::exists(plugin)) GTEST_SKIP() << "a plug-in stands beside the tests";
  std::ofstream(plugin) << "no library";
  std::string why;
  const auto backend = open_device({"auto", 1}, &why);
  std::filesystem::remove(plugin);
  EXPECT_EQ(backend->name(), "cpu");
  EXPECT_THAT(why, testing::HasSubstr("libavsr_cuda.so cannot be loaded"));
}

}  // namespace
}  // namespace avsr::pipeline
