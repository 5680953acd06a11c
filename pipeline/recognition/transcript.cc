#include "pipeline/recognition/transcript.h"

namespace avsr::pipeline {
namespace {

void add_face(nlohmann::json& json, int face) {
  if (face != kNoFace) json["face"] = face;
}

nlohmann::json to_json(const UsedModel& model) {
  return {{"file", model.path}, {"streams", name_of(model.streams)}, {"decoding", model.decoding}};
}

}  // namespace

nlohmann::json to_json(const SpokenWord& spoken) {
  nlohmann::json alternatives = nlohmann::json::array();
  for (const auto& [label, probability] : spoken.alternatives)
    alternatives.push_back({{"text", label}, {"probability", probability}});
  nlohmann::json json{{"text", spoken.word.text},       {"start", spoken.word.start_seconds},
                      {"end", spoken.word.end_seconds}, {"confidence", spoken.word.confidence},
                      {"unknown", spoken.unknown},      {"heard_by", name_of(spoken.heard_by)},
                      {"alternatives", alternatives}};
  add_face(json, spoken.face);
  return json;
}

nlohmann::json to_json(const Segment& segment) {
  nlohmann::json json{{"start", segment.start_seconds}, {"end", segment.end_seconds}, {"text", segment.text}};
  json["heard_by"] = segment.heard_by ? nlohmann::json(name_of(*segment.heard_by)) : nlohmann::json();
  if (!segment.missing.empty()) json["missing"] = segment.missing;
  add_face(json, segment.face);
  for (const ScoredText& text : segment.n_best)
    json["n_best"].push_back(
        {{"text", text.text}, {"score", text.score}, {"acoustic", text.acoustic}, {"language", text.language}});
  return json;
}

namespace {

template <typename T>
nlohmann::json list_of(const std::vector<T>& items) {
  nlohmann::json list = nlohmann::json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

}  // namespace

std::vector<io::TimedWord> Transcript::known_words() const {
  std::vector<io::TimedWord> known;
  for (const SpokenWord& spoken : words)
    if (!spoken.unknown) known.push_back(spoken.word);
  return known;
}

nlohmann::json to_json(const Transcript& transcript) {
  const io::MediaInfo& media = transcript.media;
  nlohmann::json json{{"file", media.path},
                      {"models", list_of(transcript.models)},
                      {"seconds", transcript.seconds()},
                      {"source_fps", media.source_fps},
                      {"frames", transcript.frames},
                      {"frames_without_face", transcript.frames_without_face},
                      {"damaged", media.damaged},
                      {"notes", media.notes},
                      {"segments", list_of(transcript.segments)},
                      {"words", list_of(transcript.words)}};
  if (transcript.audio_offset_seconds) json["audio_offset_seconds"] = *transcript.audio_offset_seconds;
  return json;
}

}  // namespace avsr::pipeline
