#include "models/layers/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "models/layers/edit_distance.h"

namespace avsr::layers {
namespace {

using backend::Shape;
using backend::Tensor;

// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every platform, which std::*_distribution does not
// promise.
class Random {
 public:
  explicit Random(uint64_t state) : state_(state) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  double uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)

 private:
  uint64_t state_;
};

uint64_t hash_of(const std::string& text) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ULL;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001b3ULL;
  return h;
}

void initialise(const Parameter& p, uint64_t seed, float* out) {
  const int64_t n = p.value.shape.count();
  Random random(Random(hash_of(p.name)).bits() ^ Random(seed).bits());
  switch (p.init.kind) {
    case Init::Kind::constant:
      std::fill_n(out, n, p.init.value);
      break;
    case Init::Kind::uniform:
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(p.init.value * (2 * random.uniform() - 1));
      for (int64_t i = n / 4; i < n / 2; ++i) out[i] += p.init.forget;
      break;
    case Init::Kind::normal:  // Box and Muller
      for (int64_t i = 0; i < n; i += 2) {
        const double radius = p.init.value * std::sqrt(-2 * std::log(random.uniform()));
        const double angle = 2 * std::numbers::pi * random.uniform();
        out[i] = static_cast<float>(radius * std::cos(angle));
        if (i + 1 < n) out[i + 1] = static_cast<float>(radius * std::sin(angle));
      }
      break;
  }
}

Tensor view(const Tensor& flat, int64_t first, const Shape& shape) {
  Tensor t = flat;
  t.shape = shape;
  t.offset_bytes = flat.offset_bytes + static_cast<size_t>(first) * sizeof(float);
  return t;
}

std::vector<std::string> nearest_names(const std::vector<Parameter*>& all, const std::string& name) {
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const Parameter* p : all) ranked.emplace_back(edit_distance(name, p->name), p->name);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min<size_t>(3, ranked.size()); ++i) names.push_back(ranked[i].second);
  return names;
}

}  // namespace

bool under_path(const std::string& name, const std::string& prefix) {
  return prefix.empty() || name == prefix ||
         (name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 && name[prefix.size()] == '/');
}

Parameter* ParameterArena::declare(const std::string& name, const Shape& shape, Init init, bool statistic) {
  if (backend_) throw std::logic_error("[parameters] declare after allocate: " + name);
  Parameter p;
  p.name = name;
  p.value.shape = shape;
  p.statistic = statistic;
  p.init = init;
  parameters_.push_back(std::move(p));
  Parameter* address = &parameters_.back();
  if (!by_name_.emplace(name, address).second) throw std::invalid_argument("[parameters] declared twice: " + name);
  all_.push_back(address);
  return address;
}

void ParameterArena::allocate(backend::Backend& backend, uint64_t seed) {
  if (backend_) throw std::logic_error("[parameters] allocated twice");
  backend_ = &backend;
  int64_t weights = 0, statistics = 0;
  for (const Parameter* p : all_) (p->statistic ? statistics : weights) += p->value.shape.count();
  std::vector<float> weight_values(static_cast<size_t>(std::max<int64_t>(weights, 1)));
  std::vector<float> statistic_values(static_cast<size_t>(std::max<int64_t>(statistics, 1)));
  const Shape weight_shape{static_cast<int64_t>(weight_values.size())};
  const Shape statistic_shape{static_cast<int64_t>(statistic_values.size())};
  backend.resize(values_, weight_shape);
  backend.resize(statistics_, statistic_shape);
  gradients_ = backend.zeros(weight_shape);
  int64_t next_weight = 0, next_statistic = 0;
  for (Parameter* p : all_) {
    const Shape shape = p->value.shape;
    int64_t& next = p->statistic ? next_statistic : next_weight;
    initialise(*p, seed, (p->statistic ? statistic_values : weight_values).data() + next);
    p->value = view(p->statistic ? statistics_ : values_, next, shape);
    if (!p->statistic) p->gradient = view(gradients_, next, shape);
    next += shape.count();
  }
  backend.upload(weight_values.data(), values_);
  backend.upload(statistic_values.data(), statistics_);
  touch();
}

backend::Backend& ParameterArena::backend() const {
  if (!backend_) throw std::logic_error("[parameters] not allocated yet");
  return *backend_;
}

Parameter& ParameterArena::at(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end())
    throw std::invalid_argument(
        fmt::format("[parameters] no parameter {}; nearest: {}", name, fmt::join(nearest_names(all_, name), ", ")));
  return *found->second;
}

int64_t ParameterArena::count(const std::string& prefix) const {
  int64_t n = 0;
  for (const Parameter* p : all_)
    if (!p->statistic && under_path(p->name, prefix)) n += p->value.shape.count();
  return n;
}

void ParameterArena::zero_gradients() { backend().fill(gradients_, 0); }

void ParameterArena::train_only(const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    const bool matches =
        std::any_of(all_.begin(), all_.end(), [&](Parameter* p) { return under_path(p->name, prefix); });
    if (!matches)
      throw std::invalid_argument(fmt::format("[parameters] nothing to train under {}; nearest: {}", prefix,
                                              fmt::join(nearest_names(all_, prefix), ", ")));
  }
  for (Parameter* p : all_)
    p->frozen = std::none_of(prefixes.begin(), prefixes.end(),
                             [&](const std::string& prefix) { return under_path(p->name, prefix); });
  touch();
}

bool ParameterArena::frozen(const std::string& prefix) const {
  return std::all_of(all_.begin(), all_.end(),
                     [&](Parameter* p) { return p->statistic || p->frozen || !under_path(p->name, prefix); });
}

std::vector<std::pair<int64_t, int64_t>> ParameterArena::trainable_ranges() const {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  int64_t next = 0;
  for (const Parameter* p : all_) {
    if (p->statistic) continue;
    const int64_t first = next;
    next += p->value.shape.count();
    if (p->frozen) continue;
    if (!ranges.empty() && ranges.back().second == first)
      ranges.back().second = next;
    else
      ranges.emplace_back(first, next);
  }
  return ranges;
}

void ParameterArena::gradients_final(size_t first, size_t last) const {
  if (!watch_) return;
  int64_t begin = 0, end = 0;
  for (size_t i = first; i < last; ++i) {
    if (all_[i]->statistic) continue;
    const auto at = static_cast<int64_t>(all_[i]->gradient.offset_bytes / sizeof(float));
    if (end == 0) begin = at;
    end = at + all_[i]->gradient.shape.count();
  }
  if (end > begin) watch_(begin, end);
}

void ParameterArena::gradients_final(const std::string& path) const {
  for (size_t i = 0; watch_ && i < all_.size(); ++i)
    if (under_path(all_[i]->name, path)) gradients_final(i, i + 1);
}

void ParameterArena::touch() { frozen_version_ = ++version_; }
void ParameterArena::touch_trainable() { ++version_; }

}  // namespace avsr::layers
