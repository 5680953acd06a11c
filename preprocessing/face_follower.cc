#include "preprocessing/face_follower.h"

#include <cmath>
#include <utility>

namespace avsr::preprocessing {
namespace {

Spread spread_of(const Landmarks& landmarks) {
  Spread s;
  for (const Point& p : landmarks) s.x += p.x / landmarks.size(), s.y += p.y / landmarks.size();
  for (const Point& p : landmarks) s.size += (p.x - s.x) * (p.x - s.x) + (p.y - s.y) * (p.y - s.y);
  s.size = std::sqrt(s.size / landmarks.size());
  return s;
}

}  // namespace

BoxRelation BoxRelation::of(const FaceBox& box, const Spread& s) {
  return {(box.x - s.x) / s.size, (box.y - s.y) / s.size, box.side / s.size};
}

FaceBox BoxRelation::around(const Spread& s) const { return {s.x + x * s.size, s.y + y * s.size, side * s.size}; }

void BoxRelation::blend(const BoxRelation& other) {
  x = (x + other.x) / 2;
  y = (y + other.y) / 2;
  side = (side + other.side) / 2;
}

void FaceFollower::see(const FaceFinder& finder, int64_t t, const FaceBox& found, bool same, bool new_shot) {
  const Landmarks landmarks = finder.landmarks(same ? box_ : found);
  same ? confirm() : drop();
  spread_ = spread_of(landmarks);
  const BoxRelation fresh = BoxRelation::of(found, spread_);
  if (same) {
    relation_.blend(fresh);
  } else {
    relation_ = fresh;
  }
  box_ = relation_.around(spread_);
  last_seen_ = last_landmarks_ = t;
  known_.push_back({t, false, landmarks, new_shot});
}

bool FaceFollower::follow(const FaceFinder& finder, int64_t t) {
  if (t - last_landmarks_ < settings_.landmark_interval) {
    pending_.push_back({t, true, std::nullopt});
    return true;
  }
  const Landmarks landmarks = finder.landmarks(box_);
  const Spread now = spread_of(landmarks);
  const double moved = std::hypot(now.x - spread_.x, now.y - spread_.y) / spread_.size;
  const double grown = now.size / spread_.size;
  if (moved > 0.5 || grown > 1.3 || grown < 0.75) return false;
  spread_ = now;
  box_ = relation_.around(spread_);
  last_landmarks_ = t;
  pending_.push_back({t, false, landmarks});
  return true;
}

void FaceFollower::confirm() {
  known_.insert(known_.end(), pending_.begin(), pending_.end());
  pending_.clear();
}

void FaceFollower::drop() {
  for (const TrackedFace& face : pending_) miss(face.index, false);
  pending_.clear();
}

int64_t FaceFollower::take_back_last() {
  const int64_t last = pending_.back().index;
  pending_.pop_back();
  return last;
}

std::vector<TrackedFace> FaceFollower::take() { return std::exchange(known_, {}); }

}  // namespace avsr::preprocessing
