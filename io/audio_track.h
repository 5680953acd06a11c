// The sound of a file as mono 16 kHz, placed by Note [Alignment of sound and picture].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/mono_resampler.h"
#include "io/track_decoder.h"

namespace avsr::io {

class AudioTrack {
 public:
  // Decodes the first block; has_sound() is false when there is none.
  AudioTrack(ffmpeg::Input input, int stream_index, const std::string& path);

  bool has_sound() const { return has_block_ || samples_in_ > 0; }
  double first_seconds() const { return first_; }  // time of the first sample, on the file's own clock
  int rate() const { return rate_; }               // of the source
  int channels() const { return channels_; }

  // To be called once before read(): sample 0 of what follows lies at `seconds` of the file's own clock.
  void start_at(double seconds);
  // Appends up to `count` samples to out; fewer only at the end of the track. Returns how many.
  size_t read(std::vector<float>& out, size_t count);

  TrackDecoder& decoder() { return decoder_; }

 private:
  bool decode_block();
  void mix(const AVFrame& frame);
  void place_block();
  void change_rate(int rate);
  void feed(size_t samples_of_silence);
  bool pump();

  TrackDecoder decoder_;
  ffmpeg::Frame frame_ = ffmpeg::make_frame();
  std::optional<MonoResampler> resampler_;
  std::vector<float> block_;  // mono, at the source's rate
  bool has_block_ = false;    // block_ waits to be placed
  std::vector<float> ready_;  // at 16 kHz, from ready_begin_
  size_t ready_begin_ = 0;
  int64_t lead_silence_ = 0;  // at 16 kHz, still to be given before anything else
  int64_t drop_ = 0;          // at 16 kHz, still to be thrown away
  int64_t gap_ = 0;           // at the source's rate, silence before the waiting block
  double start_ = 0, first_ = 0, block_time_ = 0, expected_ = 0;  // on the file's own clock
  int rate_ = 0, channels_ = 0;
  int64_t samples_in_ = 0;
  bool placed_first_ = false, ended_ = false;
};

}  // namespace avsr::io
