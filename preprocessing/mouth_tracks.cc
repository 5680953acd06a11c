#include "preprocessing/mouth_tracks.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "preprocessing/face_tracks.h"
#include "preprocessing/picture_queue.h"
#include "preprocessing/pose_track.h"

namespace avsr::preprocessing {
namespace {

struct Path {
  explicit Path(const TrackedCropSettings& settings)
      : poses(settings, std::numeric_limits<int64_t>::max()) {}  // FaceTracks ends what is lost for too long

  PoseTrack poses;
  FaceTrack track;
  double side_sum = 0;
  int64_t sides = 0;
  int64_t next() const { return track.first_frame + track.frames; }
};

}  // namespace

struct MouthTracks::State {
  State(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& chosen, FrameSink frame_sink,
        EndSink end_sink)
      : settings(chosen),
        frames(std::move(frame_sink)),
        ends(std::move(end_sink)),
        faces(std::move(model), chosen.tracker, chosen.longest_gap) {}
  void take(const TrackNews& news);
  void give_out(Path& path);
  int64_t settled() const;

  TrackedCropSettings settings;
  FrameSink frames;
  EndSink ends;
  FaceTracks faces;
  std::map<int, Path> paths;  // of the tracks that have not ended
  PictureQueue pictures;
  int height = 0, width = 0;
  bool finished = false;
};

void MouthTracks::State::give_out(Path& path) {
  for (const PosedFrame& posed : path.poses.take()) {
    MouthFrame frame = cut_mouth(posed, pictures.at(posed.index), height, width, settings.size);
    frame.track = path.track.number;
    ++path.track.frames;
    if (frame.interpolated) ++path.track.frames_without_face;
    frames(path.track.number, std::move(frame));
  }
}

void MouthTracks::State::take(const TrackNews& news) {
  Path& path = paths.try_emplace(news.track, settings).first->second;
  if (path.track.number == 0) {
    path.track.number = news.track;
    path.track.first_frame = news.faces.front().index;
  }
  if (!news.faces.empty()) path.side_sum += news.side, ++path.sides;
  for (const TrackedFace& face : news.faces) path.poses.push(face);
  if (news.ended) path.poses.finish();
  give_out(path);
  if (!news.ended) return;
  path.track.side = path.side_sum / static_cast<double>(path.sides);
  ends(path.track);
  paths.erase(news.track);
}

int64_t MouthTracks::State::settled() const {
  int64_t first = faces.undecided_from();
  for (const auto& [number, path] : paths) first = std::min(first, path.next());
  return first;
}

MouthTracks::MouthTracks(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, FrameSink frames,
                         EndSink ends) {
  settings.validate();
  if (!frames || !ends) throw std::invalid_argument("[mouth tracks] expected two sinks, got none");
  state_ = std::make_unique<State>(std::move(model), settings, std::move(frames), std::move(ends));
}

MouthTracks::~MouthTracks() = default;

void MouthTracks::push(const uint8_t* pixels, int height, int width) {
  State& s = *state_;
  if (s.finished) throw std::invalid_argument("[mouth tracks] push after finish");
  const std::vector<TrackNews> all = s.faces.push(pixels, height, width);  // checks the size
  s.height = height;
  s.width = width;
  s.pictures.push(pixels, static_cast<size_t>(height) * width);
  for (const TrackNews& news : all) s.take(news);
  s.pictures.drop_before(s.settled());
}

void MouthTracks::finish() {
  State& s = *state_;
  if (s.finished) return;
  s.finished = true;
  for (const TrackNews& news : s.faces.finish()) s.take(news);
}

int64_t MouthTracks::settled() const { return state_->settled(); }

}  // namespace avsr::preprocessing
