#include "pipeline/training/gradient_sums.h"

#include <algorithm>

namespace avsr::pipeline {

GradientSums::GradientSums(layers::ParameterArena& arena, int64_t least_values)
    : arena_(arena), least_values_(least_values), trainable_(arena.trainable_ranges()) {}

GradientSums::~GradientSums() { arena_.watch_gradients({}); }

void GradientSums::begin() {
  open_ = trainable_;
  ready_ = {0, 0};
  early_ = 0;
  arena_.watch_gradients([this](int64_t first, int64_t last) { add({first, last}); });
}

void GradientSums::finish() {
  arena_.watch_gradients({});
  start(ready_);
  for (const Stretch& rest : std::vector<Stretch>(open_)) start(rest);
  arena_.backend().finish_sums();
}

void GradientSums::add(Stretch stretch) {
  if (ready_.first == stretch.second) {
    ready_.first = stretch.first;
  } else if (ready_.second == stretch.first) {
    ready_.second = stretch.second;
  } else {
    start_early(stretch);
  }
  if (ready_.second - ready_.first >= least_values_) start_early({0, 0});
}

void GradientSums::start_early(Stretch next) {
  if (ready_.second > ready_.first) ++early_;
  start(ready_);
  ready_ = next;
}

void GradientSums::start(Stretch stretch) {
  std::vector<Stretch> open;
  for (const Stretch& range : open_) {
    const Stretch both{std::max(range.first, stretch.first), std::min(range.second, stretch.second)};
    if (both.first >= both.second) {
      open.push_back(range);
      continue;
    }
    backend::Tensor view = arena_.gradients();
    view.shape = {both.second - both.first};
    view.offset_bytes += static_cast<size_t>(both.first) * sizeof(float);
    arena_.backend().start_sum(view);
    if (range.first < both.first) open.emplace_back(range.first, both.first);
    if (both.second < range.second) open.emplace_back(both.second, range.second);
  }
  open_ = std::move(open);
}

}  // namespace avsr::pipeline
