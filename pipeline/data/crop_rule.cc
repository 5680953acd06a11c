#include "pipeline/data/crop_rule.h"

#include <fmt/format.h>

#include <stdexcept>

namespace avsr::pipeline {
namespace {

// Far beyond any use; sums of them fit into an int.
constexpr int kLargestBox = 4096, kLargestImage = 65536;

}  // namespace

void CropRule::validate() const {
  if (method != "fixed" && method != "tracked") {
    throw std::invalid_argument(fmt::format("expected crop fixed or tracked, found '{}'", method));
  }
  if (box.height < 1 || box.width < 1 || box.top < 0 || box.left < 0 || box.height > kLargestBox ||
      box.width > kLargestBox || box.top > kLargestImage || box.left > kLargestImage) {
    throw std::invalid_argument(
        fmt::format("expected a crop box inside the image, of at most {0} x {0} pixels, found top {1}, left {2}, {3} x "
                    "{4}",
                    kLargestBox, box.top, box.left, box.height, box.width));
  }
  if (source_height < 0 || source_width < 0) {
    throw std::invalid_argument(fmt::format("expected a frame size, found {} x {}", source_height, source_width));
  }
  tracked.validate();
}

bool CropRule::fits(int height, int width) const {
  if (method != "fixed" || source_height == 0) return true;
  return height == source_height && width == source_width;
}

nlohmann::json to_json(const CropRule& rule) {
  if (rule.method == "fixed") {
    nlohmann::json json{{"method", "fixed"},
                        {"top", rule.box.top},
                        {"left", rule.box.left},
                        {"height", rule.box.height},
                        {"width", rule.box.width}};
    if (rule.source_height > 0) json["source_height"] = rule.source_height, json["source_width"] = rule.source_width;
    return json;
  }
  return {{"method", rule.method},
          {"size", rule.tracked.size},
          {"mouth_scale", rule.tracked.mouth_scale},
          {"smoothing_radius", rule.tracked.smoothing_radius}};
}

CropRule crop_rule_from_json(const nlohmann::json& json) {
  CropRule rule;
  try {
    json.at("method").get_to(rule.method);
    if (rule.method == "fixed") {
      json.at("top").get_to(rule.box.top);
      json.at("left").get_to(rule.box.left);
      json.at("height").get_to(rule.box.height);
      json.at("width").get_to(rule.box.width);
      rule.source_height = json.value("source_height", 0);
      rule.source_width = json.value("source_width", 0);
    } else {
      json.at("size").get_to(rule.tracked.size);
      json.at("mouth_scale").get_to(rule.tracked.mouth_scale);
      json.at("smoothing_radius").get_to(rule.tracked.smoothing_radius);
    }
    rule.validate();
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("[crop] {} is no rule for mouth crops: {}", json.dump(), error.what()));
  }
  return rule;
}

preprocessing::MouthClip crop(const CropRule& rule, const io::Frames& frames,
                              const std::shared_ptr<const preprocessing::FaceModel>& model) {
  if (rule.method == "fixed") {
    preprocessing::MouthClip clip = preprocessing::crop_fixed(frames, rule.box);
    if (!rule.fits(frames.height, frames.width)) clip.quality.reason = "other_size";
    return clip;
  }
  if (!model) throw std::invalid_argument("[crop] tracked crops need the face model");
  return preprocessing::crop_tracked(frames, model, rule.tracked);
}

}  // namespace avsr::pipeline
