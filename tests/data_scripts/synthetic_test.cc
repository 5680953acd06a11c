// The synthetic corpus: the same files from any number of workers, faces that the tracker finds, mouths where they are
// said to be.
#include "data_scripts/synthetic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "data_scripts/lrw.h"
#include "data_scripts/sources.h"
#include "io/atomic_file.h"
#include "preprocessing/mouth_crop.h"
#include "tests/data_scripts/files.h"

namespace avsr::data_scripts {
namespace {

namespace fs = std::filesystem;

struct Synthetic : testing::Test {
  void SetUp() override {
    if (!program_exists("flite")) GTEST_SKIP() << "the program flite is not installed";
    options.out = folder / "corpus";
    options.words = 2;
    options.train_clips = 2;
    options.val_clips = 0;
    options.test_clips = 1;
  }
  TemporaryFolder folder;
  SyntheticOptions options;
};

std::map<std::string, std::string> files_of(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), root)] = io::read_text_file(entry.path());
  }
  return files;
}

TEST_F(Synthetic, IsTheSameFromAnyNumberOfWorkersAndAfterARestart) {
  options.workers = 1;
  int calls = 0;
  write_synthetic_corpus(options, [&](int, int total) {
    ++calls;
    EXPECT_EQ(total, 6);
  });
  EXPECT_EQ(calls, 6);
  const auto first = files_of(options.out);
  EXPECT_EQ(first.size(), 6u * 3 + 1);
  const fs::path removed = options.out / "ABOUT/train/ABOUT_00002.mp4";
  const auto kept_time = fs::last_write_time(options.out / "ABOUT/train/ABOUT_00001.mp4");
  fs::remove(removed);
  options.workers = 3;
  write_synthetic_corpus(options);
  EXPECT_EQ(fs::last_write_time(options.out / "ABOUT/train/ABOUT_00001.mp4"), kept_time) << "made anew";
  EXPECT_TRUE(files_of(options.out) == first);
  options.out = folder / "again";
  write_synthetic_corpus(options);
  EXPECT_TRUE(files_of(options.out) == first);
  options.seed = 2;
  EXPECT_THAT(failure_of([&] { write_synthetic_corpus(options); }), testing::HasSubstr("another folder"));
}

TEST_F(Synthetic, HasTheLayoutThatIsListed) {
  write_synthetic_corpus(options);
  const SourceList list = list_sources(options.out);
  EXPECT_EQ(list.layout, Layout::kLrw);
  ASSERT_EQ(list.sources.size(), 6u);
  for (const Source& source : list.sources) {
    EXPECT_FALSE(source.speaker.empty());
    ASSERT_EQ(source.words.size(), 1u);
    EXPECT_GT(source.words[0].end_seconds - source.words[0].start_seconds, 0.1);
    EXPECT_NEAR(source.words[0].start_seconds + source.words[0].end_seconds, kLrwClipSeconds, 1e-9);
  }
}

TEST_F(Synthetic, RefusesWhatCannotBe) {
  options.words = 1000;
  EXPECT_THROW(write_synthetic_corpus(options), std::invalid_argument);
  options.words = 2;
  options.train_clips = -1;
  EXPECT_THROW(write_synthetic_corpus(options), std::invalid_argument);
}

// Clips of several words and voices: enough faces that a share of 98 % means something.
TEST_F(Synthetic, FacesAreFoundAndMouthsAreWhereTheyAreSaidToBe) {
  if (!fs::exists(preprocessing::kLandmarkModelPath)) GTEST_SKIP() << "no " << preprocessing::kLandmarkModelPath;
  const auto model = preprocessing::FaceModel::load();
  const SyntheticSource source(options);
  preprocessing::TrackedCropSettings every_frame;
  every_frame.tracker.verify_interval = 1;
  every_frame.tracker.landmark_interval = 1;
  int frames = 0, unseen = 0, off = 0;
  double sum = 0, worst_clip = 0;
  const auto words = synthetic_words();
  for (int n = 0; n < 10; ++n) {
    const SyntheticClip clip = source.make(words[static_cast<size_t>(n)], "train", n + 1, folder / "a.wav");
    unseen += preprocessing::crop_tracked(clip.frames, model, every_frame).quality.frames_without_face;
    const auto tracked = preprocessing::crop_tracked(clip.frames, model);
    ASSERT_EQ(tracked.poses.size(), clip.mouth.size());
    double clip_sum = 0;
    for (size_t t = 0; t < clip.mouth.size(); ++t) {
      const double error =
          std::hypot(tracked.poses[t].centre_x - clip.mouth[t].x, tracked.poses[t].centre_y - clip.mouth[t].y);
      clip_sum += error;
      off += error > 3;
      ++frames;
    }
    sum += clip_sum;
    worst_clip = std::max(worst_clip, clip_sum / static_cast<double>(clip.mouth.size()));
  }
  RecordProperty("mean_error_pixels", std::to_string(sum / frames));
  std::cout << unseen << " of " << frames << " frames without a face; mouth off by " << sum / frames
            << " px on average, " << worst_clip << " px in the worst clip; " << off
            << " frames off by more than 3 px\n";
  EXPECT_LE(unseen, 0.02 * frames);
  EXPECT_LE(worst_clip, 3);
  EXPECT_LE(off, 0.02 * frames);
}

