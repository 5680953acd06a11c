#include "pipeline/training/tune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "io/atomic_file.h"
#include "pipeline/device.h"
#include "pipeline/training/recipe.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SearchSpaces, DrawWithinTheirBounds) {
  const SearchSpace space = parse_space(
      "a.rate: {log: [1e-4, 1e-2]}\nb: {uniform: [2, 3]}\nc: {integer: [1, 3]}\nd: [x, [1, 2], {k: v}]\ne: {choose: "
      "[7]}\n",
      "space.yaml");
  std::map<std::string, std::set<std::string>> drawn;
  double smallest = 1, largest = 0;
  int low_decade = 0;
  constexpr int kDraws = 300;
  for (int trial = 1; trial <= kDraws; ++trial) {
    for (const std::string& one : draw(space, 5, trial)) {
      const size_t at = one.find('=');
      drawn[one.substr(0, at)].insert(one.substr(at + 1));
      if (!one.starts_with("a.rate=")) continue;
      const double rate = std::stod(one.substr(at + 1));
      smallest = std::min(smallest, rate);
      largest = std::max(largest, rate);
      low_decade += rate < 1e-3;
    }
  }
  EXPECT_GE(smallest, 1e-4);
  EXPECT_LE(largest, 1e-2);
  EXPECT_NEAR(low_decade, kDraws / 2, 45);  // as many in each decade
  for (const std::string& value : drawn["b"]) EXPECT_TRUE(std::stod(value) >= 2 && std::stod(value) <= 3) << value;
  EXPECT_EQ(drawn["c"], (std::set<std::string>{"1", "2", "3"}));
  EXPECT_EQ(drawn["d"], (std::set<std::string>{"x", "[1, 2]", "{k: v}"}));
  EXPECT_EQ(drawn["e"], (std::set<std::string>{"7"}));
  EXPECT_EQ(draw(space, 5, 17), draw(space, 5, 17));
  EXPECT_NE(draw(space, 5, 17), draw(space, 6, 17));
}

TEST(SearchSpaces, SayWhatIsWrong) {
  const auto complaint = [](const std::string& text) {
    return tests::failure_of([&] { parse_space(text, "space.yaml"); });
  };
  EXPECT_THAT(complaint("rate: {log: [0, 1]}"), AllOf(HasSubstr("space.yaml:1"), HasSubstr("above 0")));
  EXPECT_THAT(complaint("rate: {log: [1, 0.1]}"), HasSubstr("lower one first"));
  EXPECT_THAT(complaint("a: [1]\nrate: {lgo: [1, 2]}"), AllOf(HasSubstr("space.yaml:2"), HasSubstr("uniform")));
  EXPECT_THAT(complaint("layers: {integer: [1, 2.5]}"), HasSubstr("whole"));
  EXPECT_THAT(complaint("rate: 3"), HasSubstr("list of values"));
  EXPECT_THAT(complaint("rate: []"), HasSubstr("list of values"));
  EXPECT_THAT(complaint("a: [1]\na: [2]"), HasSubstr("twice"));
  EXPECT_THAT(complaint("[1"), HasSubstr("no YAML"));
  EXPECT_THAT(complaint(""), HasSubstr("mapping"));
}

class TuneTest : public testing::Test {
 protected:
  TuneTest() : backend_(open_device({"cpu", 1})) {
    write_small_corpus(folder_ / "data");
    tests::put(folder_ / "small.yaml", small_recipe_text());
    settings_.recipe = folder_ / "small.yaml";
    settings_.overrides = {"stages.*.epochs=1"};
    settings_.data = folder_ / "data";
    settings_.out = folder_ / "search";
    settings_.stages = {"a-conv"};
    settings_.workers = 1;
    settings_.trials = 3;
    // The network has no such part, which only the trial finds out.
    settings_.space =
        parse_space("stages.a-conv.train: [[audio], [nonsense]]\nstages.a-conv.batch: {integer: [2, 4]}\n", "space");
    settings_.seed = seed_with_both();
  }
  uint64_t seed_with_both() const {
    for (uint64_t seed = 1;; ++seed) {
      std::set<std::string> parts;
      for (int trial = 1; trial <= 3; ++trial) parts.insert(draw(settings_.space, seed, trial).front());
      if (parts.size() == 2) return seed;
    }
  }
  std::string read(const std::string& name) const { return io::read_text_file(folder_ / ("search/" + name)); }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Backend> backend_;
  TuneSettings settings_;
};

