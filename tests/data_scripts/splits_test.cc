#include "data_scripts/splits.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace avsr::data_scripts {
namespace {

using testing::HasSubstr;

Source clip(const std::string& key, const std::string& speaker, const std::string& label) {
  Source source;
  source.key = key;
  source.speaker = speaker;
  source.label = label;
  return source;
}

std::vector<Source> clips_of(int speakers, int clips_each) {
  std::vector<Source> sources;
  for (int s = 0; s < speakers; ++s)
    for (int c = 0; c < clips_each; ++c)
      sources.push_back(clip(fmt::format("s{}_{}", s, c), fmt::format("s{}", s), c % 2 ? "YES" : "NO"));
  return sources;
}

std::map<std::string, int> count(const std::vector<Source>& sources) {
  std::map<std::string, int> counts;
  for (const Source& source : sources) ++counts[source.split];
  return counts;
}

TEST(Splits, ASpeakerStaysInOneOfThem) {
  auto sources = clips_of(20, 10);
  EXPECT_THAT(assign_splits(sources), HasSubstr("20 speakers"));
  std::map<std::string, std::set<std::string>> splits;
  for (const Source& source : sources) splits[source.speaker].insert(source.split);
  for (const auto& [speaker, where] : splits) EXPECT_EQ(where.size(), 1u) << speaker;
  EXPECT_EQ(count(sources), (std::map<std::string, int>{{"train", 160}, {"val", 20}, {"test", 20}}));
}

TEST(Splits, NoneIsEmptyHoweverUnevenTheSpeakers) {
  for (int loud = 0; loud < 3; ++loud) {
    auto sources = clips_of(3, 2);
    for (int i = 0; i < 500; ++i) sources.push_back(clip(fmt::format("more{}", i), fmt::format("s{}", loud), "YES"));
    assign_splits(sources);
    EXPECT_EQ(count(sources).size(), 3u) << loud;
  }
}

TEST(Splits, WithoutSpeakersEachLabelIsDealtAlike) {
  for (const int known : {0, 1}) {  // two speakers are too few
    auto sources = clips_of(2, 100);
    if (!known) sources.front().speaker.clear();
    EXPECT_THAT(assign_splits(sources), HasSubstr("clip by clip"));
    std::map<std::pair<std::string, std::string>, int> counts;
    for (const Source& source : sources) ++counts[{source.label, source.split}];
    for (const char* label : {"YES", "NO"}) {
      EXPECT_EQ((counts[{label, "train"}]), 80);
      EXPECT_EQ((counts[{label, "val"}]), 10);
      EXPECT_EQ((counts[{label, "test"}]), 10);
    }
  }
}

TEST(Splits, DoNotDependOnTheOrder) {
  auto sources = clips_of(9, 7), turned = sources;
  std::reverse(turned.begin(), turned.end());
  assign_splits(sources);
  assign_splits(turned);
  std::reverse(turned.begin(), turned.end());
  for (size_t i = 0; i < sources.size(); ++i) EXPECT_EQ(sources[i].split, turned[i].split) << sources[i].key;
}

}  // namespace
}  // namespace avsr::data_scripts
