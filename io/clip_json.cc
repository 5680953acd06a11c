#include "io/clip_json.h"

#include <stdexcept>

namespace avsr::io {

using nlohmann::json;

json to_json(const ClipMetadata& metadata) {
  const Clip& clip = metadata.clip;
  json words = json::array();
  for (const Word& word : clip.words)
    words.push_back({{"text", word.text}, {"start", word.start_seconds}, {"end", word.end_seconds}});
  const CropQuality& quality = clip.quality;
  return {{"key", clip.key},
          {"split", clip.split},
          {"speaker", clip.speaker},
          {"label", clip.label},
          {"words", words},
          {"frames", clip.mouth.count},
          {"height", clip.mouth.height},
          {"width", clip.mouth.width},
          {"samples", metadata.samples},
          {"source_fps", clip.source_fps},
          {"quality",
           {{"method", quality.method},
            {"reason", quality.reason},
            {"frames", quality.frames},
            {"frames_without_face", quality.frames_without_face},
            {"frames_outside", quality.frames_outside}}},
          {"crc32", metadata.crc32}};
}

ClipMetadata clip_from_json(const json& entry, const std::string& where) {
  try {
    ClipMetadata metadata;
    Clip& clip = metadata.clip;
    clip.key = entry.at("key").get<std::string>();
    clip.split = entry.at("split").get<std::string>();
    clip.speaker = entry.value("speaker", "");
    clip.label = entry.value("label", "");
    for (const json& word : entry.value("words", json::array())) {
      clip.words.push_back(
          {word.at("text").get<std::string>(), word.at("start").get<double>(), word.at("end").get<double>()});
    }
    clip.mouth.count = entry.at("frames").get<int>();
    clip.mouth.height = entry.at("height").get<int>();
    clip.mouth.width = entry.at("width").get<int>();
    metadata.samples = entry.at("samples").get<int64_t>();
    clip.source_fps = entry.value("source_fps", 0.0);
    const json quality = entry.value("quality", json::object());
    clip.quality.method = quality.value("method", "");
    clip.quality.reason = quality.value("reason", "ok");
    clip.quality.frames = quality.value("frames", 0);
    clip.quality.frames_without_face = quality.value("frames_without_face", 0);
    clip.quality.frames_outside = quality.value("frames_outside", 0);
    metadata.crc32 = entry.value("crc32", std::map<std::string, uint32_t>{});
    const bool sizes_fit = clip.mouth.count == 0 || (clip.mouth.height > 0 && clip.mouth.width > 0);
    if (clip.mouth.count < 0 || !sizes_fit || metadata.samples < 0)
      throw std::runtime_error(where + ": impossible sizes in its metadata");
    return metadata;
  } catch (const json::exception& error) {
    throw std::runtime_error(where + ": bad metadata: " + error.what());
  }
}

}  // namespace avsr::io
