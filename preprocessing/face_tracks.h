// All faces of a video, each as a track of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "preprocessing/face_tracker.h"

namespace avsr::preprocessing {

// Note [What a face track is]
// The detector looks over the whole image now and then (TrackerSettings::survey_interval) and near each followed face
// in between. A box that overlaps the place where a track is followed to, or was lost not longer than `longest_gap`
// frames ago, belongs to this track; any other begins a new one. A track counts once the detector has seen it a second
// time, or a cut or the end explains why it could not, so that a pattern that looks like a face once is none. Tracks
// are numbered from 1 in the order in which they come to count; of those that begin together the one further left is
// first. A shot cut ends all tracks, but for a face that is in the same place behind it and looks the same (a flash, or
// a cut back to the same picture). Its frames behind the cut begin a new shot (TrackedFace::new_shot). A single face is
// followed exactly as FaceTracker does.

// What became known about one track.
struct TrackNews {
  int track = 0;
  std::vector<TrackedFace> faces;  // the next frames of the track, in order; gaps only between two faces
  double side = 0;                 // of the face at the newest of them, source pixels
  bool ended = false;
};

class FaceTracks {
 public:
  // longest_gap: frames without its face after which a track has ended.
  FaceTracks(std::shared_ptr<const FaceModel> model, const TrackerSettings& settings, int64_t longest_gap);
  ~FaceTracks();
  // Grey image, row-major. Of each track that something became known about, in the order of their numbers.
  std::vector<TrackNews> push(const uint8_t* pixels, int height, int width);
  std::vector<TrackNews> finish();  // ends all tracks; no push afterwards
  // The first frame of which a track without a number may have a face; the number of frames pushed if there is none.
  int64_t undecided_from() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace avsr::preprocessing
