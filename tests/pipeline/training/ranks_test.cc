// Training on several ranks, which are threads here; tests/pipeline/training/mpirun_test.cc has processes.
#include "pipeline/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include "io/atomic_file.h"
#include "models/model_file.h"
#include "models/safetensors.h"
#include "pipeline/device.h"
#include "pipeline/training/gradient_sums.h"
#include "pipeline/training/schedule.h"
#include "pipeline/training/training_step.h"
#include "tests/models/backend/on_ranks.h"
#include "tests/pipeline/small_corpus.h"

namespace avsr::pipeline {
namespace {

using backend::Communicator;
using backend::test::on_ranks;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(RanksTest, PartsCoverEverythingOnceAndDifferByOne) {
  EXPECT_EQ(Ranks().part_of(7), (std::pair<size_t, size_t>(0, 7)));
  std::mutex mutex;
  std::multiset<size_t> sizes;
  size_t total = 0;
  on_ranks(4, [&](Communicator& communicator) {
    const Ranks ranks(communicator);
    const auto [first, last] = ranks.part_of(7);
    EXPECT_TRUE(ranks.any(ranks.rank() == 3));
    EXPECT_FALSE(ranks.any(false));
    EXPECT_EQ(ranks.largest_part(7), 2);
    const std::lock_guard lock(mutex);
    sizes.insert(last - first);
    total += last - first;
  });
  EXPECT_EQ(sizes, (std::multiset<size_t>{1, 2, 2, 2}));
  EXPECT_EQ(total, 7u);
}

TEST(RanksTest, ADifferenceIsNamedOnEveryRank) {
  EXPECT_THAT(
      [] {
        on_ranks(3, [](Communicator& communicator) {
          const Ranks ranks(communicator);
          ranks.require_equal(7, "the weights", "remedy");
          ranks.require_equal(ranks.rank() == 2 ? 8 : 7, "the weights", "remedy");
        });
      },
      ThrowsMessage<std::runtime_error>(HasSubstr("the weights of rank 2 differ from rank 0's: remedy")));
}

class RanksOnData : public testing::Test {
 protected:
  RanksOnData() { write_small_corpus(folder_ / "data"); }

  // One run of a schedule: on `ranks` threads, or for 0 without ranks at all.
  void train(const std::string& out, int ranks, const std::vector<std::string>& overrides,
             const std::vector<std::string>& stages, bool resume = false) {
    const auto run = [&](RunSettings settings) {
      settings.recipe = small_recipe(overrides);
      settings.data = folder_ / "data";
      settings.out = folder_ / out;
      settings.workers = 1;
      settings.stages = stages;
      settings.resume = resume;
      const auto backend = open_device({"cpu", 1});
      run_schedule(*backend, settings);
    };
    if (ranks == 0) return run({});
    on_ranks(ranks, [&](Communicator& communicator) {
      RunSettings settings;
      settings.ranks = communicator;
      if (change_) change_(communicator.rank(), settings);
      run(settings);
    });
  }
  std::vector<nlohmann::json> log(const std::string& stage) const {
    std::istringstream lines(io::read_text_file(folder_ / (stage + "/log.jsonl")));
    std::vector<nlohmann::json> entries;
    for (std::string line; std::getline(lines, line);) entries.push_back(nlohmann::json::parse(line));
    return entries;
  }
  void expect_equal_losses(const std::string& one, const std::string& other, double tolerance) const {
    const auto a = log(one), b = log(other);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
      for (const char* key : {"train_loss", "val_loss"})
        EXPECT_NEAR(a[i].at(key).get<double>(), b[i].at(key).get<double>(), tolerance) << key << ", epoch " << i + 1;
  }
  // Weights and running statistics: the largest difference, of values above 1 relative to a tensor's largest.
  double difference(const std::string& one, const std::string& other) const {
    double worst = 0;
    const auto a = models::read_safetensors(folder_ / (one + "/model.safetensors")),
               b = models::read_safetensors(folder_ / (other + "/model.safetensors"));
    EXPECT_EQ(a.tensors.size(), b.tensors.size());
    for (const models::HostTensor& tensor : a.tensors) {
      const auto* match = b.find(tensor.name);
      if (!match) throw std::runtime_error("no tensor " + tensor.name);
      double apart = 0, largest = 1;
      for (size_t i = 0; i < tensor.values.size(); ++i) {
        apart = std::max(apart, std::abs(static_cast<double>(tensor.values[i]) - match->values[i]));
        largest = std::max(largest, std::abs(static_cast<double>(tensor.values[i])));
      }
      worst = std::max(worst, apart / largest);
    }
    return worst;
  }

