#include "preprocessing/augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace avsr::preprocessing {
namespace {

void require_share(double value, const char* name) {
  if (!(value >= 0 && value <= 1)) {
    throw std::invalid_argument(fmt::format("[augment] expected {} between 0 and 1, got {}", name, value));
  }
}

void check_fits(const FrameGeometry& geometry, const io::Frames& frames) {
  geometry.validate();
  if (frames.height < geometry.crop_size || frames.width < geometry.crop_size) {
    throw std::invalid_argument(fmt::format("[augment] expected frames of at least {0} x {0}, got {1} x {2}",
                                            geometry.crop_size, frames.height, frames.width));
  }
}

// OpenCV has no view of constant memory; this one is only read.
cv::Mat view(const uint8_t* frame, int height, int width) {
  return {height, width, CV_8U, const_cast<uint8_t*>(frame)};
}

void copy_crop(const uint8_t* frame, int height, int width, const VideoDraw& draw, int size, uint8_t* out) {
  const cv::Mat crop = view(frame, height, width)(cv::Rect(draw.left, draw.top, size, size));
  cv::Mat target(size, size, CV_8U, out);
  if (draw.flip) {
    cv::flip(crop, target, 1);
  } else {
    crop.copyTo(target);
  }
}

// Turns and scales around the crop's centre, bilinear, edge pixels repeated; then flips.
void warp_into(const uint8_t* frame, int height, int width, const VideoDraw& draw, int size, uint8_t* out) {
  const double half = (size - 1) / 2.0, flip = draw.flip ? -1 : 1;
  const double c = std::cos(draw.angle) / draw.scale, s = std::sin(draw.angle) / draw.scale;
  const cv::Matx23d map(flip * c, -s, draw.left + half - flip * c * half + s * half,  //
                        flip * s, c, draw.top + half - flip * s * half - c * half);
  cv::Mat target(size, size, CV_8U, out);
  cv::warpAffine(view(frame, height, width), target, map, target.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REPLICATE);
}

void change_light(const VideoDraw& draw, io::Frames& frames) {
  double mean = 0;
  for (const uint8_t p : frames.pixels) mean += p;
  mean /= static_cast<double>(std::max<size_t>(1, frames.pixels.size()));
  uint8_t table[256];
  for (int v = 0; v < 256; ++v) {
    const double changed = mean + draw.contrast * (v - mean) + draw.brightness;
    table[v] = static_cast<uint8_t>(std::clamp(std::lround(changed), 0L, 255L));
  }
  for (uint8_t& p : frames.pixels) p = table[p];
}

// The mean frame rather than black: it carries no word and no edge.
void mask_time(const VideoDraw& draw, io::Frames& frames) {
  std::vector<uint32_t> sums(frames.frame_size(), 0);
  for (int t = 0; t < frames.count; ++t) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += frames.frame(t)[i];
  }
  const uint32_t count = frames.count;
  for (uint32_t& sum : sums) sum = (sum + count / 2) / count;
  const int end = std::min(frames.count, draw.mask_start + draw.mask_frames);
  for (int t = draw.mask_start; t < end; ++t) std::copy(sums.begin(), sums.end(), frames.frame(t));
}

}  // namespace

void FrameGeometry::validate() const {
  if (crop_size < 1 || input_size < 1 || crop_size > 1024 || input_size > 1024) {
    throw std::invalid_argument(fmt::format("[augment] expected a crop and an input of 1 to 1024 pixels, got {} and {}",
                                            crop_size, input_size));
  }
}

void AugmentSettings::validate() const {
  require_share(flip_probability, "flip_probability");
  require_share(time_mask_probability, "time_mask_probability");
  require_share(audio_mask_probability, "audio_mask_probability");
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(fmt::format("[augment] {}", what));
  };
  require(rotation_degrees >= 0 && rotation_degrees <= 180, "rotation_degrees must lie between 0 and 180");
  require(scaling >= 0 && scaling < 1, "scaling must lie between 0 and 1");
  require(brightness >= 0 && brightness <= 255, "brightness must lie between 0 and 255");
  require(contrast >= 0 && contrast <= 1, "contrast must lie between 0 and 1");
  require(speed >= 0 && speed <= 0.5, "speed must lie between 0 and 0.5");
  require(time_mask_frames >= 0, "time_mask_frames must not be negative");
  require(mixup >= 0 && mixup <= 1, "mixup must lie between 0 and 1");
  require(audio_mask_seconds >= 0, "audio_mask_seconds must not be negative");
}

VideoDraw draw_video(const AugmentSettings& settings, const FrameGeometry& geometry, const io::Frames& frames,
                     Random random) {
  VideoDraw draw = centre_draw(geometry, frames);
  // Every number is drawn whether used or not, so that switching one option leaves the others' draws as they were.
  const int top = random.between(0, frames.height - geometry.crop_size);
  const int left = random.between(0, frames.width - geometry.crop_size);
  if (settings.random_crop) {
    draw.top = top;
    draw.left = left;
  }
  draw.flip = random.chance(settings.flip_probability);
  draw.angle = random.uniform(-1, 1) * settings.rotation_degrees * std::numbers::pi / 180;
  draw.scale = 1 + random.uniform(-1, 1) * settings.scaling;
  draw.brightness = random.uniform(-1, 1) * settings.brightness;
  draw.contrast = 1 + random.uniform(-1, 1) * settings.contrast;
  const bool mask = random.chance(settings.time_mask_probability);
  const int longest = std::min(settings.time_mask_frames, frames.count);
  const int length = random.between(0, longest), start = random.between(0, frames.count - length);
  if (mask) {
    draw.mask_start = start;
    draw.mask_frames = length;
  }
  return draw;
}

