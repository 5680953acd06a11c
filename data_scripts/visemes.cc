#include "data_scripts/visemes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string_view>

namespace avsr::data_scripts {
namespace {

// A target and how strongly it is held: the opening on its own, everything else together.
struct Target {
  MouthShape shape;
  double opening_strength, shape_strength;
};
struct Viseme {
  Target first;
  Target second;  // of a diphthong; otherwise as first
  Viseme(Target target) : first(target), second(target) {}
  Viseme(Target from, Target to) : first(from), second(to) {}
};

// MouthShape is {opening, width, rounding, teeth, tongue}.
const std::map<std::string_view, Viseme>& visemes() {
  static const std::map<std::string_view, Viseme> kVisemes = [] {
    const Target rest{{0.02, 0.50, 0.0, 0.0, 0.0}, 0.5, 0.3};
    const Target closed{{0.0, 0.52, 0.0, 0.0, 0.0}, 8.0, 0.4};
    const Target lip_teeth{{0.09, 0.55, 0.0, 0.95, 0.0}, 5.0, 1.6};
    const Target dental{{0.20, 0.55, 0.0, 0.60, 1.0}, 2.0, 1.4};
    const Target alveolar{{0.20, 0.60, 0.0, 0.65, 0.4}, 0.9, 0.5};
    const Target lateral{{0.30, 0.55, 0.0, 0.40, 0.9}, 0.9, 0.7};
    const Target hissing{{0.13, 0.80, 0.0, 1.00, 0.0}, 1.8, 1.3};
    const Target hushing{{0.24, 0.25, 0.75, 0.95, 0.0}, 1.8, 2.5};
    const Target rhotic{{0.20, 0.35, 0.50, 0.30, 0.2}, 1.0, 1.3};
    const Target velar{{0.28, 0.50, 0.0, 0.20, 0.2}, 0.4, 0.2};
    const Target open{{0.98, 0.45, 0.0, 0.20, 0.5}, 1.6, 1.0};
    const Target flat{{0.75, 0.80, 0.0, 0.55, 0.5}, 1.5, 1.2};
    const Target mid{{0.50, 0.70, 0.0, 0.50, 0.3}, 1.2, 0.9};
    const Target neutral{{0.45, 0.50, 0.0, 0.30, 0.2}, 0.8, 0.4};
    const Target spread{{0.22, 1.00, 0.0, 0.70, 0.2}, 1.4, 1.6};
    const Target half_spread{{0.30, 0.80, 0.0, 0.55, 0.2}, 1.0, 0.9};
    const Target round_open{{0.75, 0.30, 0.60, 0.05, 0.2}, 1.6, 1.6};
    const Target round_half{{0.48, 0.20, 0.75, 0.0, 0.1}, 1.4, 1.8};
    const Target round_close{{0.17, 0.05, 1.00, 0.0, 0.0}, 1.8, 2.4};
    return std::map<std::string_view, Viseme>{
        {"pau", rest},
        {"p", closed},
        {"b", closed},
        {"m", closed},
        {"f", lip_teeth},
        {"v", lip_teeth},
        {"th", dental},
        {"dh", dental},
        {"t", alveolar},
        {"d", alveolar},
        {"n", alveolar},
        {"l", lateral},
        {"s", hissing},
        {"z", hissing},
        {"sh", hushing},
        {"zh", hushing},
        {"ch", hushing},
        {"jh", hushing},
        {"r", rhotic},
        {"er", rhotic},
        {"axr", rhotic},
        {"k", velar},
        {"g", velar},
        {"ng", velar},
        {"hh", velar},
        {"w", round_close},
        {"y", half_spread},
        {"iy", spread},
        {"ih", half_spread},
        {"ey", {mid, spread}},
        {"eh", mid},
        {"ae", flat},
        {"aa", open},
        {"ah", neutral},
        {"ax", neutral},
        {"ao", round_open},
        {"ow", {round_half, round_close}},
        {"uh", round_half},
        {"uw", round_close},
        {"aw", {open, round_close}},
        {"ay", {open, spread}},
        {"oy", {round_open, spread}},
    };
  }();
  return kVisemes;
}

// Weighted sums of the five parameters.
class Blend {
 public:
  explicit Blend(double reach) : reach_(reach) {}

  void add(const Target& target, double start, double end, double seconds) {
    // Full strength in the middle half of the stretch, so that even a short closure is reached.
    const double quarter = (end - start) / 4;
    const double distance = std::max({0.0, start + quarter - seconds, seconds - (end - quarter)});
    const double dominance = std::exp(-distance / reach_);
    const auto values = target.shape.values();
    for (int i = 0; i < MouthShape::kParameters; ++i) {
      const double weight = dominance * (i == 0 ? target.opening_strength : target.shape_strength);
      sums_[i] += weight * values[i];
      weights_[i] += weight;
    }
  }

  MouthShape mean() const {
    std::array<double, MouthShape::kParameters> values{};
    for (int i = 0; i < MouthShape::kParameters; ++i) values[i] = weights_[i] > 1e-12 ? sums_[i] / weights_[i] : 0;
    return MouthShape::from(values);
  }

 private:
  double reach_;
  std::array<double, MouthShape::kParameters> sums_{}, weights_{};
};

}  // namespace

MouthShape mouth_at(std::span<const Phone> phones, double seconds, const ArticulationStyle& style) {
  if (phones.empty()) return {};
  // Before the first and after the last phone the mouth stays as it was there.
  seconds = std::clamp(seconds, phones.front().start_seconds, phones.back().end_seconds);
  Blend blend(style.reach_seconds);
  for (const Phone& phone : phones) {
    const auto found = visemes().find(phone.name);
    if (found == visemes().end()) throw std::runtime_error(fmt::format("no viseme for the phone '{}'", phone.name));
    const double middle = (phone.start_seconds + phone.end_seconds) / 2;
    blend.add(found->second.first, phone.start_seconds, middle, seconds);
    blend.add(found->second.second, middle, phone.end_seconds, seconds);
  }
  MouthShape shape = blend.mean();
  shape.opening *= style.opening;
  return shape;
}

}  // namespace avsr::data_scripts
