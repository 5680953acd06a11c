#include "preprocessing/face_tracker.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "preprocessing/face_follower.h"

namespace avsr::preprocessing {

void TrackerSettings::validate() const {
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[face tracker] {}", what));
  };
  require(verify_interval >= 1, "verify_interval must be at least 1");
  require(search_interval >= 1, "search_interval must be at least 1");
  require(landmark_interval >= 1, "landmark_interval must be at least 1");
  require(search_size >= 80, "search_size must be at least 80, the detector's window");
  require(scene_cut > 0, "scene_cut must be positive");
  require(survey_interval >= 1, "survey_interval must be at least 1");
  require(most_faces >= 1, "most_faces must be at least 1");
}

struct FaceTracker::State {
  State(std::shared_ptr<const FaceModel> face_model, const TrackerSettings& chosen)
      : settings(chosen), finder(std::move(face_model)), face(chosen) {}

  void track(int64_t t);
  void verify(int64_t t);
  bool search(int64_t t);
  void seen(int64_t t, const FaceBox& box, bool same_face);
  void emit_missing(int64_t t) { face.miss(t, t == newest_cut); }
  bool is_other_face(const FaceBox& found) const;

  TrackerSettings settings;
  FaceFinder finder;
  FaceFollower face;
  int64_t count = 0;
  int height = 0, width = 0;
  bool tracking = false;
  bool seen_any = false;
  int64_t newest_cut = -1;  // the frame behind it
  int64_t last_search = -1;
};

// Whether the face lies elsewhere than the one that was tracked last.
bool FaceTracker::State::is_other_face(const FaceBox& found) const {
  return seen_any && overlap(found, face.box()) <= kSameFace;
}

// A face confirmed by the detector in the current frame.
void FaceTracker::State::seen(int64_t t, const FaceBox& found, bool same_face) {
  const bool new_shot = t == newest_cut || is_other_face(found);
  face.see(finder, t, found, same_face, new_shot);
  tracking = seen_any = true;
}

bool FaceTracker::State::search(int64_t t) {
  last_search = t;
  const std::optional<FaceBox> found = finder.search(settings.search_size);
  if (!found) return false;
  seen(t, *found, tracking && overlap(*found, face.box()) > kSameFace);
  return true;
}

void FaceTracker::State::verify(int64_t t) {
  const std::optional<FaceBox> found = finder.search_near(face.box());
  if (found && overlap(*found, face.box()) > kSameFace) {
    seen(t, *found, true);
  } else if (!search(t)) {
    face.drop();
    tracking = false;
    emit_missing(t);
  }
}

void FaceTracker::State::track(int64_t t) {
  if (finder.change() > settings.scene_cut) {
    newest_cut = t;
    if (tracking) {
      face.confirm();  // the cut explains what follows; the frames before it were one shot
      tracking = false;
      last_search = -1;
    }
  }
  if (!tracking) {
    if (last_search >= 0 && t - last_search < settings.search_interval) return emit_missing(t);
    if (!search(t)) emit_missing(t);
  } else if (face.due(t) || !face.follow(finder, t)) {
    verify(t);
  }
}

FaceTracker::FaceTracker(std::shared_ptr<const FaceModel> model, const TrackerSettings& settings) {
  settings.validate();
  if (!model) throw std::invalid_argument("[face tracker] expected a face model, got none");
  state_ = std::make_unique<State>(std::move(model), settings);
}

FaceTracker::~FaceTracker() = default;

std::vector<TrackedFace> FaceTracker::push(const uint8_t* pixels, int height, int width) {
  State& s = *state_;
  if (height < 1 || width < 1 || (s.count > 0 && (height != s.height || width != s.width))) {
    throw std::invalid_argument(
        fmt::format("[face tracker] expected frames of {} x {}, got {} x {}", s.height, s.width, height, width));
  }
  s.height = height;
  s.width = width;
  s.finder.look_at(pixels, height, width);
  s.track(s.count++);
  return s.face.take();
}

std::vector<TrackedFace> FaceTracker::finish() {
  State& s = *state_;
  // The last frames have no later detector run to confirm them: look once more at the very last.
  if (!s.face.pending().empty()) s.verify(s.face.take_back_last());
  return s.face.take();
}

}  // namespace avsr::preprocessing