  TemporaryFolder folder_;
  std::function<void(int rank, RunSettings&)> change_;
};

TEST_F(RanksOnData, EachMakesItsPartOfTheSameBatches) {
  const auto dataset = Dataset::open(folder_ / "data", "train", {});
  const Recipe recipe = small_recipe();
  InputRule rule;
  rule.geometry = recipe.data.geometry;
  const BatchWriter writer(rule, recipe.network);
  LoaderSettings settings;
  settings.batch = 5;
  settings.training = true;
  settings.workers = 2;
  std::vector<HostBatch> whole(4);
  Loader alone(*dataset, writer, settings);
  for (HostBatch& batch : whole) ASSERT_TRUE(alone.next(batch));
  std::mutex mutex;
  std::vector<std::map<int, std::vector<int>>> parts(4);  // by batch: rank -> its clips
  on_ranks(3, [&](Communicator& communicator) {
    LoaderSettings own = settings;
    own.ranks = communicator;
    Loader loader(*dataset, writer, own);
    for (size_t i = 0; i < 4; ++i) {
      HostBatch batch;
      ASSERT_TRUE(loader.next(batch));
      EXPECT_EQ(batch.whole_clips, 5);
      const auto first = static_cast<std::ptrdiff_t>(own.ranks.part_of(5).first);
      const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(batch.video.size()) / batch.clips;
      EXPECT_TRUE(std::equal(batch.video.begin(), batch.video.end(), whole[i].video.begin() + first * pixels));
      const std::lock_guard lock(mutex);
      parts[i][communicator.rank()] = batch.sample_ids;
    }
  });
  for (size_t i = 0; i < 4; ++i) {
    std::vector<int> joined;
    for (const auto& [rank, ids] : parts[i]) joined.insert(joined.end(), ids.begin(), ids.end());
    EXPECT_EQ(joined, whole[i].sample_ids);
  }
}

TEST_F(RanksOnData, FewerClipsThanRanksLeaveSomeWithout) {
  const auto dataset = Dataset::open(folder_ / "data", "val", {});
  InputRule rule;
  rule.geometry = small_recipe().data.geometry;
  const BatchWriter writer(rule, small_recipe().network);
  std::atomic<int> clips = 0, empty = 0;
  on_ranks(6, [&](Communicator& communicator) {
    LoaderSettings settings;
    settings.batch = 5;  // 8 clips: 5 and 3
    settings.workers = 1;
    settings.ranks = communicator;
    Loader loader(*dataset, writer, settings);
    HostBatch batch;
    while (loader.next(batch)) {
      clips += batch.clips;
      empty += batch.clips == 0;
    }
  });
  EXPECT_EQ(clips, 8);
  EXPECT_EQ(empty, 1 + 3);
}

TEST(GradientSumsTest, AddUpWhatTrainsAndBeginEarly) {
  on_ranks(2, [](Communicator& communicator) {
    const auto backend = open_device({"cpu", 1});
    backend->join(communicator, false);
    layers::ParameterArena arena;
    for (const char* name : {"a/x", "a/y", "b/x", "c/x", "c/y", "c/z"}) arena.declare(name, {100}, {});
    arena.allocate(*backend, 1);
    arena.train_only({"a/y", "b", "c/y"});
    GradientSums sums(arena, 150);
    for (int pass = 0; pass < 2; ++pass) {
      backend->fill(arena.gradients(), static_cast<float>(communicator.rank() + 1));
      sums.begin();
      arena.gradients_final("c");  // 300 values: enough, of which a third trains
      arena.gradients_final("b");  // waits for a neighbour …
      arena.gradients_final("a");  // … which is told from its start: not the neighbour of b's start
      sums.finish();
      EXPECT_GE(sums.sums_begun_early(), 2);
      const auto values = backend->values(arena.gradients());
      const auto own = static_cast<float>(communicator.rank() + 1);
      const float expected[] = {own, 3, 3, own, 3, own};
      for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], expected[i / 100]) << i;
    }
    arena.gradients_final("a");  // nobody watches any more
    EXPECT_EQ(backend->values(arena.gradients())[0], static_cast<float>(communicator.rank() + 1));
  });
}

