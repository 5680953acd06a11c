#include "models/backend/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace avsr::backend {

size_t bytes_of(DType type) {
  switch (type) {
    case DType::f32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
  }
  throw std::invalid_argument("[tensor] unknown element type");
}

int64_t Shape::count() const {
  int64_t n = 1;
  for (int64_t size : sizes_) n *= size;
  return n;
}

std::string Shape::text() const { return fmt::format("({})", fmt::join(sizes_, ", ")); }

Tensor Tensor::reshaped(Shape other) const {
  if (layout != Layout::kChannelsLast)
    throw std::invalid_argument("[tensor] reshape of a tensor in a private layout, shape " + shape.text());
  if (other.count() != shape.count())
    throw std::invalid_argument(fmt::format("[tensor] cannot reshape {} to {}", shape.text(), other.text()));
  Tensor t = *this;
  t.shape = std::move(other);
  return t;
}

void Tensor::require_bytes(size_t bytes) const {
  if (bytes != bytes_of(dtype))
    throw std::logic_error(
        fmt::format("[tensor] elements of {} bytes are read as of {}, shape {}", bytes_of(dtype), bytes, shape.text()));
}

}  // namespace avsr::backend
