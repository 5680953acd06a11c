#include "pipeline/recognition/model_set.h"

#include <fmt/format.h>

#include <stdexcept>

namespace avsr::pipeline {
namespace {

[[noreturn]] void refuse(const Recognizer& a, const Recognizer& b, const std::string& what) {
  throw std::invalid_argument(fmt::format("{} and {} cannot transcribe together: {}; give models of one training run",
                                          a.path(), b.path(), what));
}

std::string first_difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.size() != b.size()) return fmt::format("{} labels and {}", a.size(), b.size());
  size_t i = 0;
  while (a[i] == b[i]) ++i;
  return fmt::format("label {} is \"{}\" and \"{}\"", i, a[i], b[i]);
}

void check_pair(const Recognizer& a, const Recognizer& b) {
  if (a.streams() == b.streams()) refuse(a, b, fmt::format("both are {} models", name_of(a.streams())));
  if (a.sentences() != b.sentences()) refuse(a, b, "one writes words, the other sentences");
  if (a.labels() != b.labels()) refuse(a, b, first_difference(a.labels(), b.labels()));
  if (a.rule().window_frames != b.rule().window_frames)
    refuse(a, b, fmt::format("windows of {} frames and of {}", a.rule().window_frames, b.rule().window_frames));
  const bool both_look = a.streams() != models::Streams::audio && b.streams() != models::Streams::audio;
  if (both_look && a.rule().crop != b.rule().crop)
    refuse(a, b, fmt::format("mouths cut out as {} and as {}", a.rule().crop.dump(), b.rule().crop.dump()));
}

}  // namespace

void require_no_word_boundary(const Recognizer& recognizer) {
  if (recognizer.config().word_boundary)
    throw std::invalid_argument(fmt::format(
        "{}: this model is told where the word begins and ends (word_boundary), which nobody knows in a recording: "
        "transcribe with a model that was trained without; `avsr evaluate` runs this one",
        recognizer.path()));
}

ModelSet::ModelSet(const std::vector<Recognizer*>& recognizers) {
  if (recognizers.empty()) throw std::invalid_argument("[transcribe] expected at least one model, got none");
  for (Recognizer* recognizer : recognizers) {
    require_no_word_boundary(*recognizer);
    for (const auto& [streams, other] : models_) check_pair(*other, *recognizer);
    models_.emplace(recognizer->streams(), recognizer);
    kinds_.add(recognizer->streams());
  }
}

std::optional<CropRule> ModelSet::crop() const {
  for (const auto& [streams, recognizer] : models_)
    if (streams != models::Streams::audio) return crop_rule_from_json(recognizer->rule().crop);
  return std::nullopt;
}

std::string ModelSet::names() const {
  std::string names;
  for (const auto& [streams, recognizer] : models_) names += (names.empty() ? "" : ", ") + recognizer->path();
  return names;
}

void ModelSet::check(const io::MediaInfo& info) const {
  if (!kinds_.answer({info.has_video, info.has_audio, true}).heard_by) {
    const bool video = !info.has_video;
    throw std::runtime_error(fmt::format("{}: has no {} track, which the model {} needs; use {} model for it",
                                         info.path, video ? "video" : "audio", names(),
                                         video ? "an audio" : "a video"));
  }
  const std::optional<CropRule> rule = crop();
  if (!rule || !info.has_video || rule->fits(info.height, info.width)) return;
  throw std::runtime_error(
      fmt::format("{}: expected frames of {} x {} (H x W), found {} x {}: the model {} finds the mouth by a fixed box "
                  "in such frames; "
                  "cut the face out at that size as its corpus does, or use a model of tracked crops",
                  info.path, rule->source_height, rule->source_width, info.height, info.width, names()));
}

}  // namespace avsr::pipeline
