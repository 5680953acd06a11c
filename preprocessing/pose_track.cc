#include "preprocessing/pose_track.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <optional>
#include <utility>

#include "preprocessing/mean_face.h"

namespace avsr::preprocessing {
namespace {

Landmarks between(const Landmarks& a, const Landmarks& b, float part) {
  Landmarks mixed;
  for (size_t i = 0; i < mixed.size(); ++i) {
    mixed[i] = {a[i].x + part * (b[i].x - a[i].x), a[i].y + part * (b[i].y - a[i].y)};
  }
  return mixed;
}

}  // namespace

MouthPose fit_pose(const Landmarks& landmarks, const TrackedCropSettings& settings) {
  using Complex = std::complex<double>;
  Complex from_mean, to_mean;
  for (const StablePoint& p : kMeanFace) {
    from_mean += Complex(p.x, p.y);
    to_mean += Complex(landmarks[p.landmark].x, landmarks[p.landmark].y);
  }
  from_mean /= static_cast<double>(kMeanFace.size());
  to_mean /= static_cast<double>(kMeanFace.size());
  // In the plane a similarity is one complex factor: argmin_f sum |f * from - to|^2.
  Complex dot;
  double power = 0;
  for (const StablePoint& p : kMeanFace) {
    const Complex from = Complex(p.x, p.y) - from_mean;
    const Complex to = Complex(landmarks[p.landmark].x, landmarks[p.landmark].y) - to_mean;
    dot += std::conj(from) * to;
    power += std::norm(from);
  }
  MouthPose pose;
  pose.scale = std::abs(dot) / power / (settings.mouth_scale * settings.size / kMeanFaceSize);
  pose.angle = std::arg(dot);
  for (int i = kFirstLipPoint; i < static_cast<int>(landmarks.size()); ++i) {
    pose.centre_x += landmarks[i].x;
    pose.centre_y += landmarks[i].y;
  }
  const double lips = static_cast<double>(landmarks.size()) - kFirstLipPoint;
  pose.centre_x /= lips;
  pose.centre_y /= lips;
  return pose;
}

void PoseTrack::push(const TrackedFace& face) {
  Entry entry;
  entry.frame.index = face.index;
  entry.frame.new_shot = face.new_shot;
  entry.frame.interpolated = !face.landmarks && !face.skipped;
  if (face.landmarks) {
    fill_gap(*face.landmarks, face.new_shot);
    entry.frame.landmarks = *face.landmarks;
    entry.frame.face = entry.filled = true;
    entries_.push_back(entry);
  } else {
    entries_.push_back(entry);
    if (static_cast<int64_t>(++unfilled_) > longest_gap_) give_up_gap();
  }
  give_out();
}

// Between two faces of one shot: a straight line; between two shots: each holds its own; before the first: as the
// first.
void PoseTrack::fill_gap(const Landmarks& next, bool next_is_new_shot) {
  const size_t start = entries_.size() - unfilled_;
  std::optional<size_t> edge;  // frames of the gap from here on belong to the next face's shot
  for (size_t i = 0; i < unfilled_; ++i) {
    if (entries_[start + i].frame.new_shot) edge = i;
  }
  if (next_is_new_shot) edge = unfilled_;
  const bool has_previous = start > 0 && entries_[start - 1].frame.face;
  const Landmarks previous = has_previous ? entries_[start - 1].frame.landmarks : next;
  for (size_t i = 0; i < unfilled_; ++i) {
    Entry& entry = entries_[start + i];
    const float part = static_cast<float>(i + 1) / static_cast<float>(unfilled_ + 1);
    entry.frame.landmarks = !edge ? between(previous, next, part) : i < *edge ? previous : next;
    entry.frame.face = entry.filled = true;
  }
  unfilled_ = 0;
}

void PoseTrack::give_up_gap() {
  for (size_t i = entries_.size() - unfilled_; i < entries_.size(); ++i) {
    entries_[i].filled = true;
    entries_[i].frame.interpolated = true;
  }
  unfilled_ = 0;
}

void PoseTrack::finish() {
  const size_t start = entries_.size() - unfilled_;
  if (unfilled_ > 0 && start > 0 && entries_[start - 1].frame.face) {
    fill_gap(Landmarks(entries_[start - 1].frame.landmarks), false);
  }
  give_up_gap();
  finished_ = true;
  give_out();
}

// The mean of the neighbours, weighted by a Gaussian; near the ends of a run of faces, or of a shot, the reach shrinks
// on both sides, so that a moving face is not pulled back.
MouthPose PoseTrack::smooth_pose(size_t position) const {
  const auto has_face = [&](size_t i) { return i < entries_.size() && entries_[i].filled && entries_[i].frame.face; };
  const int radius = settings_.smoothing_radius;
  int reach = 0;
  while (reach < radius && static_cast<size_t>(reach) < position && has_face(position - reach - 1) &&
         has_face(position + reach + 1) && !entries_[position - reach].frame.new_shot &&
         !entries_[position + reach + 1].frame.new_shot) {
    ++reach;
  }
  const double deviation = std::max(0.5, radius / 2.0);
  Landmarks mean{};
  double total = 0;
  for (int k = -reach; k <= reach; ++k) total += std::exp(-0.5 * k * k / (deviation * deviation));
  for (int k = -reach; k <= reach; ++k) {
    const auto weight = static_cast<float>(std::exp(-0.5 * k * k / (deviation * deviation)) / total);
    const Landmarks& landmarks = entries_[position + k].frame.landmarks;
    for (size_t i = 0; i < mean.size(); ++i) {
      mean[i].x += weight * landmarks[i].x;
      mean[i].y += weight * landmarks[i].y;
    }
  }
  return fit_pose(mean, settings_);
}

void PoseTrack::give_out() {
  const size_t radius = settings_.smoothing_radius;
  while (given_out_ < entries_.size()) {
    Entry& entry = entries_[given_out_];
    if (!entry.filled) return;
    if (entry.frame.face) {
      for (size_t i = given_out_ + 1; i <= given_out_ + radius; ++i) {
        if (i >= entries_.size() ? !finished_ : !entries_[i].filled) return;  // a neighbour is still to come
        if (i < entries_.size() && !entries_[i].frame.face) break;            // the run of faces ends here
        if (i >= entries_.size()) break;
      }
      entry.frame.pose = smooth_pose(given_out_);
    }
    ready_.push_back(entry.frame);
    ++given_out_;
    while (given_out_ > radius + 1) {
      entries_.pop_front();
      --given_out_;
    }
  }
}

std::vector<PosedFrame> PoseTrack::take() { return std::exchange(ready_, {}); }

}  // namespace avsr::preprocessing
