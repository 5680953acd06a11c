#include "preprocessing/corrupt_frames.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace avsr::preprocessing {

void blur(io::Frames& frames, double sigma) {
  for (int t = 0; t < frames.count; ++t) {
    cv::Mat image(frames.height, frames.width, CV_8U, frames.frame(t));
    cv::GaussianBlur(image, image, {0, 0}, sigma, sigma, cv::BORDER_REPLICATE);
  }
}

void occlude(io::Frames& frames, double share, Random random) {
  const int height = static_cast<int>(std::lround(frames.height * std::sqrt(share))),
            width = static_cast<int>(std::lround(frames.width * std::sqrt(share)));
  const int top = random.between(0, frames.height - height), left = random.between(0, frames.width - width);
  const auto sum = std::accumulate(frames.pixels.begin(), frames.pixels.end(), uint64_t{0});
  const auto grey = static_cast<uint8_t>(sum / std::max<size_t>(1, frames.pixels.size()));
  for (int t = 0; t < frames.count; ++t)
    for (int row = top; row < top + height; ++row)
      std::fill_n(frames.frame(t) + row * frames.width + left, width, grey);
}

void drop_frames(io::Frames& frames, double probability, Random random) {
  for (int t = 1; t < frames.count; ++t)
    if (random.chance(probability)) std::copy_n(frames.frame(t - 1), frames.frame_size(), frames.frame(t));
}

}  // namespace avsr::preprocessing
