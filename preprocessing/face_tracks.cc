#include "preprocessing/face_tracks.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "preprocessing/face_follower.h"

namespace avsr::preprocessing {
namespace {

// A face behind a cut goes on with a track only where it lies and looks as this. Pictures of different people of GRID
// correlate by 0.81 at most, neighbouring ones of one clip by 0.97 in the median.
constexpr double kSamePlace = 0.5, kSameLook = 0.8;
constexpr int64_t kShortestShot = 5;  // frames; a face that one detector run saw in a shorter one does not count

struct Track {
  Track(const TrackerSettings& settings, int64_t t) : face(settings), first(t), last(t) {}

  FaceFollower face;
  FacePatch look;  // when the detector saw it last
  int number = 0;  // 0: not yet
  int64_t first;   // frame
  int64_t last;    // newest frame that shows the face
  bool live = true;
  bool cut_since = false;  // since it was lost
  bool failed = false;     // not found near its place in the current frame
  bool ended = false;
  std::vector<TrackedFace> waiting;  // known, but not yet given out: gaps at the end may be the track's end
};

bool is_gap(const TrackedFace& face) { return !face.landmarks && !face.skipped; }

}  // namespace

struct FaceTracks::State {
  State(std::shared_ptr<const FaceModel> face_model, const TrackerSettings& chosen, int64_t gap)
      : settings(chosen), longest_gap(gap), finder(std::move(face_model)) {}

  void step(int64_t t);
  void cut(int64_t t);
  void follow(Track& track, int64_t t);
  void survey(int64_t t);
  void match_failed(std::vector<FaceBox>& boxes, int64_t t);
  bool revive(const FaceBox& box, int64_t t);
  void begin(const FaceBox& box, int64_t t);
  void see(Track& track, const FaceBox& box, bool same, bool new_shot, int64_t t);
  void lose(Track& track);
  void collect(Track& track);
  void end_doubles();
  bool survey_is_due(int64_t t) const;
  std::vector<TrackNews> news(int64_t t, bool at_end);

