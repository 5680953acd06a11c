// The mouth of whoever is speaking.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "preprocessing/mouth_motion.h"
#include "preprocessing/mouth_source.h"
#include "preprocessing/mouth_tracks.h"

namespace avsr::preprocessing {

// Note [Who is speaking]
// For each face in a frame its mouth's motion is correlated with the sound's loudness (Note [Mouth motion and
// loudness]) over the 3 seconds around the frame, as far as the face is seen there. The best one is taken; another than
// the one before only where it is better by 0.1, so that the choice does not flicker in pauses. A face that is alone is
// taken whatever it does. Sound and picture should be in step: a recording that is not is corrected first
// (av_offset.h). How often this is right: docs/results.md.
class SpeakingMouth : public MouthSource {
 public:
  SpeakingMouth(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink);
  void push_sound(std::span<const float> samples) override { energy_.push(samples); }
  void push(const uint8_t* pixels, int height, int width) override;
  void finish() override;

 private:
  struct Face {
    explicit Face(int crop_size) : meter(crop_size) {}
    MouthMotion meter;
    int64_t first = 0;                         // frame of motion[0]
    std::vector<std::optional<float>> motion;  // of frames in a row
  };
  void take(int track, MouthFrame&& frame);
  void decide(int64_t end);
  void give(int64_t t);
  int choose(int64_t t, const std::map<int, MouthFrame>& faces);
  double score(const Face& face, int64_t t) const;
  void forget(int64_t before);

  int size_;
  Sink sink_;
  SoundEnergy energy_;
  std::map<int, Face> faces_;                               // by track
  std::map<int64_t, std::map<int, MouthFrame>> undecided_;  // by frame and track
  int64_t next_ = 0, pushed_ = 0;
  int chosen_ = 0;  // track; 0: none yet
  MouthTracks tracks_;
};

}  // namespace avsr::preprocessing
