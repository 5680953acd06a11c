#include "models/compact_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string_view>

namespace avsr::models {
namespace {

constexpr const char *kStorageKey = "storage", *kIntegerRows = "int8_rows";
constexpr std::string_view kScale = ".scale";
constexpr float kLargest = 127;

bool is_compact(const SafetensorsFile& file) {
  const auto found = file.metadata.find(kStorageKey);
  if (found == file.metadata.end()) return false;
  if (found->second != kIntegerRows)
    throw std::invalid_argument(fmt::format("its weights are stored as {}, expected {}: made by a newer program?",
                                            found->second, kIntegerRows));
  return true;
}

size_t row_length(const HostTensor& t) { return t.values.size() / static_cast<size_t>(t.shape[0]); }

// Makes t whole numbers and returns what they are to be multiplied by.
HostTensor take_scales(HostTensor& t) {
  HostTensor scales{.name = t.name + std::string(kScale), .shape = {t.shape[0]}, .values = {}};
  const size_t length = row_length(t);
  for (auto row = t.values.begin(); row != t.values.end(); row += static_cast<ptrdiff_t>(length)) {
    float largest = 0;
    for (auto value = row; value != row + static_cast<ptrdiff_t>(length); ++value) {
      if (!std::isfinite(*value))
        throw std::invalid_argument(fmt::format("expected finite weights, found {} in {}", *value, t.name));
      largest = std::max(largest, std::abs(*value));
    }
    const float scale = largest > 0 ? largest / kLargest : 1;
    scales.values.push_back(scale);
    for (auto value = row; value != row + static_cast<ptrdiff_t>(length); ++value)
      *value = std::clamp(std::round(*value / scale), -kLargest, kLargest);
  }
  t.element = HostTensor::Element::int8;
  return scales;
}

void multiply(HostTensor& t, const HostTensor& scales) {
  if (t.shape.rank() < 2 || scales.values.size() != static_cast<size_t>(t.shape[0]))
    throw std::invalid_argument(fmt::format("{} {}: expected a scale for each row, {} has {}", t.name, t.shape.text(),
                                            scales.name, scales.shape.text()));
  const size_t length = row_length(t);
  for (size_t i = 0; i < t.values.size(); ++i) t.values[i] *= scales.values[i / length];
  t.element = HostTensor::Element::f32;
}

}  // namespace

SafetensorsFile compact_weights(SafetensorsFile file) {
  if (is_compact(file)) throw std::invalid_argument("its weights are 8-bit numbers already");
  std::vector<HostTensor> tensors;
  for (HostTensor& t : file.tensors) {
    const bool weights = t.shape.rank() >= 2 && !t.values.empty();
    HostTensor scales = weights ? take_scales(t) : HostTensor{};
    tensors.push_back(std::move(t));
    if (weights) tensors.push_back(std::move(scales));
  }
  file.tensors = std::move(tensors);
  file.metadata[kStorageKey] = kIntegerRows;
  return file;
}

SafetensorsFile expand_weights(SafetensorsFile file) {
  if (!is_compact(file)) return file;
  std::vector<HostTensor> tensors;
  std::set<std::string> used;
  for (HostTensor& t : file.tensors) {
    if (t.element != HostTensor::Element::int8) continue;
    const HostTensor* scales = file.find(t.name + std::string(kScale));
    if (!scales) throw std::invalid_argument(fmt::format("{}: its scales ({}{}) are missing", t.name, t.name, kScale));
    multiply(t, *scales);
    used.insert(scales->name);
  }
  for (HostTensor& t : file.tensors)
    if (!used.count(t.name)) tensors.push_back(std::move(t));
  file.tensors = std::move(tensors);
  file.metadata.erase(kStorageKey);
  return file;
}

}  // namespace avsr::models
