#include "io/audio_track.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "io/clip.h"

namespace avsr::io {

namespace {

constexpr double kSeekFrom = 10;     // seconds
constexpr double kSeekMargin = 0.5;  // codecs need some blocks before what they decode is right
constexpr double kHole = 0.030;      // smaller differences between timestamps are the container's rounding
constexpr double kMaxBackwards = 1, kMaxLeap = 600;

template <typename Sample>
float to_float(Sample value) {
  if constexpr (std::is_same_v<Sample, uint8_t>) return (static_cast<float>(value) - 128.f) / 128.f;
  if constexpr (std::is_same_v<Sample, int16_t>) return static_cast<float>(value) / 32768.f;
  if constexpr (std::is_same_v<Sample, int32_t>) return static_cast<float>(static_cast<double>(value) / 2147483648.0);
  if constexpr (std::is_same_v<Sample, int64_t>)
    return static_cast<float>(static_cast<double>(value) / 9223372036854775808.0);
  return static_cast<float>(value);
}

template <typename Sample>
void add_channels(const AVFrame& frame, int channels, bool planar, std::vector<float>& sum) {
  for (int channel = 0; channel < channels; ++channel) {
    const Sample* in =
        reinterpret_cast<const Sample*>(frame.extended_data[planar ? channel : 0]) + (planar ? 0 : channel);
    const int step = planar ? 1 : channels;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += to_float(in[i * step]);
  }
}

}  // namespace

AudioTrack::AudioTrack(ffmpeg::Input input, int stream_index, const std::string& path)
    : decoder_(std::move(input), stream_index, path, 1) {
  if (!decode_block()) return;
  first_ = block_time_;
}

// Plain average of the channels, whatever their layout; values that are no numbers become silence.
void AudioTrack::mix(const AVFrame& frame) {
  const int channels = frame.ch_layout.nb_channels;
  const AVSampleFormat format = static_cast<AVSampleFormat>(frame.format);
  const bool planar = av_sample_fmt_is_planar(format);
  block_.assign(static_cast<size_t>(frame.nb_samples), 0.f);
  switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8:
      add_channels<uint8_t>(frame, channels, planar, block_);
      break;
    case AV_SAMPLE_FMT_S16:
      add_channels<int16_t>(frame, channels, planar, block_);
      break;
    case AV_SAMPLE_FMT_S32:
      add_channels<int32_t>(frame, channels, planar, block_);
      break;
    case AV_SAMPLE_FMT_S64:
      add_channels<int64_t>(frame, channels, planar, block_);
      break;
    case AV_SAMPLE_FMT_FLT:
      add_channels<float>(frame, channels, planar, block_);
      break;
    case AV_SAMPLE_FMT_DBL:
      add_channels<double>(frame, channels, planar, block_);
      break;
    default:
      throw std::runtime_error(decoder_.path() + ": unknown sample format");
  }
  const float scale = 1.f / static_cast<float>(channels);
  for (float& value : block_) value = std::isfinite(value) ? value * scale : 0.f;
}

bool AudioTrack::decode_block() {
  has_block_ = false;
  while (decoder_.next(*frame_)) {
    const AVFrame& frame = *frame_;
    if (frame.nb_samples <= 0 || frame.ch_layout.nb_channels <= 0 || frame.sample_rate < 1000 ||
        frame.sample_rate > 768000) {
      if (frame.nb_samples > 0) decoder_.report_damage("sound of " + std::to_string(frame.sample_rate) + " Hz");
      continue;
    }
    mix(frame);
    if (rate_ == 0) {
      channels_ = frame.ch_layout.nb_channels;
      rate_ = frame.sample_rate;
    }
    block_time_ = frame.best_effort_timestamp == AV_NOPTS_VALUE
                      ? expected_
                      : static_cast<double>(frame.best_effort_timestamp) * av_q2d(decoder_.stream().time_base);
    has_block_ = true;
    return true;
  }
  return false;
}

