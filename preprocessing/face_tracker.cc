#include "preprocessing/face_tracker.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "preprocessing/face_finder.h"

namespace avsr::preprocessing {
namespace {

// Where the landmarks lie and how far they spread: the yardstick of the tracked box.
struct Spread {
  double x = 0, y = 0, size = 0;
};

Spread spread_of(const Landmarks& landmarks) {
  Spread s;
  for (const Point& p : landmarks) s.x += p.x / landmarks.size(), s.y += p.y / landmarks.size();
  for (const Point& p : landmarks) s.size += (p.x - s.x) * (p.x - s.x) + (p.y - s.y) * (p.y - s.y);
  s.size = std::sqrt(s.size / landmarks.size());
  return s;
}

// The detector's box in units of the landmarks' spread, so that it can be put back around later landmarks.
struct BoxRelation {
  double x = 0, y = 0, side = 0;

  static BoxRelation of(const FaceBox& box, const Spread& s) {
    return {(box.x - s.x) / s.size, (box.y - s.y) / s.size, box.side / s.size};
  }
  FaceBox around(const Spread& s) const { return {s.x + x * s.size, s.y + y * s.size, side * s.size}; }
  // The detector's boxes jump between the steps of its pyramid; their mean does not.
  void blend(const BoxRelation& other) {
    x = (x + other.x) / 2;
    y = (y + other.y) / 2;
    side = (side + other.side) / 2;
  }
};

constexpr double kSameFace = 0.3;  // intersection over union of two boxes of one face

}  // namespace

void TrackerSettings::validate() const {
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[face tracker] {}", what));
  };
  require(verify_interval >= 1, "verify_interval must be at least 1");
  require(search_interval >= 1, "search_interval must be at least 1");
  require(landmark_interval >= 1, "landmark_interval must be at least 1");
  require(search_size >= 80, "search_size must be at least 80, the detector's window");
  require(scene_cut > 0, "scene_cut must be positive");
}

struct FaceTracker::State {
  State(std::shared_ptr<const FaceModel> face_model, const TrackerSettings& chosen)
      : settings(chosen), finder(std::move(face_model)) {}

  void track(int64_t t);
  void follow(int64_t t);
  void verify(int64_t t);
  bool search(int64_t t);
  void seen(int64_t t, const FaceBox& box, bool same_face);
  void confirm();
  void drop();
  void emit_missing(int64_t t) { known.push_back({t, false, std::nullopt, t == newest_cut}); }
  bool is_other_face(const FaceBox& found) const;

  TrackerSettings settings;
  FaceFinder finder;
  int64_t count = 0;
  int height = 0, width = 0;
  bool tracking = false;
  bool seen_any = false;
  int64_t newest_cut = -1;  // the frame behind it
  FaceBox box;              // where the face is expected while tracking, and was last seen otherwise
  BoxRelation relation;
  Spread spread;  // of the newest landmarks
  int64_t last_verified = 0, last_landmarks = 0, last_search = -1;
  std::vector<TrackedFace> pending;  // since the last verification
  std::vector<TrackedFace> known;    // ready to be returned
};

void FaceTracker::State::confirm() {
  known.insert(known.end(), pending.begin(), pending.end());
  pending.clear();
}

void FaceTracker::State::drop() {
  for (const TrackedFace& face : pending) emit_missing(face.index);
  pending.clear();
}

// Whether the face lies elsewhere than the one that was tracked last.
bool FaceTracker::State::is_other_face(const FaceBox& found) const {
  return seen_any && overlap(found, box) <= kSameFace;
}

// A face confirmed by the detector in the current frame.
void FaceTracker::State::seen(int64_t t, const FaceBox& found, bool same_face) {
  const Landmarks landmarks = finder.landmarks(same_face ? box : found);
  const bool new_shot = t == newest_cut || is_other_face(found);
  same_face ? confirm() : drop();
  spread = spread_of(landmarks);
  const BoxRelation fresh = BoxRelation::of(found, spread);
  if (same_face) {
    relation.blend(fresh);
  } else {
    relation = fresh;
  }
  box = relation.around(spread);
  tracking = seen_any = true;
  last_verified = last_landmarks = t;
  known.push_back({t, false, landmarks, new_shot});
}

bool FaceTracker::State::search(int64_t t) {
  last_search = t;
  const std::optional<FaceBox> found = finder.search(settings.search_size);
  if (!found) return false;
  seen(t, *found, tracking && overlap(*found, box) > kSameFace);
  return true;
}

void FaceTracker::State::verify(int64_t t) {
  if (const std::optional<FaceBox> found = finder.search_near(box); found && overlap(*found, box) > kSameFace) {
    seen(t, *found, true);
  } else if (!search(t)) {
    drop();
    tracking = false;
    emit_missing(t);
  }
}

void FaceTracker::State::follow(int64_t t) {
  const Landmarks landmarks = finder.landmarks(box);
  const Spread now = spread_of(landmarks);
  // Landmarks that jump or shrink between neighbouring frames are not a face any more.
  const double moved = std::hypot(now.x - spread.x, now.y - spread.y) / spread.size;
  const double grown = now.size / spread.size;
  if (moved > 0.5 || grown > 1.3 || grown < 0.75) return verify(t);
  spread = now;
  box = relation.around(spread);
  last_landmarks = t;
  pending.push_back({t, false, landmarks});
}

void FaceTracker::State::track(int64_t t) {
  if (finder.change() > settings.scene_cut) {
    newest_cut = t;
    if (tracking) {
      confirm();  // the cut explains what follows; the frames before it were one shot
      tracking = false;
      last_search = -1;
    }
  }
  if (!tracking) {
    if (last_search >= 0 && t - last_search < settings.search_interval) return emit_missing(t);
    if (!search(t)) emit_missing(t);
  } else if (t - last_verified >= settings.verify_interval) {
    verify(t);
  } else if (t - last_landmarks < settings.landmark_interval) {
    pending.push_back({t, true, std::nullopt});
  } else {
    follow(t);
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
  return std::exchange(s.known, {});
}

std::vector<TrackedFace> FaceTracker::finish() {
  State& s = *state_;
  if (!s.pending.empty()) {
    // The last frames have no later detector run to confirm them: look once more at the very last.
    const int64_t last = s.pending.back().index;
    s.pending.pop_back();
    s.verify(last);
  }
  return std::exchange(s.known, {});
}

}  // namespace avsr::preprocessing
