#include "pipeline/training/layer_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

namespace avsr::pipeline {
namespace {

using backend::Tensor;

bool finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// The first rows of a tensor, one at least. A view in every layout, as axis 0 is the outermost in all of them; a test
// (LayerOutputs.TheirFirstRowsAreAView) holds every back end to that.
Tensor first_rows(const Tensor& tensor, int64_t most_values) {
  Tensor view = tensor;
  const int64_t row = tensor.shape.count() / std::max<int64_t>(1, tensor.shape[0]);
  view.shape[0] = std::clamp<int64_t>(most_values / std::max<int64_t>(1, row), 1, tensor.shape[0]);
  return view;
}

double norm(std::span<const float> values) {
  double squares = 0;
  for (const float v : values) squares += static_cast<double>(v) * v;
  return std::sqrt(squares);
}

}  // namespace

LayerStatistics statistics_of(backend::Backend& backend, const layers::Output& output, int64_t most_values) {
  const Tensor sample = first_rows(*output.values, most_values);
  const std::vector<float> values = backend.values(sample);
  const auto channels = static_cast<size_t>(sample.shape.back());
  const size_t positions = values.size() / channels, per_row = positions / static_cast<size_t>(sample.shape[0]);
  const size_t steps = sample.shape.rank() > 2 ? static_cast<size_t>(sample.shape[sample.shape.rank() - 2]) : 1;
  std::vector<char> alive(channels, 0);
  double sum = 0, squares = 0, count = 0;
  for (size_t p = 0; p < positions; ++p) {
    if (output.lengths && p % steps >= static_cast<size_t>((*output.lengths)[p / per_row])) continue;
    const float* at = values.data() + p * channels;
    for (size_t c = 0; c < channels; ++c) {
      sum += at[c];
      squares += static_cast<double>(at[c]) * at[c];
      alive[c] |= at[c] != 0;
    }
    count += static_cast<double>(channels);
  }
  LayerStatistics statistics{output.path, sum / count, 0, {}};
  statistics.deviation = std::sqrt(std::max(0.0, squares / count - statistics.mean * statistics.mean));
  if (output.relu)
    statistics.dead_relus =
        static_cast<double>(std::count(alive.begin(), alive.end(), 0)) / static_cast<double>(channels);
  return statistics;
}

std::vector<LayerStatistics> layer_statistics(models::Network& network) {
  std::vector<LayerStatistics> all;
  network.visit_outputs(
      [&](const layers::Output& output) { all.push_back(statistics_of(network.parameters().backend(), output)); });
  return all;
}

void UpdateMeter::before(layers::ParameterArena& arena) { values_ = arena.backend().values(arena.values()); }

std::vector<UpdateRatio> UpdateMeter::after(layers::ParameterArena& arena) {
  std::vector<float> moved = arena.backend().values(arena.values());
  const std::vector<float> values = std::move(values_);
  std::vector<UpdateRatio> ratios;
  size_t next = 0;
  for (const layers::Parameter* parameter : arena.all()) {
    if (parameter->statistic) continue;
    const size_t first = next, count = static_cast<size_t>(parameter->value.shape.count());
    next += count;
    if (parameter->frozen) continue;
    const std::span<const float> before(values.data() + first, count);
    const std::span<float> change(moved.data() + first, count);
    for (size_t i = 0; i < count; ++i) change[i] -= before[i];
    const double size = norm(before);
    if (size > 0) ratios.push_back({parameter->name, norm(change) / size, parameter->value.shape.rank() > 1});
  }
  return ratios;
}

std::optional<double> median_ratio(const std::vector<UpdateRatio>& ratios) {
  std::vector<double> weights;
  for (const UpdateRatio& update : ratios)
    if (update.weight) weights.push_back(update.ratio);
  if (weights.empty()) return std::nullopt;
  const auto middle = weights.begin() + static_cast<std::ptrdiff_t>(weights.size() / 2);
  std::nth_element(weights.begin(), middle, weights.end());
  return *middle;
}

std::string first_not_finite(models::Network& network) {
  backend::Backend& device = network.parameters().backend();
  std::string layer, parameter;
  bool seen = false;
  network.visit_outputs([&](const layers::Output& output) {
    seen = true;
    if (layer.empty() && !finite(device.values(*output.values))) layer = output.path;
  });
  for (const layers::Parameter* p : network.parameters().all())
    if (parameter.empty() && !finite(device.values(p->value))) parameter = p->name;
  return fmt::format("{}; {}",
                     !seen           ? "no layer's output is at hand"
                     : layer.empty() ? "all layers' outputs are finite"
                                     : fmt::format("the first layer whose output is not finite is {}", layer),
                     parameter.empty() ? "all parameters are still finite"
                                       : fmt::format("the first parameter that is not finite is {}", parameter));
}

bool all_finite(layers::ParameterArena& arena) {
  backend::Tensor norm;
  arena.backend().norm(std::vector{arena.values(), arena.statistics()}, norm);
  return std::isfinite(arena.backend().values(norm).front());
}

}  // namespace avsr::pipeline
