#include "pipeline/data/dataset.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/shards.h"
#include "pipeline/data/input_rule.h"
#include "pipeline/data/spread.h"
#include "tests/pipeline/small_corpus.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

TEST(ClipCache, DatasetsShareOneBudget) {
  TemporaryFolder folder;
  write_small_corpus(folder.path());
  const uint64_t clip_bytes = kSmallFrames * (kSmallCrop * kSmallCrop + 2 * io::kSamplesPerFrame);
  Dataset::Settings settings;
  settings.cache = std::make_shared<CacheBudget>(3 * clip_bytes + 1);
  auto training = Dataset::open(folder.path(), "train", settings);
  const auto validation = Dataset::open(folder.path(), "val", settings);
  EXPECT_EQ(training->clip(0), training->clip(0));  // kept: not decoded again
  training->clip(1);
  EXPECT_EQ(validation->clip(0), validation->clip(0));
  EXPECT_EQ(settings.cache->left(), 1u);
  EXPECT_NE(validation->clip(1), validation->clip(1));  // no room
  training.reset();
  EXPECT_EQ(settings.cache->left(), 2 * clip_bytes + 1);
}

TEST(ClipCache, RespectsTheLimitsOfControlGroups) {
  TemporaryFolder folder;
  const std::string groups = folder / "cgroup";
  const auto write = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    io::write_file_atomically(folder / name, std::string_view(text));
  };
  write("cgroup", "0::/jobs/mine\n");
  EXPECT_EQ(cgroup_memory_limit(groups, folder.path()), std::numeric_limits<uint64_t>::max());
  write("jobs/mine/memory.max", "max\n");
  write("jobs/memory.max", "5000\n");
  write("memory.max", "7000\n");
  EXPECT_EQ(cgroup_memory_limit(groups, folder.path()), 5000u);  // the lowest on the way up
  write("cgroup", "12:cpu,cpuacct:/\n7:memory:/docker/unknown-here\n");
  write("memory/memory.limit_in_bytes", "4000\n");
  EXPECT_EQ(cgroup_memory_limit(groups, folder.path()), 4000u);
  EXPECT_EQ(make_cache_budget(1.5)->left(), 1'500'000'000u);
  EXPECT_THROW(make_cache_budget(-1), std::invalid_argument);
}

// One sentence of 50 frames, "down up unheard", and the words, whose text is their label.
TEST(Dataset, SentencesAreWholeAndHaveTexts) {
  TemporaryFolder folder;
  write_small_corpus(folder.path(), true);
  Dataset::Settings settings;
  settings.targets = Targets::characters;
  const auto dataset = Dataset::open(folder.path(), "train", settings);
  EXPECT_THAT(dataset->labels(),
              testing::ElementsAre("<blank>", " ", "a", "d", "e", "h", "n", "o", "p", "r", "u", "w"));
  ASSERT_EQ(dataset->samples().size(), 25u);
  const decoding::Symbols symbols(dataset->labels());
  std::map<std::string, int> texts;
  for (const Sample& sample : dataset->samples()) {
    EXPECT_TRUE(sample.whole);
    EXPECT_EQ(sample.first_frame, 0);
    ++texts[fmt::format("{} in {} frames", symbols.text(sample.text), sample.frames)];
  }
  EXPECT_EQ(texts, (std::map<std::string, int>{
                       {"down in 29 frames", 12}, {"up in 29 frames", 12}, {"down up unheard in 50 frames", 1}}));

  const auto sentence = std::find_if(dataset->samples().begin(), dataset->samples().end(),
                                     [](const Sample& sample) { return sample.frames == 50; });
  ASSERT_EQ(sentence->symbol_times.size(), sentence->text.size());
  const auto expect_span = [&](size_t symbol, double first, double last) {
    EXPECT_NEAR(sentence->symbol_times[symbol].first, 25 * first, 1e-9) << symbol;
    EXPECT_NEAR(sentence->symbol_times[symbol].last, 25 * last, 1e-9) << symbol;
  };
  expect_span(0, 0.2, 0.25);  // "down" from 0.2 to 0.4 seconds, spelt evenly
  expect_span(3, 0.35, 0.4);
  expect_span(4, 0.4, 1.0);  // the space up to "up"
  expect_span(5, 1.0, 1.1);
  EXPECT_TRUE(dataset->samples()[0].symbol_times.empty()) << "a clip with a label: nobody knows when";

  settings.labels = {kBlankLabel, "u", "p", "up", " "};
  const auto other = Dataset::open(folder.path(), "train", settings);
  EXPECT_EQ(other->samples().size(), 12u);
  EXPECT_EQ(other->samples()[0].text, std::vector<int>{3}) << "the longest symbol that fits";
  ASSERT_EQ(other->notes().size(), 1u);
  EXPECT_THAT(other->notes()[0], testing::AllOf(testing::HasSubstr("13 sentences have other symbols"),
                                                testing::HasSubstr("cannot be written")));
}

