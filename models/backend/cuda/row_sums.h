// Sums over the rows of (rows, columns), Note [Strips] in batch_norm_items.h.
#pragma once

#include <algorithm>

#include "models/backend/cuda/cuda_backend.h"
#include "models/backend/cuda/launch.h"

namespace avsr::backend::cuda {

// Term: term(row * columns + column) is what the row adds to the column's sum.
template <typename Term>
struct StripSums {
  Term term;
  int64_t rows, columns, length;
  float* out;  // (strips, columns)
  AVSR_HOST_DEVICE void operator()(int64_t i) const {
    const auto [strip, column] = divide(i, columns);
    float sum = 0;
    for (int64_t row = strip * length; row < rows && row < (strip + 1) * length; ++row)
      sum += term(row * columns + column);
    out[i] = sum;
  }
};

struct AddStrips {
  const float* parts;
  int64_t count, columns;
  float* sum;
  AVSR_HOST_DEVICE void operator()(int64_t column) const {
    double total = 0;
    for (int64_t p = 0; p < count; ++p) total += parts[p * columns + column];
    sum[column] += static_cast<float>(total);
  }
};

// sum[c] += the sum of column c's terms.
template <typename Term>
void add_terms(CudaBackend& backend, const Term& term, int64_t rows, int64_t columns, float* sum) {
  const int64_t length = std::clamp<int64_t>(rows * columns >> 17, 16, 512);
  const int64_t strips = (rows + length - 1) / length;
  auto* parts = static_cast<float*>(
      backend.scratch(CudaBackend::Slot::partial, static_cast<size_t>(strips * columns) * sizeof(float)));
  launch(backend.stream(), strips * columns, StripSums<Term>{term, rows, columns, length, parts});
  launch(backend.stream(), columns, AddStrips{parts, strips, columns, sum});
}

}  // namespace avsr::backend::cuda