  TrackerSettings settings;
  int64_t longest_gap;
  FaceFinder finder;
  std::vector<Track> tracks;  // not ended, in the order of their beginning
  int64_t count = 0, newest_cut = -1, last_survey = -1;
  int height = 0, width = 0, numbers = 0;
};

void FaceTracks::State::see(Track& track, const FaceBox& box, bool same, bool new_shot, int64_t t) {
  track.face.see(finder, t, box, same, new_shot);
  track.look = finder.patch(box);
  track.live = true;
  track.failed = track.cut_since = false;
  if (same && track.number == 0) track.number = ++numbers;
}

// Takes over what the follower knows. A lost track has no gap at its end: it stays as it was until its face comes back.
void FaceTracks::State::collect(Track& track) {
  const std::vector<TrackedFace> known = track.face.take();
  track.waiting.insert(track.waiting.end(), known.begin(), known.end());
  if (!track.live)
    while (!track.waiting.empty() && is_gap(track.waiting.back())) track.waiting.pop_back();
  if (!track.waiting.empty()) track.last = track.waiting.back().index;
}

void FaceTracks::State::lose(Track& track) {
  track.face.drop();
  track.live = track.failed = false;
  collect(track);
  if (track.number == 0) track.ended = true;
}

void FaceTracks::State::cut(int64_t t) {
  newest_cut = t;
  for (Track& track : tracks) {
    if (track.live) {
      track.face.confirm();  // the cut explains what follows; the frames before it were one shot
      if (track.number == 0 && t - track.first >= kShortestShot) track.number = ++numbers;
      track.ended = track.number == 0;
      track.live = false;
      collect(track);
    }
    track.cut_since = true;
  }
}

void FaceTracks::State::follow(Track& track, int64_t t) {
  if (!track.face.due(t) && track.face.follow(finder, t)) return;
  const FaceBox& expected = track.face.box();
  const std::optional<FaceBox> found = finder.search_near(expected);
  if (found && overlap(*found, expected) > kSameFace) {
    see(track, *found, true, false, t);
  } else {
    track.failed = true;
  }
}

bool FaceTracks::State::survey_is_due(int64_t t) const {
  if (last_survey < 0 || t == newest_cut || t - last_survey >= settings.survey_interval) return true;
  const auto has = [&](auto&& what) { return std::any_of(tracks.begin(), tracks.end(), what); };
  if (has([](const Track& track) { return track.failed; })) return true;
  const bool one_is_missed = has([](const Track& track) { return !track.live && !track.ended; });
  const bool nobody = !has([](const Track& track) { return track.live; });
  return (one_is_missed || nobody) && t - last_survey >= settings.search_interval;
}

// Faces that were not found near their place, but in the whole image all the same.
void FaceTracks::State::match_failed(std::vector<FaceBox>& boxes, int64_t t) {
  for (Track& track : tracks) {
    if (!track.failed) continue;
    const auto found = std::find_if(boxes.begin(), boxes.end(),
                                    [&](const FaceBox& box) { return overlap(box, track.face.box()) > kSameFace; });
    if (found == boxes.end()) {
      lose(track);
    } else {
      see(track, *found, true, false, t);
      boxes.erase(found);
    }
  }
}

// A track that was lost goes on where the box is its.
bool FaceTracks::State::revive(const FaceBox& box, int64_t t) {
  for (Track& track : tracks) {
    if (track.live || track.ended) continue;
    const double shared = overlap(box, track.face.box());
    const bool same = track.cut_since ? shared > kSamePlace && likeness(finder.patch(box), track.look) > kSameLook
                                      : shared > kSameFace;
    if (!same) continue;
    const bool new_shot = track.cut_since && newest_cut == t;
    for (int64_t gap = track.last + 1; gap < t; ++gap)
      track.waiting.push_back({gap, false, std::nullopt, track.cut_since && gap == newest_cut});
    see(track, box, false, new_shot, t);
    return true;
  }
  return false;
}

void FaceTracks::State::begin(const FaceBox& box, int64_t t) {
  tracks.emplace_back(settings, t);
  see(tracks.back(), box, false, false, t);
}

void FaceTracks::State::survey(int64_t t) {
  last_survey = t;
  std::vector<FaceBox> boxes = finder.search_all(settings.search_size);
  match_failed(boxes, t);
  std::erase_if(boxes, [&](const FaceBox& box) {
    return std::any_of(tracks.begin(), tracks.end(),
                       [&](const Track& track) { return track.live && overlap(box, track.face.box()) > kSameFace; });
  });
  std::erase_if(boxes, [&](const FaceBox& box) { return revive(box, t); });
  const auto live = std::count_if(tracks.begin(), tracks.end(), [](const Track& track) { return track.live; });
  const auto room = static_cast<size_t>(std::max<int64_t>(0, settings.most_faces - live));
  if (boxes.size() > room) boxes.resize(room);  // the largest come first
  std::sort(boxes.begin(), boxes.end(), [](const FaceBox& a, const FaceBox& b) { return a.x < b.x; });
  for (const FaceBox& box : boxes) begin(box, t);
}

// Two tracks that have come to follow one face: the older one keeps it.
void FaceTracks::State::end_doubles() {
  for (size_t i = 1; i < tracks.size(); ++i) {
    for (size_t k = 0; k < i && tracks[i].live; ++k)
      if (tracks[k].live && overlap(tracks[i].face.box(), tracks[k].face.box()) > kSamePlace) lose(tracks[i]);
  }
}

void FaceTracks::State::step(int64_t t) {
  if (finder.change() > settings.scene_cut) cut(t);
  for (Track& track : tracks)
    if (track.live) follow(track, t);
  if (survey_is_due(t)) survey(t);
  end_doubles();
}

std::vector<TrackNews> FaceTracks::State::news(int64_t t, bool at_end) {
  std::vector<TrackNews> all;
  for (Track& track : tracks) {
    collect(track);
    track.ended |= at_end || (!track.live && t - track.last > longest_gap);
    if (track.number == 0 || (track.waiting.empty() && !track.ended)) continue;
    all.push_back({track.number, std::exchange(track.waiting, {}), track.face.box().side, track.ended});
  }
  std::erase_if(tracks, [](const Track& track) { return track.ended; });
  std::sort(all.begin(), all.end(), [](const TrackNews& a, const TrackNews& b) { return a.track < b.track; });
  return all;
}

FaceTracks::FaceTracks(std::shared_ptr<const FaceModel> model, const TrackerSettings& settings, int64_t longest_gap) {
  settings.validate();
  if (!model) throw std::invalid_argument("[face tracks] expected a face model, got none");
  if (longest_gap < 0) throw std::invalid_argument("[face tracks] longest_gap must not be negative");
  state_ = std::make_unique<State>(std::move(model), settings, longest_gap);
}

FaceTracks::~FaceTracks() = default;

std::vector<TrackNews> FaceTracks::push(const uint8_t* pixels, int height, int width) {
  State& s = *state_;
  if (height < 1 || width < 1 || (s.count > 0 && (height != s.height || width != s.width))) {
    throw std::invalid_argument(
        fmt::format("[face tracks] expected frames of {} x {}, got {} x {}", s.height, s.width, height, width));
  }
  s.height = height;
  s.width = width;
  s.finder.look_at(pixels, height, width);
  const int64_t t = s.count++;
  s.step(t);
  return s.news(t, false);
}

std::vector<TrackNews> FaceTracks::finish() {
  State& s = *state_;
  // The last frames have no later detector run to confirm them: look once more at the very last.
  for (Track& track : s.tracks) {
    if (!track.live || track.face.pending().empty()) continue;
    const int64_t last = track.face.take_back_last();
    const FaceBox expected = track.face.box();
    const std::optional<FaceBox> found = s.finder.search_near(expected);
    if (found && overlap(*found, expected) > kSameFace) {
      s.see(track, *found, true, false, last);
    } else {
      track.failed = true;
    }
  }
  std::vector<FaceBox> boxes;
  if (std::any_of(s.tracks.begin(), s.tracks.end(), [](const Track& track) { return track.failed; }))
    boxes = s.finder.search_all(s.settings.search_size);
  s.match_failed(boxes, s.count - 1);
  return s.news(s.count, true);
}

int64_t FaceTracks::undecided_from() const {
  int64_t first = state_->count;
  for (const Track& track : state_->tracks)
    if (track.number == 0) first = std::min(first, track.first);
  return first;
}

}  // namespace avsr::preprocessing
