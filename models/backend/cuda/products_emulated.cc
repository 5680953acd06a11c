// Matrix products on the host (Note [Emulation]).
#include <vector>

#include "models/backend/cuda/products.h"

namespace avsr::backend::cuda {

struct Products::Plans {};

Products::Products(Stream& stream, Precision) : stream_(stream) {}
Products::~Products() = default;

namespace {

Elements elements(const void* data, bool bf16, int64_t offset) {
  Elements e;
  e.bf16 = bf16;
  e.data = static_cast<std::byte*>(const_cast<void*>(data)) + offset * (bf16 ? 2 : 4);
  return e;
}

void run_one(const Product& p, const Elements& a, const Elements& b, const Elements& c) {
  std::vector<double> row(static_cast<size_t>(p.n));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) row[static_cast<size_t>(j)] = p.accumulate ? c.load(i * p.n + j) : 0;
    for (int64_t k = 0; k < p.k; ++k) {
      const double factor = a.load(p.transpose_a ? k * p.m + i : i * p.k + k);
      for (int64_t j = 0; j < p.n; ++j)
        row[static_cast<size_t>(j)] += factor * b.load(p.transpose_b ? j * p.k + k : k * p.n + j);
    }
    for (int64_t j = 0; j < p.n; ++j) c.store(i * p.n + j, static_cast<float>(row[static_cast<size_t>(j)]));
  }
}

}  // namespace

void Products::run(const Product& p, const void* a, const void* b, void* c) {
  for (int64_t i = 0; i < p.count && !stream_.rehearsal(); ++i)
    run_one(p, elements(a, p.inputs_bf16, i * p.a_step), elements(b, p.inputs_bf16, i * p.b_step),
            elements(c, p.output_bf16, i * p.c_step));
}

}  // namespace avsr::backend::cuda
