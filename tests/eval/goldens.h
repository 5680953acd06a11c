// Metrics computed by scikit-learn and SciPy: goldens/make_goldens.py writes the file.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/scores.h"

namespace avsr::eval {

inline const nlohmann::json& goldens() {
  static const auto kGoldens = nlohmann::json::parse(std::ifstream(AVSR_SOURCE_DIR "/tests/eval/goldens/metrics.json"));
  return kGoldens;
}

// Scores that own their values.
struct OwnScores {
  std::vector<float> values;
  int labels = 0;
  operator Scores() const { return {values, labels}; }
};

// Rows of whole numbers, in units of 1 / unit.
inline OwnScores scores_of(const nlohmann::json& rows, int unit) {
  OwnScores scores{{}, static_cast<int>(rows.at(0).size())};
  for (const nlohmann::json& row : rows)
    for (const int value : row) scores.values.push_back(static_cast<float>(value) / static_cast<float>(unit));
  return scores;
}

// null: undefined.
inline void expect_near(const std::optional<double>& found, const nlohmann::json& wanted, const std::string& what) {
  ASSERT_EQ(found.has_value(), !wanted.is_null()) << what;
  if (!found) return;
  EXPECT_NEAR(*found, wanted.get<double>(), 1e-12) << what;
}

}  // namespace avsr::eval
