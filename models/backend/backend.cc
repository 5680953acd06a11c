#include "models/backend/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/backend/bf16.h"
#include "models/backend/host_ctc.h"

namespace avsr::backend {

const char* name_of(Precision precision) {
  for (const auto& [value, name] : kPrecisionNames)
    if (value == precision) return name;
  throw std::invalid_argument("[backend] a precision has no name");
}

int gates_of(Cell cell) {
  switch (cell) {
    case Cell::lstm:
      return 4;
    case Cell::gru:
      return 3;
    case Cell::rnn:
      return 1;
  }
  throw std::invalid_argument("[recurrent] unknown cell");
}

std::shared_ptr<CtcLoss> Backend::ctc_loss() { return std::make_shared<HostCtcLoss>(*this); }

void Backend::resize(Tensor& t, const Shape& shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.count()) * bytes_of(dtype);
  if (!t.buffer || t.buffer->bytes() < t.offset_bytes + bytes) {
    t.buffer = allocate(bytes);
    t.offset_bytes = 0;
  }
  t.shape = shape;
  t.dtype = dtype;
  t.layout = Layout::kChannelsLast;
}

Tensor Backend::zeros(const Shape& shape) {
  Tensor t;
  resize(t, shape);
  fill(t, 0);
  return t;
}

std::vector<float> Backend::values(const Tensor& t) {
  std::vector<float> host(static_cast<size_t>(t.shape.count()));
  if (t.dtype == DType::f32) {
    download(t, host.data());
  } else if (t.dtype == DType::bf16) {
    std::vector<uint16_t> halves(host.size());
    download(t, halves.data());
    std::transform(halves.begin(), halves.end(), host.begin(), float_of_bf16);
  } else {
    throw std::invalid_argument("[backend] values() wants an f32 or bf16 tensor");
  }
  return host;
}

Tensor Backend::from_values(const Shape& shape, std::span<const float> values) {
  if (static_cast<int64_t>(values.size()) != shape.count())
    throw std::invalid_argument(fmt::format("[backend] {} values for shape {}", values.size(), shape.text()));
  Tensor t;
  resize(t, shape);
  upload(values.data(), t);
  return t;
}

}  // namespace avsr::backend
