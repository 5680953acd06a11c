#include "preprocessing/features.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace avsr::preprocessing {
namespace {

// Of columns [from, from + width) into columns [to, to + width).
void differentiate(Features& features, int from, int to, int width) {
  const auto at = [&](int row, int column) {
    return features.values[static_cast<size_t>(std::clamp(row, 0, features.count - 1)) * features.dimension + column];
  };
  for (int t = 0; t < features.count; ++t) {
    for (int c = 0; c < width; ++c) {
      double sum = 0;
      for (int n = 1; n <= 2; ++n) sum += n * (double{at(t + n, from + c)} - at(t - n, from + c));
      features.values[static_cast<size_t>(t) * features.dimension + to + c] = static_cast<float>(sum / 10);
    }
  }
}

}  // namespace

void fill_derivatives(Features& features) {
  const int given = features.dimension / 3;
  differentiate(features, 0, given, given);
  differentiate(features, given, 2 * given, given);
}

std::vector<double> dct_rows(int rows, int length) {
  std::vector<double> values(static_cast<size_t>(rows) * length);
  for (int k = 0; k < rows; ++k) {
    const double norm = std::sqrt((k == 0 ? 1.0 : 2.0) / length);
    for (int i = 0; i < length; ++i)
      values[static_cast<size_t>(k) * length + i] = norm * std::cos(std::numbers::pi * k * (i + 0.5) / length);
  }
  return values;
}

}  // namespace avsr::preprocessing
