#include "pipeline/data/prepare_clip.h"

#include <fmt/format.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>

#include "preprocessing/random.h"

namespace avsr::pipeline {
namespace {

uint64_t hash_of(const io::PackedClip& clip) {
  uint64_t hash = preprocessing::hash_text(clip.key);
  for (const auto& [ending, bytes] : clip.members) {
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    hash = preprocessing::derive_key(hash, preprocessing::hash_text(ending), preprocessing::hash_text(view));
  }
  return hash;
}

}  // namespace

double missing_seconds(const data_scripts::Source& source, const io::Media& media) {
  constexpr double kNotable = 0.1;
  if (!source.end_seconds) return 0;
  const double read = media.frames.count > 0 ? media.frames.count / io::kFramesPerSecond : media.audio.seconds();
  const double got = read - media.info.silence_seconds;
  const double missing = *source.end_seconds - source.start_seconds.value_or(0) - got;
  return missing > kNotable ? missing : 0;
}

PreparedClip ClipPreparer::prepare(const data_scripts::Source& source) const {
  PreparedClip prepared;
  prepared.row.key = source.key;
  prepared.row.split = source.split;
  prepared.row.media = source.media_path.string();
  try {
    read_and_pack(source, prepared);
  } catch (const std::bad_alloc&) {
    throw;  // says nothing about the clip
  } catch (const std::exception& error) {
    prepared.row.method = rule_.method;
    prepared.row.reason = "unreadable";
    prepared.row.error = error.what();
    prepared.row.packed = false;
  }
  return prepared;
}

void ClipPreparer::read_and_pack(const data_scripts::Source& source, PreparedClip& prepared) const {
  QualityRow& row = prepared.row;
  io::MediaOptions reading;
  reading.start_seconds = source.start_seconds.value_or(0);
  reading.end_seconds = source.end_seconds;
  io::Media media = io::read_media(row.media, reading);
  row.notes = media.info.notes;
  const double missing = missing_seconds(source, media);
  if (missing > 0)
    row.notes.push_back(
        fmt::format("its video or sound ends {:.2f} s before the clip's end at {:g} s", missing, *source.end_seconds));
  const io::Clip clip = to_clip(source, media, missing > 0);
  row.method = clip.quality.method;
  row.reason = clip.quality.reason;
  row.frames = clip.quality.frames;
  row.frames_without_face = clip.quality.frames_without_face;
  row.frames_outside = clip.quality.frames_outside;
  row.source_fps = clip.source_fps;
  prepared.samples = static_cast<int64_t>(clip.audio.samples.size());
  prepared.packed = io::pack_clip(clip);
  prepared.hash = hash_of(prepared.packed);
}

io::Clip ClipPreparer::to_clip(const data_scripts::Source& source, io::Media& media, bool ends_early) const {
  io::Clip clip;
  clip.key = source.key;
  clip.split = source.split;
  clip.speaker = source.speaker;
  clip.label = source.label;
  clip.words = source.words;
  clip.source_fps = media.info.source_fps;
  clip.audio = std::move(media.audio);
  if (media.frames.count > 0) {
    preprocessing::MouthClip mouth = crop(rule_, media.frames, model_);
    clip.mouth = std::move(mouth.mouth);
    clip.quality = mouth.quality;
  } else {
    clip.quality.method = "none";
    clip.quality.reason = "no_video";
  }
  if (clip.quality.reason == "ok" && clip.audio.samples.empty()) clip.quality.reason = "no_audio";
  if (clip.quality.reason == "ok" && ends_early) clip.quality.reason = "ends_early";
  if (clip.mouth.count == 0 && clip.audio.samples.empty()) {
    throw std::runtime_error(fmt::format("{}: neither a mouth nor sound in it", source.media_path.string()));
  }
  return clip;
}

}  // namespace avsr::pipeline
