#include "tests/models/backend/gradient_check.h"

namespace avsr::backend {
namespace {

constexpr int64_t kBatch = 2, kSteps = 4, kHeight = 3, kWidth = 5, kPixels = kHeight * kWidth;

uint8_t pixel(int64_t clip, int64_t step, int64_t at) { return static_cast<uint8_t>(clip * 100 + step * 20 + at); }

Tensor make_frames(Backend& backend) {
  std::vector<uint8_t> bytes;
  for (int64_t b = 0; b < kBatch; ++b)
    for (int64_t t = 0; t < kSteps; ++t)
      for (int64_t i = 0; i < kPixels; ++i) bytes.push_back(pixel(b, t, i));
  Tensor frames;
  backend.resize(frames, {kBatch, kSteps, kHeight, kWidth}, DType::u8);
  backend.upload(bytes.data(), frames);
  return frames;
}

TEST(TimeWindows, OnlyValidFramesAndZeroWhereAbsent) {
  const auto made = test::make_test_backend(2);
  Backend& backend = *made;
  const Lengths lengths{4, 2};
  const std::vector<float> scale{0.5f, 2.0f}, shift{-3.0f, 1.0f};
  std::vector<float> mean(kPixels);
  for (size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<float>(i) * 0.25f;
  const Tensor mean_image = backend.from_values({kHeight, kWidth}, mean);
  for (const bool subtract : {false, true})
    for (int depth : {1, 3, 5}) {
      Tensor y = testing::filled(backend, {6, depth, kHeight, kWidth, 1}, std::numeric_limits<float>::infinity());
      backend.time_windows(make_frames(backend), scale, shift, subtract ? mean_image : Tensor{}, lengths, depth, y);
      ASSERT_EQ(y.shape, (Shape{6, depth, kHeight, kWidth, 1}));
      const auto values = backend.values(y);
      size_t at = 0;
      for (int64_t b = 0; b < kBatch; ++b)
        for (int64_t t = 0; t < lengths[static_cast<size_t>(b)]; ++t)
          for (int64_t d = -(depth / 2); d <= depth / 2; ++d)
            for (int64_t i = 0; i < kPixels; ++i, ++at) {
              const auto clip = static_cast<size_t>(b);
              const bool present = t + d >= 0 && t + d < lengths[clip];
              const float less = subtract ? mean[static_cast<size_t>(i)] : 0;
              const float expected = present ? (pixel(b, t + d, i) - less) * scale[clip] + shift[clip] : 0.0f;
              ASSERT_NEAR(values[at], expected, 1e-4) << "clip " << b << " step " << t << " neighbour " << d;
            }
      EXPECT_EQ(at, values.size());
    }
}

TEST(TimeWindows, ARaggedBatchIsEachClipAlone) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const Lengths lengths{3, 2};
  const std::vector<float> scale{0.5f, 2.0f}, shift{-3.0f, 1.0f};
  const Tensor frames = make_frames(backend);
  Tensor y;
  backend.time_windows(frames, scale, shift, {}, lengths, 5, y);
  const auto together = backend.values(y);
  std::vector<float> apart;
  for (size_t b = 0; b < 2; ++b) {
    Tensor clip = frames;
    clip.shape = {1, lengths[b], kHeight, kWidth};
    clip.offset_bytes = b * kSteps * kPixels;
    Tensor alone;
    backend.time_windows(clip, std::span(scale).subspan(b, 1), std::span(shift).subspan(b, 1), {}, {lengths[b]}, 5,
                         alone);
    for (float value : backend.values(alone)) apart.push_back(value);
  }
  EXPECT_EQ(together, apart);
}

TEST(TimeWindows, RefusesWhatItCannotDo) {
  const auto made = test::make_test_backend();
  Backend& backend = *made;
  const std::vector<float> ones{1, 1};
  const Tensor frames = make_frames(backend);
  Tensor y;
  EXPECT_THROW(backend.time_windows(frames, ones, ones, {}, {4, 5}, 5, y), std::invalid_argument);
  EXPECT_THROW(backend.time_windows(frames, ones, ones, {}, {4, 4}, 4, y), std::invalid_argument);
  EXPECT_THROW(backend.time_windows(frames, std::span(ones).first(1), ones, {}, {4, 4}, 5, y), std::invalid_argument);
  EXPECT_THROW(backend.time_windows(backend.zeros({2, 4, 3, 5}), ones, ones, {}, {4, 4}, 5, y), std::invalid_argument);
}

}  // namespace
}  // namespace avsr::backend
