// Videos of several drawn faces, for what follows more than one.
#pragma once

#include <functional>
#include <vector>

#include "tests/preprocessing/drawn_face.h"

namespace avsr::preprocessing {

// One face of a drawn video: where it is and how far its mouth is open (pixels) in each frame; not drawn in frames
// where `shown` says so.
struct Actor {
  double x = 0, y = 144, scale = 1;
  std::function<double(int t)> open = [](int) { return 5.0; };
  std::function<bool(int t)> shown = [](int) { return true; };
};

inline io::Frames drawn_scene(
    int count, int height, int width, const std::vector<Actor>& actors,
    const std::function<int(int t)>& background = [](int) { return 110; }) {
  io::Frames frames{count, height, width, {}};
  frames.pixels.resize(frames.count * frames.frame_size());
  for (int t = 0; t < count; ++t) {
    cv::Mat image(height, width, CV_8U, frames.frame(t));
    image.setTo(background(t));
    for (const Actor& actor : actors)
      if (actor.shown(t)) draw_face(image, actor.x, actor.y, actor.scale, 0, actor.open(t));
    cv::GaussianBlur(image, image, {}, 1.2);
  }
  return frames;
}

}  // namespace avsr::preprocessing