// One step: what a rank finds in its arena after it, by parameter.
TEST_F(RanksOnData, SynchronisedGradientsAreThoseOfTheWholeBatch) {
  const auto dataset = Dataset::open(folder_ / "data", "train", {});
  const Recipe recipe = small_recipe({"sync_batch_norm=true", "network.recurrent.input_dropout=0"});
  for (const Stage& stage : recipe.stages) {
    const auto gradients = [&](const Ranks& ranks) {
      InputRule rule;
      rule.geometry = recipe.data.geometry;
      LoaderSettings settings;
      settings.batch = 6;
      settings.training = true;
      settings.workers = 1;
      settings.ranks = ranks;
      const auto backend = open_device({"cpu", 1});
      if (ranks.size() > 1) backend->join(*ranks.communicator(), true);
      TrainingStep step(*backend, recipe, stage, rule, 2, ranks);
      Loader loader(*dataset, step.writer(), settings);
      HostBatch batch;
      EXPECT_TRUE(loader.next(batch));
      step.run(batch, 1e-9, 1, 0);
      std::map<std::string, std::vector<float>> found;
      for (const layers::Parameter* parameter : step.parameters().all())
        found[parameter->name] = backend->values(parameter->statistic ? parameter->value : parameter->gradient);
      return found;
    };
    const auto whole = gradients({});
    on_ranks(3, [&](Communicator& communicator) {
      for (const auto& [name, values] : gradients(communicator)) {
        const std::vector<float>& expected = whole.at(name);
        // A bias before a batch norm has a gradient of zero: what it gets is rounding.
        double apart = 0, largest = 0.1;
        for (size_t i = 0; i < values.size(); ++i) {
          apart = std::max(apart, std::abs(static_cast<double>(values[i]) - expected[i]));
          largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
        }
        EXPECT_LT(apart / largest, 2e-5) << stage.name << " " << name;
      }
    });
  }
}

// Narrow networks with batches of a few clips turn rounding into differences within tens of steps, and Adam that of a
// gradient that should be zero into steps of full length: hence SGD and a low rate.
TEST_F(RanksOnData, SynchronisedTheyEqualOneProcess) {
  const std::vector<std::string> recipe{"sync_batch_norm=true", "stages.*.optimizer=sgd", "stages.*.rate=1e-4",
                                        "stages.*.epochs=1", "network.recurrent.input_dropout=0"};
  const std::vector<std::string> stages{"a-conv", "v-conv", "v-rec"};
  train("one", 0, recipe, stages);
  for (const int ranks : {2, 4}) {
    const std::string out = std::to_string(ranks);
    train(out, ranks, recipe, stages);
    for (const std::string& stage : stages) {
      expect_equal_losses("one/" + stage, out + "/" + stage, 2e-4);
      EXPECT_LT(difference("one/" + stage, out + "/" + stage), 1e-4) << stage << " on " << ranks;
    }
    EXPECT_EQ(models::read_model_header(folder_ / (out + "/video.safetensors")).provenance.at("ranks"), ranks);
  }
  std::vector<std::string> apart = recipe;
  apart[0] = "sync_batch_norm=false";
  train("apart", 2, apart, {"v-conv"});
  EXPECT_GT(difference("one/v-conv", "apart/v-conv"), 1e-3);
}

// Each part of a batch is divided among the ranks, and has the statistics of all of its clips.
TEST_F(RanksOnData, PartsOfABatchEqualThoseOfOneProcess) {
  const std::vector<std::string> recipe{"sync_batch_norm=true", "stages.*.optimizer=sgd", "stages.*.rate=1e-4",
                                        "stages.*.epochs=1", "stages.*.accumulate=2"};
  train("one", 0, recipe, {"v-conv"});
  train("two", 2, recipe, {"v-conv"});
  expect_equal_losses("one/v-conv", "two/v-conv", 2e-4);
  EXPECT_LT(difference("one/v-conv", "two/v-conv"), 1e-4);
}

TEST_F(RanksOnData, ABrokenRunGoesOnOnAnotherNumberOfRanks) {
  const std::vector<std::string> recipe{"sync_batch_norm=true", "stages.*.optimizer=sgd", "stages.*.rate=1e-4",
                                        "stages.*.epochs=2"};
  train("whole", 0, recipe, {"v-conv"});
  std::atomic<bool> stop = false;
  change_ = [&](int rank, RunSettings& settings) {
    settings.stop = &stop;
    // One rank is asked to stop; all do, after the same batch.
    if (rank == 1)
      settings.reporter.tick = [&](int64_t done, int64_t, const std::string& what) {
        if (what.find("epoch 2/2") != std::string::npos && done >= 12) stop = true;
      };
  };
  train("broken", 3, recipe, {"v-conv"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "broken/video.safetensors"));
  EXPECT_EQ(log("broken/v-conv").size(), 1u);
  change_ = {};
  train("broken", 2, recipe, {"v-conv"}, true);
  expect_equal_losses("whole/v-conv", "broken/v-conv", 5e-4);
  EXPECT_LT(difference("whole/v-conv", "broken/v-conv"), 1e-4);
}

