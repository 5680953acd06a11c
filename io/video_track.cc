#include "io/video_track.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "io/clip.h"

namespace avsr::io {

namespace {

constexpr double kEndTolerance = 0.010;  // a frame needs this much of the track behind its time
constexpr double kSeekFrom = 10;         // seconds; nearer than this, decoding is as quick
// Times that run back further, or leap ahead further, are errors of the file.
constexpr double kMaxBackwards = 1, kMaxLeap = 600;

}  // namespace

VideoTrack::VideoTrack(ffmpeg::Input input, int stream_index, const std::string& path, int threads)
    : decoder_(std::move(input), stream_index, path, threads),
      orientation_(orientation_of(ffmpeg::display_matrix(decoder_.stream()))),
      converter_(orientation_) {
  tolerance_ = std::clamp(av_q2d(decoder_.stream().time_base) / 2, 0.001, 0.010);
  if (!decode(current_)) {
    const std::string why = decoder_.damage().empty() ? "it holds no frames" : decoder_.damage();
    throw std::runtime_error(path + ": no frame of its video can be decoded: " + why);
  }
  zero_ = current_.time;
  offset_ -= zero_;
  last_time_ = current_.time = 0;
  width_ = orientation_.transpose ? current_.frame->height : current_.frame->width;
  height_ = orientation_.transpose ? current_.frame->width : current_.frame->height;
  has_next_ = decode(next_);
}

double VideoTrack::time_of(const AVFrame& frame) {
  if (frame.best_effort_timestamp == AV_NOPTS_VALUE) {
    if (!has_last_time_) return offset_;
    const double step = last_duration_ > 0 ? last_duration_ : 1 / std::max(1.0, source_fps());
    return last_time_ + step;
  }
  return static_cast<double>(frame.best_effort_timestamp) * av_q2d(decoder_.stream().time_base) + offset_;
}

bool VideoTrack::decode(Picture& picture) {
  while (decoder_.next(*picture.frame)) {
    double time = time_of(*picture.frame);
    if (has_last_time_ && (time < last_time_ - kMaxBackwards || time > last_time_ + kMaxLeap)) {
      decoder_.report_damage("video timestamps jump from " + std::to_string(last_time_) + " s to " +
                             std::to_string(time) + " s");
      const double expected = last_time_ + std::max(last_duration_, tolerance_);
      offset_ += expected - time;
      time = expected;
    }
    // In a picture that comes late by its own timestamp there is nothing to show any more.
    if (has_last_time_ && time <= last_time_) continue;
    picture.time = time;
    picture.duration =
        static_cast<double>(ffmpeg::frame_duration(*picture.frame)) * av_q2d(decoder_.stream().time_base);
    last_duration_ = picture.duration > 0 ? picture.duration : has_last_time_ ? time - last_time_ : 0;
    last_time_ = time;
    has_last_time_ = true;
    ++decoded_;
    return true;
  }
  return false;
}

double VideoTrack::source_fps() const {
  if (!has_next_ && decoded_ > 1 && !sought_) {
    const double step = last_duration_ > 0 ? last_duration_ : last_time_ / static_cast<double>(decoded_ - 1);
    return static_cast<double>(decoded_) / (last_time_ + step);
  }
  const AVRational rate = decoder_.stream().avg_frame_rate;
  if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
  const AVRational base = decoder_.stream().r_frame_rate;
  return base.num > 0 && base.den > 0 ? av_q2d(base) : 0;
}

std::string VideoTrack::pixel_format() const {
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(current_.frame->format));
  return name ? name : "unknown";
}

// Skips to the key frame before grid frame k where that saves decoding. Some containers' indices are so coarse that the
// first frame after the jump is too late: then from further back, at last from the start.
void VideoTrack::start_near(int64_t k) {
  const double target = static_cast<double>(k) / kFramesPerSecond;
  if (target < next_.time + kSeekFrom) return;
  for (const double margin : {1.0, 15.0, target}) {
    if (!decoder_.seek(zero_ + target - margin)) return;
    sought_ = true;
    converted_ = has_last_time_ = false;
    if (!decode(current_)) has_next_ = false;
    if (current_.time <= target + tolerance_) break;
  }
  has_next_ = decode(next_);
}

bool VideoTrack::advance(int64_t k) {
  const double target = static_cast<double>(k) / kFramesPerSecond;
  if (has_next_ && !sought_) start_near(k);
  while (has_next_ && next_.time <= target + tolerance_) {
    std::swap(current_, next_);
    converted_ = false;
    has_next_ = decode(next_);
  }
  if (has_next_ || k == 0) return true;
  double duration = current_.duration > 0 ? current_.duration : last_duration_;
  if (duration <= 0) duration = 1 / std::max(1.0, source_fps());
  const double end = current_.time + duration;
  if (target + kEndTolerance < end) return true;
  decoder_.check_complete(zero_ + end);
  return false;
}

void VideoTrack::copy(uint8_t* out) {
  if (!converted_) {
    grey_.resize(static_cast<size_t>(width_) * height_);
    try {
      if (!converter_.convert(*current_.frame, grey_.data(), width_, height_)) resized_ = true;
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(decoder_.path() + ": " + error.what());
    }
    converted_ = true;
  }
  std::memcpy(out, grey_.data(), grey_.size());
}

}  // namespace avsr::io
