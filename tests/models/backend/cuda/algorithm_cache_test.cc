#include "models/backend/cuda/algorithm_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace avsr::backend::cuda {
namespace {

namespace fs = std::filesystem;

class AlgorithmCacheTest : public ::testing::Test {
 protected:
  AlgorithmCacheTest() {
    std::string name = (fs::temp_directory_path() / "avsr_algorithms_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~AlgorithmCacheTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(AlgorithmCacheTest, KeepsWhatIsAdded) {
  const fs::path file = folder_ / "not/yet/there.txt";
  AlgorithmCache first(file);
  EXPECT_EQ(first.find("a conv, forward"), std::nullopt);
  first.add("a conv, forward", {3, 1});
  EXPECT_EQ(first.find("a conv, forward"), (Algorithm{3, 1}));
  AlgorithmCache other(file);  // as another process
  other.add("b", {1, 0});
  first.add("c", {2, 0});
  const AlgorithmCache again(file);
  EXPECT_EQ(again.find("a conv, forward"), (Algorithm{3, 1}));
  EXPECT_EQ(again.find("b"), (Algorithm{1, 0}));
  EXPECT_EQ(again.find("c"), (Algorithm{2, 0}));
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), {}), 1);  // no temporary left
}

TEST_F(AlgorithmCacheTest, SurvivesDamageAndPlacesThatCannotBeWritten) {
  const fs::path file = folder_ / "cache.txt";
  std::ofstream(file) << "no tab\nkey\tthree one\nwhole\t1 2\nkey cut off\t1";
  const AlgorithmCache damaged(file);
  EXPECT_EQ(damaged.find("whole"), (Algorithm{1, 2}));
  EXPECT_EQ(damaged.find("key"), std::nullopt);
  EXPECT_EQ(damaged.find("key cut off"), std::nullopt);

  AlgorithmCache below_a_file(file / "cache.txt");
  below_a_file.add("x", {1, 1});
  EXPECT_EQ(below_a_file.find("x"), (Algorithm{1, 1}));
  AlgorithmCache nowhere{fs::path()};
  nowhere.add("x", {1, 1});
  EXPECT_EQ(nowhere.find("x"), (Algorithm{1, 1}));
}

TEST_F(AlgorithmCacheTest, LiesInTheUsersCache) {
  ::setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  EXPECT_EQ(algorithm_cache_path(), folder_ / "avsr/cudnn-algorithms.txt");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", folder_.c_str(), 1);
  EXPECT_EQ(algorithm_cache_path(), folder_ / ".cache/avsr/cudnn-algorithms.txt");
}

}  // namespace
}  // namespace avsr::backend::cuda
