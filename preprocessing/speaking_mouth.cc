#include "preprocessing/speaking_mouth.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

namespace avsr::preprocessing {
namespace {

constexpr int kReach = 37;         // frames on each side
constexpr int kFewestFrames = 12;  // with motion, for a correlation to mean anything
constexpr double kBetter = 0.1;    // than the face chosen before, to take its place

}  // namespace

SpeakingMouth::SpeakingMouth(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink)
    : size_(settings.size),
      sink_(std::move(sink)),
      tracks_(
          std::move(model), settings, [this](int track, MouthFrame&& frame) { take(track, std::move(frame)); },
          [](const FaceTrack&) {}) {}

void SpeakingMouth::take(int track, MouthFrame&& frame) {
  const auto [found, fresh] = faces_.try_emplace(track, size_);
  Face& face = found->second;
  if (fresh) face.first = frame.index;
  face.motion.push_back(face.meter.push(frame));
  undecided_[frame.index].emplace(track, std::move(frame));
}

void SpeakingMouth::push(const uint8_t* pixels, int height, int width) {
  tracks_.push(pixels, height, width);
  ++pushed_;
  decide(tracks_.settled() - kReach);
}

void SpeakingMouth::finish() {
  tracks_.finish();
  decide(pushed_);
}

void SpeakingMouth::decide(int64_t end) {
  for (; next_ < end; ++next_) give(next_);
  forget(next_ - kReach - 1);
}

void SpeakingMouth::give(int64_t t) {
  const auto found = undecided_.find(t);
  if (found == undecided_.end()) return sink_(no_mouth(t, size_));
  const int before = chosen_;
  chosen_ = choose(t, found->second);
  MouthFrame frame = std::move(found->second.at(chosen_));
  undecided_.erase(found);
  frame.new_shot |= before != 0 && chosen_ != before;
  sink_(std::move(frame));
}

int SpeakingMouth::choose(int64_t t, const std::map<int, MouthFrame>& faces) {
  if (faces.size() == 1) return faces.begin()->first;
  int best = 0;
  double best_score = 0;
  for (const auto& [track, frame] : faces) {
    const double value = score(faces_.at(track), t) + (track == chosen_ ? kBetter : 0);
    if (best == 0 || value > best_score) best = track, best_score = value;
  }
  return best;
}

double SpeakingMouth::score(const Face& face, int64_t t) const {
  const int64_t end = face.first + static_cast<int64_t>(face.motion.size());
  const int64_t from = std::max(face.first, t - kReach), to = std::min(end, t + kReach + 1);
  if (to <= from) return 0;
  const auto lead = static_cast<int64_t>(std::lround(kMotionLead * kBlocksPerFrame * io::kFramesPerSecond));
  const std::vector<float> level =
      loudness(energy_, from * kBlocksPerFrame - lead, static_cast<int>(to - from) * kBlocksPerFrame);
  const std::span motion =
      std::span(face.motion).subspan(static_cast<size_t>(from - face.first), static_cast<size_t>(to - from));
  return correlation(motion, level, kFewestFrames);
}

void SpeakingMouth::forget(int64_t before) {
  energy_.drop_before((before - 1) * kBlocksPerFrame);
  for (auto& [track, face] : faces_) {
    const int64_t old = std::clamp<int64_t>(before - face.first, 0, static_cast<int64_t>(face.motion.size()));
    face.motion.erase(face.motion.begin(), face.motion.begin() + old);
    face.first += old;
  }
  std::erase_if(faces_, [&](const auto& entry) { return entry.second.motion.empty(); });
}

}  // namespace avsr::preprocessing
