#include "preprocessing/dct_features.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace avsr::preprocessing {

DctFeatures::DctFeatures(int coefficients, int size) : size_(size) {
  if (size < 1 || coefficients < 1 || coefficients > int64_t{size} * size)
    throw std::invalid_argument(fmt::format("[dct] expected 1 to {0} coefficients of crops of {1} x {1}, got {2}",
                                            int64_t{size} * size, size, coefficients));
  const auto wanted = static_cast<size_t>(coefficients);
  for (int diagonal = 0; order_.size() < wanted; ++diagonal)
    for (int i = 0; i <= diagonal && order_.size() < wanted; ++i) {
      const int vertical = diagonal % 2 == 1 ? i : diagonal - i, horizontal = diagonal - vertical;
      if (std::max(vertical, horizontal) >= size) continue;
      order_.push_back({vertical, horizontal});
      frequencies_ = std::max({frequencies_, vertical + 1, horizontal + 1});
    }
  const std::vector<double> rows = dct_rows(frequencies_, size);
  cosines_.resize(rows.size());
  for (int k = 0; k < frequencies_; ++k)
    for (int i = 0; i < size; ++i)
      cosines_[static_cast<size_t>(i) * frequencies_ + k] = rows[static_cast<size_t>(k) * size + i];
}

// rows: (size, frequencies), each line of pixels transformed; the sums over lines follow for what is wanted alone.
void DctFeatures::transform(const uint8_t* pixels, std::vector<double>& rows, float* coefficients) const {
  rows.assign(cosines_.size(), 0);
  for (int y = 0; y < size_; ++y) {
    double* row = rows.data() + static_cast<size_t>(y) * frequencies_;
    for (int x = 0; x < size_; ++x) {
      const double pixel = pixels[static_cast<size_t>(y) * size_ + x];
      const double* cosines = cosines_.data() + static_cast<size_t>(x) * frequencies_;
      for (int k = 0; k < frequencies_; ++k) row[k] += pixel * cosines[k];
    }
  }
  for (const auto& [vertical, horizontal] : order_) {
    double sum = 0;
    for (size_t line = 0; line < rows.size(); line += static_cast<size_t>(frequencies_))
      sum += cosines_[line + vertical] * rows[line + horizontal];
    *coefficients++ = static_cast<float>(sum);
  }
}

Features DctFeatures::compute(const io::Frames& mouth) const {
  if (mouth.height != size_ || mouth.width != size_)
    throw std::invalid_argument(
        fmt::format("[dct] expected crops of {0} x {0}, got {1} x {2}", size_, mouth.height, mouth.width));
  Features result;
  result.count = mouth.count;
  result.dimension = features();
  result.values.resize(static_cast<size_t>(result.count) * result.dimension);
  std::vector<double> rows;
  for (int t = 0; t < mouth.count; ++t)
    transform(mouth.frame(t), rows, result.values.data() + static_cast<size_t>(t) * result.dimension);
  fill_derivatives(result);
  return result;
}

}  // namespace avsr::preprocessing
