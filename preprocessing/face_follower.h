// One face, followed from a detection on. What follows several faces or one is decided elsewhere: face_tracker.h,
// face_tracks.h.
#pragma once

#include <cstdint>
#include <vector>

#include "preprocessing/face_finder.h"

namespace avsr::preprocessing {

inline constexpr double kSameFace = 0.3;  // intersection over union of two boxes of one face

// Where the landmarks lie and how far they spread: the yardstick of the followed box.
struct Spread {
  double x = 0, y = 0, size = 0;
};

// The detector's box in units of the landmarks' spread, so that it can be put back around later landmarks.
struct BoxRelation {
  double x = 0, y = 0, side = 0;

  static BoxRelation of(const FaceBox& box, const Spread& s);
  FaceBox around(const Spread& s) const;
  // The detector's boxes jump between the steps of its pyramid; their mean does not.
  void blend(const BoxRelation& other);
};

class FaceFollower {
 public:
  explicit FaceFollower(const TrackerSettings& settings) : settings_(settings) {}

  // The detector sees the face in frame t, the one that the finder looks at. same: this is where it was followed to,
  // which confirms what was followed; otherwise that is dropped and the face starts anew.
  void see(const FaceFinder& finder, int64_t t, const FaceBox& found, bool same, bool new_shot);
  bool due(int64_t t) const { return t - last_seen_ >= settings_.verify_interval; }  // to be looked for by the detector
  // Frame t, not due: landmarks, or none where they are interpolated. False: they jump or shrink as no face does, and
  // nothing is known about the frame.
  bool follow(const FaceFinder& finder, int64_t t);
  void miss(int64_t t, bool new_shot) { known_.push_back({t, false, std::nullopt, new_shot}); }
  void confirm();  // what was followed since the detector saw the face counts
  void drop();     // … does not: those frames become gaps

  const FaceBox& box() const { return box_; }  // where the face is expected, or was last seen
  const std::vector<TrackedFace>& pending() const { return pending_; }
  int64_t take_back_last();         // the newest pending frame, which is forgotten
  std::vector<TrackedFace> take();  // frames known since the last call, in order

 private:
  TrackerSettings settings_;
  FaceBox box_;
  BoxRelation relation_;
  Spread spread_;  // of the newest landmarks
  int64_t last_seen_ = 0, last_landmarks_ = 0;
  std::vector<TrackedFace> pending_;  // since the detector saw the face
  std::vector<TrackedFace> known_;    // ready to be taken
};

}  // namespace avsr::preprocessing