// Without synchronisation: the gradient is the sum over the parts, each with the statistics of its own clips, and the
// running statistics are the mean of the parts'.
TEST_F(RanksOnData, UnsynchronisedTheyAddUpTheirParts) {
  const auto dataset = Dataset::open(folder_ / "data", "train", {});
  const Recipe recipe = small_recipe();
  const Stage& stage = recipe.stages[2];  // v-conv
  InputRule rule;
  rule.geometry = recipe.data.geometry;
  LoaderSettings settings;
  settings.batch = 5;
  settings.training = true;
  settings.workers = 1;
  std::mutex mutex;
  std::map<std::pair<bool, int>, std::pair<std::vector<float>, std::vector<float>>> found;  // gradients, statistics
  on_ranks(2, [&](Communicator& communicator) {
    for (const bool together : {true, false}) {
      const auto backend = open_device({"cpu", 1});
      if (together) backend->join(communicator, false);
      TrainingStep step(*backend, recipe, stage, rule, 2, together ? Ranks(communicator) : Ranks());
      LoaderSettings own = settings;
      own.ranks = communicator;
      Loader loader(*dataset, step.writer(), own);
      HostBatch batch;
      ASSERT_TRUE(loader.next(batch));
      const auto outcome = step.run(batch, 0.1, 1, 0);
      EXPECT_EQ(outcome.score.clips, together ? 5 : batch.clips);
      const std::lock_guard lock(mutex);
      found[{together, communicator.rank()}] = {backend->values(step.parameters().gradients()),
                                                backend->values(step.parameters().statistics())};
    }
  });
  EXPECT_EQ((found[{true, 0}]), (found[{true, 1}]));
  const auto& [gradients, statistics] = found[{true, 0}];
  const auto &first = found[{false, 0}], &second = found[{false, 1}];
  for (size_t i = 0; i < gradients.size(); ++i) ASSERT_NEAR(gradients[i], first.first[i] + second.first[i], 1e-6) << i;
  int differ = 0;
  for (size_t i = 0; i < statistics.size(); ++i) {
    ASSERT_NEAR(statistics[i], (first.second[i] + second.second[i]) / 2, 1e-6) << i;
    differ += first.second[i] != second.second[i];
  }
  EXPECT_GT(differ, 10);
}

TEST_F(RanksOnData, FrozenStatisticsStayAsTheyAre) {
  train("frozen", 3, {"stages.*.epochs=1"}, {"v-conv", "v-rec"});
  const auto before = models::read_safetensors(folder_ / "frozen/v-conv/model.safetensors"),
             after = models::read_safetensors(folder_ / "frozen/v-rec/model.safetensors");
  int compared = 0;
  for (const models::HostTensor& tensor : before.tensors)
    if (layers::under_path(tensor.name, "video/trunk")) {
      EXPECT_EQ(tensor.values, after.find(tensor.name)->values) << tensor.name;
      ++compared;
    }
  EXPECT_GT(compared, 10);
}

TEST_F(RanksOnData, ARankThatFailsEndsAllWithItsMessage) {
  change_ = [](int rank, RunSettings& settings) {
    if (rank == 1)
      settings.reporter.tick = [](int64_t done, int64_t, const std::string& what) {
        if (what.find("a-conv") != std::string::npos && done >= 6) throw std::runtime_error("clip 7 is damaged");
      };
  };
  EXPECT_THAT([&] { train("failing", 3, {}, {"a-conv"}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("clip 7 is damaged")));
}

TEST_F(RanksOnData, ABatchSmallerThanTheRanksIsRefused) {
  EXPECT_THAT([&] { train("small", 3, {"stages.a-rec.batch=2"}, {}); },
              ThrowsMessage<std::runtime_error>(
                  HasSubstr("stage 'a-rec' has batches of 2 clips in 1 parts (accumulate) for 3 ranks")));
  // 24 training clips make one batch of 24 in 18 parts.
  EXPECT_THAT([&] { train("few", 2, {"stages.a-conv.batch=36", "stages.a-conv.accumulate=18"}, {"a-conv"}); },
              ThrowsMessage<std::runtime_error>(HasSubstr("there are no more training clips")));
}

}  // namespace
}  // namespace avsr::pipeline
