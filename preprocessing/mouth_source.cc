#include "preprocessing/mouth_source.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>
#include <utility>

#include "preprocessing/mouth_stream.h"
#include "preprocessing/mouth_tracks.h"
#include "preprocessing/speaking_mouth.h"

namespace avsr::preprocessing {
namespace {

class LargestMouth : public MouthSource {
 public:
  LargestMouth(std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink)
      : stream_(std::move(model), settings, std::move(sink)) {}
  void push(const uint8_t* pixels, int height, int width) override { stream_.push(pixels, height, width); }
  void finish() override { stream_.finish(); }

 private:
  MouthStream stream_;
};

class NumberedMouth : public MouthSource {
 public:
  NumberedMouth(int number, std::shared_ptr<const FaceModel> model, const TrackedCropSettings& settings, Sink sink)
      : size_(settings.size),
        sink_(std::move(sink)),
        tracks_(
            std::move(model), settings,
            [this, number](int track, MouthFrame&& frame) {
              if (track == number) give(std::move(frame));
            },
            [](const FaceTrack&) {}) {}
  void push(const uint8_t* pixels, int height, int width) override {
    tracks_.push(pixels, height, width);
    ++pushed_;
    give_faceless(tracks_.settled());
  }
  void finish() override {
    tracks_.finish();
    give_faceless(pushed_);
  }

 private:
  void give(MouthFrame&& frame) {
    give_faceless(frame.index);
    ++next_;
    sink_(std::move(frame));
  }
  void give_faceless(int64_t end) {
    while (next_ < end) sink_(no_mouth(next_++, size_));
  }

  int size_;
  int64_t next_ = 0, pushed_ = 0;
  Sink sink_;
  MouthTracks tracks_;
};

}  // namespace

FaceChoice FaceChoice::from(const std::string& text) {
  if (text == "largest") return {};
  if (text == "speaking") return {Kind::speaking, 0};
  if (text == "all") return {Kind::all, 0};
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1)
    throw std::invalid_argument(
        fmt::format("[face] expected largest, speaking, all or the number of a face (1, 2, …), got '{}'", text));
  return {Kind::number, number};
}

std::string FaceChoice::text() const {
  switch (kind) {
    case Kind::largest:
      return "largest";
    case Kind::speaking:
      return "speaking";
    case Kind::all:
      return "all";
    case Kind::number:
      break;
  }
  return std::to_string(number);
}

std::unique_ptr<MouthSource> make_mouth_source(const FaceChoice& choice, std::shared_ptr<const FaceModel> model,
                                               const TrackedCropSettings& settings, MouthSource::Sink sink) {
  switch (choice.kind) {
    case FaceChoice::Kind::largest:
      return std::make_unique<LargestMouth>(std::move(model), settings, std::move(sink));
    case FaceChoice::Kind::number:
      return std::make_unique<NumberedMouth>(choice.number, std::move(model), settings, std::move(sink));
    case FaceChoice::Kind::speaking:
      return std::make_unique<SpeakingMouth>(std::move(model), settings, std::move(sink));
    case FaceChoice::Kind::all:
      break;
  }
  throw std::invalid_argument("[face] all faces are not one mouth: each track is read by itself");
}

}  // namespace avsr::preprocessing
