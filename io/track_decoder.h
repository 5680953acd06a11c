// One track of one media file: packets in, decoded FFmpeg frames out, and a record of what was found broken.
#pragma once

#include <string>

#include "io/ffmpeg_handles.h"

namespace avsr::io {

// Throws std::runtime_error naming the file: missing, not a regular file, empty, of no known format.
ffmpeg::Input open_input(const std::string& path);

// The track of this kind to read: the one marked as default, else the first; cover art does not count. -1: none.
int pick_stream(const AVFormatContext& input, AVMediaType type);

// End of the last packet of any track, on the file's own clock: reads the whole file, decodes nothing.
double last_packet_seconds(const std::string& path);

// Each track has an input of its own, so that no interleaving of the file, however bad, makes packets pile up in
// memory.
class TrackDecoder {
 public:
  // threads: 0 = as many as cores. Throws std::runtime_error when no decoder knows the codec.
  TrackDecoder(ffmpeg::Input input, int stream_index, std::string path, int threads);

  // The next decoded frame, in order of presentation; false at the end. Errors of the decoder and of the container are
  // passed over and remembered in damage().
  bool next(AVFrame& frame);
  // Towards the last key frame not later than `seconds` of the file's own clock; false where the file cannot seek.
  bool seek(double seconds);
  // To be called when next() has returned false: looks whether the file held what its header promised.
  // decoded_end_seconds: end of the last frame, on the file's own clock.
  void check_complete(double decoded_end_seconds);

  const std::string& path() const { return path_; }
  const AVStream& stream() const { return *input_->streams[index_]; }
  bool length_in_header() const;      // as opposed to estimated from the data at hand
  double header_end_seconds() const;  // of this track, on the file's own clock; 0 where unknown
  // Of the whole file, where the header tells its length but not the track's (Matroska, FLV); 0 otherwise.
  double header_file_end_seconds() const;
  const std::string& damage() const { return damage_; }  // the first thing found broken; empty: nothing
  void report_damage(const std::string& what);

 private:
  bool feed_packet();
  void report_error(const std::string& what, int code);
  void report_decoder_error(const std::string& what, int code);

  ffmpeg::Input input_;
  int index_;
  std::string path_;
  ffmpeg::Codec codec_;
  ffmpeg::Packet packet_ = ffmpeg::make_packet();
  std::string damage_;
  int64_t packets_ = 0, frames_ = 0;
  int read_errors_ = 0;
  bool draining_ = false, sought_ = false;
};

}  // namespace avsr::io
