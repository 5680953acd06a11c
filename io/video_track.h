// The picture of a file on the 25-per-second grid of Note [Alignment of sound and picture].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/luma.h"
#include "io/track_decoder.h"

namespace avsr::io {

class VideoTrack {
 public:
  // Decodes the first frame, whose time becomes time 0. Throws std::runtime_error when there is none.
  VideoTrack(ffmpeg::Input input, int stream_index, const std::string& path, int threads);

  double zero_seconds() const { return zero_; }  // of time 0, on the file's own clock
  int width() const { return width_; }           // upright
  int height() const { return height_; }
  int rotation_degrees() const { return orientation_.clockwise_degrees(); }
  double source_fps() const;  // by the header; once the track has been read to its end, by its frames' times
  std::string pixel_format() const;
  bool resized() const { return resized_; }  // pictures of another size than the first one's were scaled

  // Goes on to grid frame k, never backwards. False when k lies beyond the end.
  bool advance(int64_t k);
  void copy(uint8_t* out);  // the current grid frame: (height, width)
  // The same as it was decoded, for those who want more of it than its grey levels.
  const AVFrame& picture() const { return *current_.frame; }
  Orientation orientation() const { return orientation_; }

  TrackDecoder& decoder() { return decoder_; }

 private:
  struct Picture {
    ffmpeg::Frame frame = ffmpeg::make_frame();
    double time = 0;      // from time 0
    double duration = 0;  // 0: unknown
  };

  bool decode(Picture& picture);
  double time_of(const AVFrame& frame);
  void start_near(int64_t k);

  TrackDecoder decoder_;
  Orientation orientation_;
  LumaConverter converter_;
  Picture current_, next_;
  bool has_next_ = false, has_last_time_ = false, resized_ = false, converted_ = false, sought_ = false;
  double zero_ = 0, offset_ = 0;  // offset_: added to timestamps, moved where they jump
  double last_time_ = 0, last_duration_ = 0, tolerance_ = 0.001;
  int64_t decoded_ = 0;
  int width_ = 0, height_ = 0;
  std::vector<uint8_t> grey_;  // current_, converted
};

}  // namespace avsr::io