TEST_F(Synthetic, FixedBoxHoldsTheMouth) {
  const SyntheticSource source(options);
  const preprocessing::CropBox box;
  for (int n = 1; n <= 4; ++n) {
    for (const MouthCentre& centre : source.make("about", "test", n, folder / "a.wav").mouth) {
      EXPECT_NEAR(centre.x, box.left + box.width / 2.0, 12);
      EXPECT_NEAR(centre.y, box.top + box.height / 2.0, 14);
    }
  }
}

// The lips are closed for the b of the word, at the time at which the sound has it, and open for its vowels.
TEST_F(Synthetic, LipsFollowTheSound) {
  const SyntheticSource source(options);
  const SyntheticClip clip = source.make("before", "train", 1, folder / "a.wav");
  ASSERT_EQ(clip.frames.count, kSyntheticFrames);
  ASSERT_EQ(clip.audio.samples.size(), static_cast<size_t>(kSyntheticFrames * io::kSamplesPerFrame));

  const Phone* closure = nullptr;
  for (const Phone& phone : clip.phones) {
    if (phone.name == "b" && phone.start_seconds > 0.2 && phone.end_seconds < 0.9) closure = &phone;
  }
  ASSERT_NE(closure, nullptr);
  const auto shape = [&](double seconds) { return clip.mouth[static_cast<size_t>(seconds * 25)].y; };
  const double closed = shape((closure->start_seconds + closure->end_seconds) / 2);
  double lowest = 0;
  for (int t = 10; t < 19; ++t) lowest = std::max(lowest, clip.mouth[static_cast<size_t>(t)].y);
  EXPECT_GT(lowest, closed + 1) << "the lower lip drops after the closure";
}

// The phones by which the lips move are those that are heard: vowels are loud where they are said to be, pauses and
// voiceless sounds are not.
TEST_F(Synthetic, SoundFollowsThePhones) {
  const std::set<std::string> loud = {"aa", "ae", "ah", "ao", "aw", "ay", "eh", "er", "ey", "iy", "ow", "uw"};
  const std::set<std::string> quiet = {"pau", "p", "t", "k", "f", "th"};
  const SyntheticSource source(options);
  double power[2] = {0, 0}, seconds[2] = {0, 0};
  for (int n = 1; n <= 4; ++n) {  // four speakers
    const SyntheticClip clip = source.make("happened", "train", n, folder / "a.wav");
    for (const Phone& phone : clip.phones) {
      const bool is_quiet = quiet.count(phone.name) > 0;
      if (!is_quiet && loud.count(phone.name) == 0) continue;
      const auto first = static_cast<size_t>(std::max(0.0, phone.start_seconds) * io::kSampleRate);
      const auto last = static_cast<size_t>(std::clamp(phone.end_seconds, 0.0, kLrwClipSeconds) * io::kSampleRate);
      for (size_t i = first; i < last; ++i) {
        power[is_quiet] += static_cast<double>(clip.audio.samples[i]) * clip.audio.samples[i];
        seconds[is_quiet] += 1.0 / io::kSampleRate;
      }
    }
  }
  ASSERT_GT(seconds[0], 0.5);
  ASSERT_GT(seconds[1], 0.2);
  const double ratio = power[0] / seconds[0] / (power[1] / seconds[1]);
  std::cout << "vowels are " << 10 * std::log10(ratio) << " dB louder than pauses and voiceless sounds\n";
  EXPECT_GT(ratio, 10);
}

}  // namespace
}  // namespace avsr::data_scripts