TEST(Dataset, SentencesTooShortForTheirTextAreLeftOut) {
  TemporaryFolder folder;
  {
    io::ShardWriter writer(folder.path(), "short");
    for (const auto& [key, text] : {std::pair{"fits", "ab"}, {"short", "abcd"}, {"twice", "aab"}}) {
      io::Clip clip;
      clip.key = key;
      clip.split = "train";
      clip.words = {{text, 0, 0}};
      clip.audio.samples.assign(3 * io::kSamplesPerFrame, 0.1f);
      writer.add(clip);
    }
    writer.finish();
  }
  Dataset::Settings settings;
  settings.streams = models::Streams::audio;
  settings.targets = Targets::characters;
  const auto dataset = Dataset::open(folder.path(), "train", settings);
  ASSERT_EQ(dataset->samples().size(), 1u) << "aab needs a blank between its two a";
  EXPECT_EQ(dataset->samples()[0].key, "fits");
  EXPECT_THAT(dataset->notes(), testing::ElementsAre(testing::HasSubstr("2 sentences have fewer frames")));
}

TEST(Dataset, DecodesOnlyTheStreamsThatAreWanted) {
  TemporaryFolder folder;
  write_small_corpus(folder.path());
  Dataset::Settings settings;
  settings.streams = models::Streams::audio;
  const auto audio = Dataset::open(folder.path(), "train", settings)->clip(0);
  EXPECT_EQ(audio->mouth.count, 0);
  EXPECT_EQ(audio->samples.size(), static_cast<size_t>(kSmallFrames) * io::kSamplesPerFrame);
  settings.streams = models::Streams::video;
  const auto video = Dataset::open(folder.path(), "train", settings)->clip(0);
  EXPECT_EQ(video->mouth.count, kSmallFrames);
  EXPECT_TRUE(video->samples.empty());
}

TEST(Dataset, PixelsAreMeasuredOnClipsWithAFaceAlone) {
  TemporaryFolder folder;
  io::ShardWriter writer(folder.path(), "clips");
  io::Clip clip;
  clip.split = "train";
  clip.label = "word";
  const auto add = [&](const std::string& reason, uint8_t grey) {
    clip.key = fmt::format("{}-{}", reason, grey);
    clip.quality.reason = reason;
    clip.mouth = {2, 8, 8, std::vector<uint8_t>(2 * 64, grey)};
    writer.add(clip);
  };
  add("ok", 90);
  add("no_face", 250);
  add("ok", 110);
  writer.finish();
  io::write_file_atomically(folder / "dataset.json", std::string_view("{}"));
  const auto dataset = Dataset::open(folder.path(), "train", {.streams = models::Streams::video});
  InputRule rule;
  rule.geometry.crop_size = rule.geometry.input_size = 8;
  const auto pixels = measure_pixels(*dataset, rule);
  EXPECT_NEAR(255 * pixels->mean, 100, 1e-3);
  EXPECT_NEAR(255 * pixels->maximum, 110, 1e-3);
}

TEST(Dataset, ADescriptionThatIsNoObjectIsNamed) {
  TemporaryFolder folder;
  io::write_file_atomically(folder / "dataset.json", std::string_view("[1, 2]"));
  const auto names_it = testing::AllOf(testing::HasSubstr(folder / "dataset.json"),
                                       testing::HasSubstr("expected a JSON object, found array"));
  EXPECT_THAT(tests::failure_of([&] { read_dataset_info(folder.path()); }), names_it);
  EXPECT_THAT(tests::failure_of([&] { open_prepared(folder.path()); }), names_it);
}

TEST(Dataset, WordsWithoutTimesAreNoExamples) {
  TemporaryFolder folder;
  io::Clip clip;
  clip.split = "train";
  clip.audio.samples.assign(50 * io::kSamplesPerFrame, 0.1f);
  io::ShardWriter writer(folder.path(), "sentences");
  clip.key = "transcript";
  clip.words = {{"bin", 0, 0}, {"blue", 0, 0}};
  writer.add(clip);
  clip.key = "partly";
  clip.words = {{"bin", 0.2, 0.4}, {"green", 0, 0}};
  writer.add(clip);
  writer.finish();
  io::write_file_atomically(folder / "dataset.json", std::string_view("{}"));
  Dataset::Settings settings;
  settings.streams = models::Streams::audio;
  settings.background = true;
  const auto dataset = Dataset::open(folder.path(), "train", settings);
  EXPECT_EQ(dataset->labels(), (std::vector<std::string>{kBackgroundLabel, "bin"}));
  ASSERT_EQ(dataset->samples().size(), 1u);  // and no background: a word without a time may lie anywhere
  EXPECT_EQ(dataset->samples()[0].key, "partly/0");
  EXPECT_THAT(dataset->notes().front(), testing::HasSubstr("3 words have no times"));
}

TEST(Spread, TakesNoMoreThanAskedFromAllOver) {
  EXPECT_EQ(spread(7, 3), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(spread(3, 7), (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(spread(0, 7).empty());
  const std::vector<int> many = spread(599, 300);
  EXPECT_EQ(many.size(), 300u);
  EXPECT_EQ(many.back(), 597);
}

TEST(Spread, ShowsMouthsOfOneSizeOnly) {
  TemporaryFolder folder;
  io::ShardWriter writer(folder.path(), "sizes");
  int number = 0;
  for (const int size : {8, 8, 16, 8}) {
    io::Clip clip;
    clip.key = fmt::format("clip-{}", number++);
    clip.split = "train";
    clip.mouth = {1, size, size, std::vector<uint8_t>(static_cast<size_t>(size * size), 7)};
    writer.add(clip);
  }
  writer.finish();
  const io::Frames mouths = sample_mouths(folder.path(), 10);
  EXPECT_EQ(mouths.count, 3);
  EXPECT_EQ(mouths.height, 8);
  EXPECT_EQ(mouths.pixels.size(), 3u * 64);
}

}  // namespace
}  // namespace avsr::pipeline
