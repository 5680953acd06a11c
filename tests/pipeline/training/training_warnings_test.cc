// Each warning where it belongs, once, and none on a training as it should be.
#include "pipeline/training/training_warnings.h"

#include <gmock/gmock.h>

#include <cmath>

namespace avsr::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kLabels = 500;
const double kBlindLoss = std::log(500.0);

std::vector<std::string> kinds_of(const std::vector<double>& losses, std::set<std::string> said = {}) {
  TrainingWarnings warnings(kLabels, 3e-4, std::move(said));
  std::vector<std::string> kinds;
  for (const double loss : losses)
    for (const TrainingWarning& warning : warnings.add_loss(loss)) kinds.push_back(warning.kind);
  return kinds;
}

TEST(TrainingWarnings, AreSilentWhenTheLossFalls) {
  std::vector<double> losses;
  for (int i = 0; i < 40; ++i) losses.push_back(0.8 + 5.4 * std::exp(-i / 4.0) + 0.02 * (i % 2));
  EXPECT_THAT(kinds_of(losses), IsEmpty());
  EXPECT_THAT(kinds_of({0.91, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9}), IsEmpty());  // fine-tuning starts low
  EXPECT_THAT(kinds_of({6.2, 6.19, 6.05, 5.5, 4.9, 4.0}), IsEmpty());      // a slow start
}

TEST(TrainingWarnings, NameWhatTheLossDoes) {
  EXPECT_THAT(kinds_of({6.3, 6.22, 6.21, 6.21, 6.21, 6.21}), ElementsAre("blind"));
  EXPECT_THAT(kinds_of({5.0, 4.98, 4.97, 4.96, 4.95, 4.94}), ElementsAre("flat"));
  EXPECT_THAT(kinds_of({5.0, 4.0, 3.0, 3.2, 3.5, 3.9, 4.5, 5.0}), ElementsAre("rising"));
  EXPECT_THAT(kinds_of({5.0, 3.0, 4.5, 2.8, 4.4, 2.9, 4.6, 2.8}), ElementsAre("oscillating"));
  EXPECT_THAT(kinds_of({6.3, 6.22, 6.21, 6.21}, {"blind"}), IsEmpty());  // said before the run was resumed
}

TEST(TrainingWarnings, SayWhatToDo) {
  TrainingWarnings warnings(kLabels, 3e-4, {});
  warnings.add_loss(6.3);
  warnings.add_loss(6.21);
  const auto given = warnings.add_loss(6.21);
  ASSERT_EQ(given.size(), 1u);
  EXPECT_THAT(given[0].text, HasSubstr("ln(labels) = 6.215"));
  EXPECT_THAT(given[0].text, HasSubstr("0.0003"));
}

// The kinds after so many equal looks.
std::vector<std::string> kinds_of_looks(const std::vector<LayerStatistics>& layers,
                                        const std::vector<UpdateRatio>& updates, double rate, int looks,
                                        std::string* text = nullptr) {
  TrainingWarnings warnings(kLabels, 1e-3, {});
  std::vector<std::string> kinds;
  for (int i = 0; i < looks; ++i)
    for (const TrainingWarning& warning : warnings.add_look(layers, updates, rate)) {
      kinds.push_back(warning.kind);
      if (text) *text = warning.text;
    }
  return kinds;
}

TEST(TrainingWarnings, WatchTheLayers) {
  const std::vector<UpdateRatio> fine{{"a/weight", 1e-3, true}, {"a/bias", 0.5, false}};
  const std::vector<LayerStatistics> healthy{{"a", 0.1, 1, 0.05}, {"b", 0, 0.3, {}}};
  EXPECT_THAT(kinds_of_looks(healthy, fine, 1e-3, 20), IsEmpty());
  std::string text;
  EXPECT_THAT(kinds_of_looks({{"a", 0.1, 1, 0.7}, {"b", 0, 1, {}}}, fine, 1e-3, 20, &text), ElementsAre("dead"));
  EXPECT_THAT(text, HasSubstr("70 % of the ReLUs of a are dead"));
  EXPECT_THAT(kinds_of_looks({{"a", 0.1, 1, {}}, {"b", 1e-5, 1e-4, {}}}, fine, 1e-3, 20, &text), ElementsAre("silent"));
  EXPECT_THAT(text, HasSubstr("activations of b are near zero"));
  EXPECT_THAT(kinds_of_looks({{"a", 0.1, 1, 0.7}}, fine, 1e-3, 4), IsEmpty());  // perhaps an odd batch
}

TEST(TrainingWarnings, WatchTheSizeOfUpdates) {
  const std::vector<LayerStatistics> healthy{{"a", 0.1, 1, 0.05}};
  const std::vector<UpdateRatio> large{{"a", 0.05, true}, {"b", 0.04, true}, {"c", 1e-3, true}};
  const std::vector<UpdateRatio> small{{"a", 5e-5, true}, {"b", 4e-5, true}, {"c", 1e-3, true}};
  std::string text;
  EXPECT_THAT(kinds_of_looks(healthy, large, 1e-3, 20, &text), ElementsAre("large_updates"));
  EXPECT_THAT(text, HasSubstr("4.0e-02"));
  EXPECT_THAT(kinds_of_looks(healthy, small, 1e-3, 20), ElementsAre("small_updates"));
  EXPECT_THAT(kinds_of_looks(healthy, small, 1e-4, 20), IsEmpty());  // the rate's schedule wants them small
}

}  // namespace
}  // namespace avsr::pipeline
