#include "preprocessing/mouth_stream.h"

#include <stdexcept>

#include "preprocessing/picture_queue.h"
#include "preprocessing/pose_track.h"
#include "preprocessing/quality_counter.h"

namespace avsr::preprocessing {

struct MouthStream::State {
  State(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& chosen, Sink receiver)
      : settings(chosen),
        sink(std::move(receiver)),
        tracker(std::move(model), chosen.tracker),
        path(chosen, chosen.longest_gap) {}
  void give_out();

  TrackedCropSettings settings;
  Sink sink;
  FaceTracker tracker;
  PoseTrack path;
  QualityCounter counter;
  int height = 0, width = 0;
  bool finished = false;
  PictureQueue pictures;  // not given out yet
};

void MouthStream::State::give_out() {
  for (const PosedFrame& posed : path.take()) {
    MouthFrame frame = cut_mouth(posed, pictures.at(posed.index), height, width, settings.size);
    counter.add(frame.face && !frame.interpolated, frame.outside);
    pictures.drop_before(posed.index + 1);
    sink(std::move(frame));
  }
}

MouthStream::MouthStream(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink) {
  settings.validate();
  if (!sink) throw std::invalid_argument("[mouth stream] expected a sink, got none");
  state_ = std::make_unique<State>(std::move(model), settings, std::move(sink));
}

MouthStream::~MouthStream() = default;

void MouthStream::push(const uint8_t* pixels, int height, int width) {
  State& s = *state_;
  if (s.finished) throw std::invalid_argument("[mouth stream] push after finish");
  const std::vector<TrackedFace> faces = s.tracker.push(pixels, height, width);  // checks the size
  s.height = height;
  s.width = width;
  s.pictures.push(pixels, static_cast<size_t>(height) * width);
  for (const TrackedFace& face : faces) s.path.push(face);
  s.give_out();
}

void MouthStream::finish() {
  State& s = *state_;
  if (s.finished) return;
  s.finished = true;
  for (const TrackedFace& face : s.tracker.finish()) s.path.push(face);
  s.path.finish();
  s.give_out();
}

io::CropQuality MouthStream::quality() const { return state_->counter.quality(state_->settings); }

}  // namespace avsr::preprocessing