TEST_F(TuneTest, RanksTrialsAndGoesOnWhereItWas) {
  settings_.trials = 1;
  ASSERT_EQ(tune(*backend_, settings_).size(), 1u);
  settings_.trials = 3;
  const auto trials = tune(*backend_, settings_);
  ASSERT_EQ(trials.size(), 3u);
  EXPECT_TRUE(trials.front().failure.empty());
  EXPECT_THAT(trials.back().failure, HasSubstr("nonsense"));
  for (const Trial& trial : trials) EXPECT_EQ(trial.drawn, draw(settings_.space, settings_.seed, trial.number));
  const auto json = nlohmann::json::parse(read("trials.json"));
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["trial"], trials[0].number);
  EXPECT_GE(json[0]["val_accuracy"].get<double>(), 0.0);
  EXPECT_THAT(read("trials.md"), AllOf(HasSubstr("stages.a-conv.train"), HasSubstr("failed")));
  EXPECT_THAT(read("trials.csv"), HasSubstr("trial,val_accuracy,seconds,stages.a-conv.train,stages.a-conv.batch"));
  EXPECT_EQ(load_recipe(folder_ / "search/best.yaml").stages[0].train, std::vector<std::string>{"audio"});
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "search"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("checkpoint")) << entry.path();

  // Nothing is trained again.
  const auto written = std::filesystem::last_write_time(folder_ / "search/trial-001/trial.json");
  EXPECT_EQ(tune(*backend_, settings_).size(), 3u);
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "search/trial-001/trial.json"), written);
}

TEST(TuneTrials, AreRankedByAccuracyAndFailuresComeLast) {
  std::vector<Trial> trials;
  for (const auto& [number, accuracy, failure] : std::vector<std::tuple<int, double, std::string>>{
           {1, 0.5, ""}, {2, 0, "bad"}, {3, 0.9, ""}, {4, 0.5, ""}, {5, 0, "worse"}})
    trials.push_back({.number = number, .accuracy = accuracy, .failure = failure});
  sort_by_accuracy(trials);
  std::vector<int> order;
  for (const Trial& trial : trials) order.push_back(trial.number);
  EXPECT_EQ(order, (std::vector<int>{3, 1, 4, 2, 5}));
}

// What is wrong for every trial is no trial's failure, and leaves the folder free.
TEST_F(TuneTest, RefusesWhatNoTrialCouldDo) {
  settings_.trials = 2;
  TuneSettings wrong = settings_;
  wrong.stages = {"nope"};
  EXPECT_THAT(tests::failure_of([&] { tune(*backend_, wrong); }), HasSubstr("no stage 'nope'"));
  wrong = settings_;
  wrong.workers = -2;
  EXPECT_THAT(tests::failure_of([&] { tune(*backend_, wrong); }), HasSubstr("--workers"));
  wrong = settings_;
  wrong.data = folder_ / "nodata";
  EXPECT_THAT(tests::failure_of([&] { tune(*backend_, wrong); }), HasSubstr("nodata"));
  EXPECT_FALSE(std::filesystem::exists(settings_.out / "tune.json"));
}

TEST_F(TuneTest, RefusesAnotherSearchAndUnknownKeys) {
  settings_.trials = 1;
  tune(*backend_, settings_);
  settings_.seed += 1;
  EXPECT_THAT(tests::failure_of([&] { tune(*backend_, settings_); }), HasSubstr("another search (other seed)"));
  settings_.out = folder_ / "other";
  settings_.space = parse_space("stages.a-conv.rat: [1]\n", "space");
  EXPECT_THAT(tests::failure_of([&] { tune(*backend_, settings_); }), HasSubstr("rat"));
  settings_.trials = 0;
  EXPECT_THROW(tune(*backend_, settings_), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::pipeline
