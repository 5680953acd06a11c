// From the faces of single frames to one smooth path of the mouth: gaps filled, landmarks smoothed, poses fitted.
#pragma once

#include <deque>
#include <vector>

#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {

struct PosedFrame {
  int64_t index = 0;
  bool face = false;          // false: no face here or near; landmarks and pose are meaningless
  bool interpolated = false;  // no face in this frame itself
  bool new_shot = false;      // TrackedFace::new_shot
  Landmarks landmarks;        // gaps filled, not smoothed
  MouthPose pose;             // smoothed
};

// The similarity that lays the mean face's stable points (eye corners, base of the nose) on the given landmarks, least
// squares (Umeyama 1991), and the mean of the lip points as centre.
MouthPose fit_pose(const Landmarks& landmarks, const TrackedCropSettings& settings);

// Streaming: holds back the frames that wait for a later face or for their right-hand neighbours.
class PoseTrack {
 public:
  // longest_gap: more unknown frames in a row than this are given out as having no face.
  PoseTrack(const TrackedCropSettings& settings, int64_t longest_gap)
      : settings_(settings), longest_gap_(longest_gap) {}
  void push(const TrackedFace& face);
  void finish();
  std::vector<PosedFrame> take();  // what became ready, in order

 private:
  struct Entry {
    PosedFrame frame;
    bool filled = false;
  };
  void fill_gap(const Landmarks& next, bool next_is_new_shot);
  void give_up_gap();
  void give_out();
  MouthPose smooth_pose(size_t position) const;

  TrackedCropSettings settings_;
  int64_t longest_gap_;
  std::deque<Entry> entries_;  // given out but still a neighbour, then waiting
  size_t given_out_ = 0;       // entries at the front that were given out
  size_t unfilled_ = 0;        // entries at the back without landmarks
  bool finished_ = false;
  std::vector<PosedFrame> ready_;
};

}  // namespace avsr::preprocessing
