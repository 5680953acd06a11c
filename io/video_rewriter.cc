#include "io/video_rewriter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "io/colour_converter.h"
#include "io/media_reader.h"
#include "io/video_track.h"
#include "io/video_writer.h"

namespace avsr::io {

namespace {

VideoTrack open_video(const std::string& path) {
  ffmpeg::Input input = open_input(path);
  const int index = pick_stream(*input, AVMEDIA_TYPE_VIDEO);
  if (index < 0) throw std::runtime_error(fmt::format("{}: has no video track", path));
  return VideoTrack(std::move(input), index, path, 1);
}

// The sound in step with the pictures, a second at a time.
class Sound {
 public:
  explicit Sound(const std::string& path) : reader_(MediaReader::open(path, {.video = false, .allow_damaged = true})) {}

  // Up to the end of `frames` frames, counted from the start; silence where it has ended.
  void give(VideoWriter& writer, int64_t frames) {
    const int64_t wanted = frames * kSamplesPerFrame - given_;
    while (static_cast<int64_t>(waiting_.size()) < wanted && reader_.next_chunk(chunk_))
      waiting_.insert(waiting_.end(), chunk_.audio.samples.begin(), chunk_.audio.samples.end());
    if (static_cast<int64_t>(waiting_.size()) < wanted) waiting_.resize(static_cast<size_t>(wanted), 0.f);
    writer.add_samples(waiting_.data(), static_cast<size_t>(wanted));
    waiting_.erase(waiting_.begin(), waiting_.begin() + wanted);
    given_ += wanted;
  }

 private:
  MediaReader reader_;
  MediaChunk chunk_;
  std::vector<float> waiting_;
  int64_t given_ = 0;
};

int even_side(double side) { return std::max(16, static_cast<int>(std::lround(side / 2)) * 2); }

bool has_sound(const std::string& path) {
  const ffmpeg::Input input = open_input(path);
  return pick_stream(*input, AVMEDIA_TYPE_AUDIO) >= 0;
}

}  // namespace

void RewriteOptions::validate() const {
  if (longest_side < 0 || (longest_side > 0 && longest_side < 16))
    throw std::invalid_argument(
        fmt::format("[video rewriter] expected a longest side of 0 or at least 16, got {}", longest_side));
}

void rewrite_video(const std::string& from, const std::string& to, const RewriteOptions& options, const DrawOn& draw) {
  options.validate();
  VideoTrack video = open_video(from);
  ColourConverter converter(video.orientation());
  const int longest = std::max(video.width(), video.height());
  const double scale =
      options.longest_side > 0 ? std::min(1., options.longest_side / static_cast<double>(longest)) : 1.;
  VideoWriterOptions written;
  written.width = even_side(video.width() * scale);
  written.height = even_side(video.height() * scale);
  written.crf = options.crf;
  std::optional<Sound> sound;
  if (has_sound(from)) sound.emplace(from);
  if (!sound) written.audio_rate = 0;
  VideoWriter writer(to, written);
  std::vector<uint8_t> picture(static_cast<size_t>(written.width) * written.height * 3);
  int64_t frame = 0;
  for (; video.advance(frame); ++frame) {
    converter.convert(video.picture(), picture.data(), written.width, written.height);
    if (draw) draw(frame, picture.data(), written.height, written.width);
    writer.add_frame(picture.data());
    if (sound && frame % static_cast<int64_t>(kFramesPerSecond) == 0) sound->give(writer, frame + 1);
  }
  if (sound) sound->give(writer, frame);
  writer.finish();
}

}  // namespace avsr::io
