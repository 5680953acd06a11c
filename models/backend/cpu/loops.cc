#include "models/backend/cpu/loops.h"

namespace avsr::backend::cpu {

AVSR_CLONES void add_rows(const float* x, int64_t rows, int64_t columns, float* sum) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) sum[c] += x[r * columns + c];
}

}  // namespace avsr::backend::cpu
