#include "pipeline/recognition/heard_faces.h"

#include <algorithm>
#include <utility>

namespace avsr::pipeline {
namespace {

int face_at(std::span<const SeenFace> seen, double seconds) {
  const auto frame = static_cast<int64_t>(seconds * io::kFramesPerSecond);
  const auto behind =
      std::upper_bound(seen.begin(), seen.end(), frame, [](int64_t f, const SeenFace& face) { return f < face.first; });
  if (behind == seen.begin() || std::prev(behind)->end <= frame) return kNoFace;
  return std::prev(behind)->track;
}

}  // namespace

void name_faces(std::span<const SeenFace> seen, Heard& heard) {
  for (SpokenWord& spoken : heard.words)
    spoken.face = face_at(seen, (spoken.word.start_seconds + spoken.word.end_seconds) / 2);
  for (Segment& segment : heard.segments)
    segment.face = face_at(seen, (segment.start_seconds + segment.end_seconds) / 2);
}

void add_face(const preprocessing::FaceTrack& track, Heard&& said, Heard& heard) {
  const double start = static_cast<double>(track.first_frame) / io::kFramesPerSecond;
  if (track.frames < kFewestFaceFrames) {
    Segment brief;
    brief.end_seconds = static_cast<double>(track.frames) / io::kFramesPerSecond;
    brief.missing = "seen too briefly";
    said = {{}, {brief}};
  }
  for (SpokenWord& spoken : said.words) {
    spoken.face = track.number;
    spoken.word.start_seconds += start;
    spoken.word.end_seconds += start;
    heard.words.push_back(std::move(spoken));
  }
  for (Segment& segment : said.segments) {
    segment.face = track.number;
    segment.start_seconds += start;
    segment.end_seconds += start;
    heard.segments.push_back(std::move(segment));
  }
}

void sort_by_time(Heard& heard) {
  std::stable_sort(heard.words.begin(), heard.words.end(), [](const SpokenWord& a, const SpokenWord& b) {
    return a.word.start_seconds < b.word.start_seconds;
  });
  std::stable_sort(heard.segments.begin(), heard.segments.end(),
                   [](const Segment& a, const Segment& b) { return a.start_seconds < b.start_seconds; });
}

}  // namespace avsr::pipeline
