// Matrix products: cuBLASLt on a GPU (products_cublas.cc), loops on the host (products_emulated.cc).
#pragma once

#include <cstdint>
#include <memory>

#include "models/backend/backend.h"
#include "models/backend/cuda/elements.h"
#include "models/backend/cuda/stream.h"

namespace avsr::backend::cuda {

// c = a b + (accumulate ? c : 0), row-major: a (m, k), b (k, n), c (m, n); `count` such products, `*_step` elements
// apart. A transposed operand lies in memory as its transpose: a as (k, m), b as (n, k). a and b have one type; sums
// are f32 whatever the types.
struct Product {
  int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;
  int64_t count = 1, a_step = 0, b_step = 0, c_step = 0;
  bool inputs_bf16 = false, output_bf16 = false;
  auto operator<=>(const Product&) const = default;
};

class Products {
 public:
  Products(Stream& stream, Precision precision);
  ~Products();
  void run(const Product& product, const void* a, const void* b, void* c);

 private:
  struct Plans;
  Stream& stream_;
  std::unique_ptr<Plans> plans_;
};

}  // namespace avsr::backend::cuda
