#include "pipeline/batch/mouth_path.h"

#include <algorithm>

#include "io/media_reader.h"
#include "preprocessing/mouth_stream.h"

namespace avsr::pipeline {
namespace {

// Keeps every n-th crop; n doubles when there are too many, since nobody knows how long a file is before its end.
class Collector {
 public:
  Collector(MouthPath& path, int most) : path_(path), most_(std::max(1, most)) {}

  void add(const std::optional<preprocessing::MouthPose>& pose, const uint8_t* crop, int height, int width) {
    const auto frame = static_cast<int64_t>(path_.poses.size());
    path_.poses.push_back(pose);
    if (!pose || frame % every_ != 0) return;
    path_.crops.height = height;
    path_.crops.width = width;
    path_.crops.pixels.insert(path_.crops.pixels.end(), crop, crop + path_.crops.frame_size());
    path_.crop_frames.push_back(frame);
    if (++path_.crops.count > most_) thin_out();
  }

 private:
  void thin_out() {
    every_ *= 2;
    io::Frames& crops = path_.crops;
    int kept = 0;
    for (int i = 0; i < crops.count; ++i) {
      if (path_.crop_frames[static_cast<size_t>(i)] % every_ != 0) continue;
      if (kept != i) std::copy_n(crops.frame(i), crops.frame_size(), crops.frame(kept));
      path_.crop_frames[static_cast<size_t>(kept++)] = path_.crop_frames[static_cast<size_t>(i)];
    }
    crops.count = kept;
    crops.pixels.resize(static_cast<size_t>(kept) * crops.frame_size());
    path_.crop_frames.resize(static_cast<size_t>(kept));
  }

  MouthPath& path_;
  int most_;
  int64_t every_ = 1;
};

void follow_fixed(io::MediaReader& reader, const CropRule& rule, MouthPath& path, Collector& collector) {
  path.crop_size = rule.box.width;
  preprocessing::MouthPose pose;
  pose.centre_x = rule.box.left + (rule.box.width - 1) / 2.;
  pose.centre_y = rule.box.top + (rule.box.height - 1) / 2.;
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk)) {
    const preprocessing::MouthClip clip = preprocessing::crop_fixed(chunk.frames, rule.box);
    for (int t = 0; t < clip.mouth.count; ++t)
      collector.add(pose, clip.mouth.frame(t), clip.mouth.height, clip.mouth.width);
  }
}

void follow_tracked(io::MediaReader& reader, const CropRule& rule,
                    const std::shared_ptr<const preprocessing::FaceModel>& face_model, MouthPath& path,
                    Collector& collector) {
  const int size = path.crop_size = rule.tracked.size;
  preprocessing::MouthStream stream(face_model, rule.tracked, [&](preprocessing::MouthFrame&& frame) {
    collector.add(frame.face ? std::optional(frame.pose) : std::nullopt, frame.crop.data(), size, size);
  });
  io::MediaChunk chunk;
  while (reader.next_chunk(chunk))
    for (int t = 0; t < chunk.frames.count; ++t)
      stream.push(chunk.frames.frame(t), chunk.frames.height, chunk.frames.width);
  stream.finish();
}

}  // namespace

MouthPath follow_mouth(const std::string& path, const CropRule& rule,
                       const std::shared_ptr<const preprocessing::FaceModel>& face_model, int most_crops) {
  MouthPath followed;
  io::MediaReader reader = io::MediaReader::open(path, {.allow_damaged = true});
  if (!reader.info().has_video) return followed;
  followed.height = reader.info().height;
  followed.width = reader.info().width;
  Collector collector(followed, most_crops);
  if (rule.needs_face_model())
    follow_tracked(reader, rule, face_model, followed, collector);
  else
    follow_fixed(reader, rule, followed, collector);
  return followed;
}

}  // namespace avsr::pipeline
