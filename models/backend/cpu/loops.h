// How this folder's own loops use the machine: OpenMP over blocks, and the widest vectors that the CPU has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "models/backend/checks.h"

// Compiles a function for several instruction sets; the loader picks one. (Sanitizers cannot follow the dispatch.)
#if defined(AVSR_SANITIZE) || !defined(__x86_64__)
#define AVSR_CLONES
#else
#define AVSR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

namespace avsr::backend::cpu {

inline constexpr int64_t kBlock = 16384;  // elements a task: 64 KiB, so that starting it costs nothing beside it

// Calls body(first, last) for blocks of at most kBlock elements that together cover [0, count), in parallel when there
// are several. The blocks do not depend on the number of threads.
template <typename Body>
void for_blocks(int64_t count, const Body& body) {
  const int64_t blocks = (count + kBlock - 1) / kBlock;
#pragma omp parallel for schedule(static) if (blocks > 2)
  for (int64_t b = 0; b < blocks; ++b) body(b * kBlock, std::min(count, (b + 1) * kBlock));
}

// Zero or more floats; both pointers may be null where there are none.
inline void copy_floats(const float* from, float* to, int64_t count) {
  if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

inline void zero_floats(float* to, int64_t count) {
  if (count > 0) std::memset(to, 0, static_cast<size_t>(count) * sizeof(float));
}

// sum[c] += the sum over rows of x (rows, columns), in row order.
void add_rows(const float* x, int64_t rows, int64_t columns, float* sum);

}  // namespace avsr::backend::cpu
