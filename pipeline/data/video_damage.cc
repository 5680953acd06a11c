#include "pipeline/data/video_damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <stdexcept>

#include "io/image_file.h"
#include "preprocessing/corrupt_frames.h"

namespace avsr::pipeline {
namespace {

using Kind = VideoDamage::Kind;

struct Known {
  Kind kind;
  const char* name;
  double lowest, highest;
  bool whole;
};
constexpr std::array kKnown{
    Known{Kind::blur, "blur", 0.1, 50, false},    Known{Kind::occlusion, "occlusion", 0, 1, false},
    Known{Kind::jpeg, "jpeg", 1, 100, true},      Known{Kind::drop, "drop", 0, 1, false},
    Known{Kind::offset, "offset", -29, 29, true}, Known{Kind::frozen, "frozen", 0, 0, true}};

const Known& known(Kind kind) {
  return *std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.kind == kind; });
}

void compress(io::Frames& frames, int quality) {
  for (int t = 0; t < frames.count; ++t) {
    const std::vector<uint8_t> file = io::encode_grey_jpeg(frames.frame(t), frames.height, frames.width, quality);
    const io::Image image = io::decode_image(file, 1);
    std::copy(image.pixels.begin(), image.pixels.end(), frames.frame(t));
  }
}

}  // namespace

std::string VideoDamage::text() const {
  return kind == Kind::frozen ? "frozen" : fmt::format("{}:{:g}", known(kind).name, amount);
}

VideoDamage parse_damage(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon), number = colon == std::string::npos ? "" : text.substr(colon + 1);
  for (const Known& k : kKnown) {
    if (name != k.name) continue;
    if (k.kind == Kind::frozen && number.empty()) return {k.kind, 0};
    size_t used = 0;
    double amount = 0;
    try {
      amount = std::stod(number, &used);
    } catch (const std::logic_error&) {
      used = std::string::npos;
    }
    if (used == number.size() && amount >= k.lowest && amount <= k.highest &&
        (!k.whole || amount == std::round(amount)) && k.kind != Kind::frozen)
      return {k.kind, amount};
    throw std::invalid_argument(k.kind == Kind::frozen
                                    ? fmt::format("'{}': frozen takes no number", text)
                                    : fmt::format("'{}': expected {}:NUMBER with a {}number from {:g} to {:g}", text,
                                                  k.name, k.whole ? "whole " : "", k.lowest, k.highest));
  }
  throw std::invalid_argument(fmt::format(
      "'{}': expected blur:PIXELS, occlusion:SHARE, jpeg:QUALITY, drop:PROBABILITY, offset:FRAMES or frozen", text));
}

void apply(const VideoDamage& damage, io::Frames& frames, preprocessing::Random random) {
  switch (damage.kind) {
    case Kind::blur:
      return preprocessing::blur(frames, damage.amount);
    case Kind::occlusion:
      return preprocessing::occlude(frames, damage.amount, random);
    case Kind::jpeg:
      return compress(frames, static_cast<int>(damage.amount));
    case Kind::drop:
      return preprocessing::drop_frames(frames, damage.amount, random);
    case Kind::frozen:
      return preprocessing::drop_frames(frames, 1, random);
    case Kind::offset:
      return;
  }
}

int frames_late(const VideoDamage& damage) { return damage.kind == Kind::offset ? static_cast<int>(damage.amount) : 0; }

}  // namespace avsr::pipeline