void AudioTrack::start_at(double seconds) {
  start_ = seconds;
  if (has_block_ && seconds > block_time_ + kSeekFrom && decoder_.seek(seconds - kSeekMargin)) {
    expected_ = seconds - kSeekMargin;
    decode_block();
    if (has_block_ && block_time_ > seconds) {  // the container's index was too coarse
      decoder_.seek(first_);
      decode_block();
    }
  }
}

// Where the waiting block goes: the first one by its time, the others behind it unless their times leave a hole.
void AudioTrack::place_block() {
  if (!placed_first_) {
    const int64_t offset = std::llround((block_time_ - start_) * kSampleRate);
    (offset >= 0 ? lead_silence_ : drop_) = std::llabs(offset);
    placed_first_ = true;
    expected_ = block_time_;
    return;
  }
  const double hole = block_time_ - expected_;
  if (std::fabs(hole) <= kHole) return;
  if (hole < -kMaxBackwards || hole > kMaxLeap) {
    decoder_.report_damage("sound timestamps jump from " + std::to_string(expected_) + " s to " +
                           std::to_string(block_time_) + " s");
  } else if (hole > 0) {
    gap_ = std::llround(hole * rate_);
  } else {
    const size_t overlap = std::min(block_.size(), static_cast<size_t>(std::llround(-hole * rate_)));
    block_.erase(block_.begin(), block_.begin() + static_cast<ptrdiff_t>(overlap));
    block_time_ += static_cast<double>(overlap) / rate_;
  }
  expected_ = block_time_;
}

void AudioTrack::change_rate(int rate) {
  if (resampler_) resampler_->finish(ready_);
  resampler_.emplace(rate);
  rate_ = rate;
}

// Moves some of what waits into ready_; false when nothing is left.
bool AudioTrack::pump() {
  if (!has_block_ && gap_ == 0) {
    if (ended_) return false;
    if (!decode_block()) {
      if (resampler_) resampler_->finish(ready_);
      ended_ = true;
      if (samples_in_ > 0) decoder_.check_complete(expected_);
      return true;
    }
  }
  if (frame_->sample_rate != rate_ || !resampler_) change_rate(frame_->sample_rate);
  if (gap_ == 0 && has_block_ && !block_.empty()) {
    place_block();
  }
  if (gap_ > 0) {
    const size_t count = static_cast<size_t>(std::min<int64_t>(gap_, rate_));
    const std::vector<float> silence(count, 0.f);
    resampler_->push(silence.data(), count, ready_);
    gap_ -= static_cast<int64_t>(count);
    samples_in_ += static_cast<int64_t>(count);
    return true;
  }
  resampler_->push(block_.data(), block_.size(), ready_);
  samples_in_ += static_cast<int64_t>(block_.size());
  expected_ += static_cast<double>(block_.size()) / rate_;
  has_block_ = false;
  return true;
}

size_t AudioTrack::read(std::vector<float>& out, size_t count) {
  size_t given = 0;
  while (given < count) {
    size_t waiting = ready_.size() - ready_begin_;
    const size_t dropped = std::min<size_t>(waiting, static_cast<size_t>(drop_));
    ready_begin_ += dropped;
    drop_ -= static_cast<int64_t>(dropped);
    waiting -= dropped;
    if (waiting > 0 && lead_silence_ > 0) {
      const size_t part = std::min(count - given, static_cast<size_t>(lead_silence_));
      out.insert(out.end(), part, 0.f);
      lead_silence_ -= static_cast<int64_t>(part);
      given += part;
    } else if (waiting > 0) {
      const size_t part = std::min(count - given, waiting);
      const auto begin = ready_.begin() + static_cast<ptrdiff_t>(ready_begin_);
      out.insert(out.end(), begin, begin + static_cast<ptrdiff_t>(part));
      ready_begin_ += part;
      given += part;
    } else {
      ready_.clear();
      ready_begin_ = 0;
      if (!pump()) break;
    }
  }
  return given;
}

}  // namespace avsr::io
