#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "io/media_reader.h"
#include "preprocessing/mouth_crop.h"

namespace avsr::preprocessing {
namespace {

TEST(RealFaces, MouthsAreCentredAndOfOneSize) {
  const char* folder = std::getenv("AVSR_GRID");
  if (folder == nullptr) GTEST_SKIP() << "AVSR_GRID is not set";
  if (!std::filesystem::exists(kLandmarkModelPath)) GTEST_SKIP() << "no landmark model at " << kLandmarkModelPath;
  const auto model = FaceModel::load();
  int clips = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(folder) / "other_speakers")) {
    if (entry.path().extension() != ".mpg") continue;
    if (++clips > 4) break;
    io::MediaOptions options;
    options.audio = false;
    const io::Media media = io::read_media(entry.path(), options);
    const MouthClip clip = crop_tracked(media.frames, model);
    EXPECT_EQ(clip.quality.reason, "ok") << entry.path();
    EXPECT_LE(clip.quality.frames_without_face, 2) << entry.path();
    double width = 0;
    for (size_t t = 0; t < clip.poses.size(); ++t) {
      const Point left = clip.landmarks[t][48], right = clip.landmarks[t][54];
      width += std::hypot(right.x - left.x, right.y - left.y) / clip.poses[t].scale / 96;
    }
    width /= static_cast<double>(clip.poses.size());
    EXPECT_GT(width, 0.38) << entry.path();
    EXPECT_LT(width, 0.58) << entry.path();
  }
  EXPECT_GT(clips, 0) << "no .mpg in " << folder << "/other_speakers";
}

}  // namespace
}  // namespace avsr::preprocessing