VideoDraw centre_draw(const FrameGeometry& geometry, const io::Frames& frames) {
  check_fits(geometry, frames);
  VideoDraw draw;
  draw.top = (frames.height - geometry.crop_size) / 2;
  draw.left = (frames.width - geometry.crop_size) / 2;
  return draw;
}

io::Frames apply(const VideoDraw& draw, const FrameGeometry& geometry, const io::Frames& frames) {
  check_fits(geometry, frames);
  const int size = geometry.crop_size;
  if (draw.top < 0 || draw.left < 0 || draw.top + size > frames.height || draw.left + size > frames.width) {
    throw std::invalid_argument("[augment] the drawn crop leaves the frame: was it drawn for another size?");
  }
  const bool warp = draw.angle != 0 || draw.scale != 1;
  io::Frames out{frames.count, size, size, {}};
  out.pixels.resize(out.count * out.frame_size());
  for (int t = 0; t < frames.count; ++t) {
    if (warp) {
      warp_into(frames.frame(t), frames.height, frames.width, draw, size, out.frame(t));
    } else {
      copy_crop(frames.frame(t), frames.height, frames.width, draw, size, out.frame(t));
    }
  }
  if (geometry.input_size != size) out = resize(out, geometry.input_size, geometry.input_size);
  if (draw.brightness != 0 || draw.contrast != 1) change_light(draw, out);
  if (draw.mask_frames > 0) mask_time(draw, out);
  return out;
}

io::Frames augment_video(const AugmentSettings& settings, const FrameGeometry& geometry, const io::Frames& frames,
                         Random random) {
  return apply(draw_video(settings, geometry, frames, random), geometry, frames);
}

io::Frames centre_crop(const FrameGeometry& geometry, const io::Frames& frames) {
  return apply(centre_draw(geometry, frames), geometry, frames);
}

io::Frames resize(const io::Frames& frames, int height, int width) {
  if (height < 1 || width < 1 || (frames.count > 0 && frames.frame_size() == 0)) {
    throw std::invalid_argument(fmt::format("[resize] expected sizes of at least 1, got {} x {} to {} x {}",
                                            frames.height, frames.width, height, width));
  }
  io::Frames out{frames.count, height, width, {}};
  out.pixels.resize(out.count * out.frame_size());
  const bool smaller = height <= frames.height && width <= frames.width;
  for (int t = 0; t < frames.count; ++t) {
    cv::Mat target(height, width, CV_8U, out.frame(t));
    cv::resize(view(frames.frame(t), frames.height, frames.width), target, target.size(), 0, 0,
               smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
  }
  return out;
}

io::Frames middle_at_speed(const io::Frames& frames, int count, double speed, double later) {
  io::Frames out{count, frames.height, frames.width, {}};
  out.pixels.resize(static_cast<size_t>(count) * out.frame_size());
  if (frames.count == 0) return out;
  for (int t = 0; t < count; ++t) {
    const double at =
        std::clamp(frames.count / 2.0 + later + (t + 0.5 - count / 2.0) * speed - 0.5, 0.0, frames.count - 1.0);
    const int first = static_cast<int>(at), second = std::min(first + 1, frames.count - 1);
    const auto share = static_cast<int>(std::lround((at - first) * 256));
    const uint8_t *a = frames.frame(first), *b = frames.frame(second);
    uint8_t* target = out.frame(t);
    for (size_t i = 0; i < out.frame_size(); ++i)
      target[i] = static_cast<uint8_t>((a[i] * (256 - share) + b[i] * share + 128) >> 8);
  }
  return out;
}

io::Waveform middle_at_speed(const io::Waveform& wave, size_t count, double speed, double later) {
  const auto size = static_cast<int64_t>(wave.samples.size());
  const auto sample = [&](int64_t i) { return i >= 0 && i < size ? wave.samples[static_cast<size_t>(i)] : 0.0f; };
  io::Waveform out;
  out.samples.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const double at = static_cast<double>(size) / 2 + later +
                      (static_cast<double>(i) + 0.5 - static_cast<double>(count) / 2) * speed - 0.5;
    const auto first = static_cast<int64_t>(std::floor(at));
    const auto u = static_cast<float>(at - static_cast<double>(first));
    const float a = sample(first - 1), b = sample(first), c = sample(first + 1), d = sample(first + 2);
    // Catmull and Rom's cubic
    out.samples[i] = b + 0.5f * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)));
  }
  return out;
}

void mask_audio(const AugmentSettings& settings, io::Waveform& wave, Random random) {
  if (!random.chance(settings.audio_mask_probability)) return;
  const auto longest = static_cast<uint64_t>(settings.audio_mask_seconds * io::kSampleRate);
  const uint64_t size = wave.samples.size();
  const uint64_t length = random.below(std::min(longest, size) + 1), start = random.below(size - length + 1);
  std::fill_n(wave.samples.begin() + static_cast<long>(start), length, 0.0f);
}

}  // namespace avsr::preprocessing
