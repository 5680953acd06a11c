#include "pipeline/batch/inputs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "io/temporary_folder.h"
#include "pipeline/batch/outputs.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Inputs : public testing::Test {
 protected:
  Inputs() {
    for (const char* name : {"talks/b.MP4", "talks/a.mkv", "talks/2024/a.wav", "talks/notes.txt", "talks/.hidden.mp4",
                             "talks/a.overlay.mp4", "talks/out/c.mp4", "talks/README", "other/a.mkv"})
      tests::put(folder_ / name, "x");
  }
  InputList find(std::vector<std::string> named) const {
    for (std::string& name : named)
      if (name.front() != '@') name = folder_ / name;
    return find_inputs(named, folder_ / "talks/out");
  }
  static std::vector<std::string> relatives(const InputList& list) {
    std::vector<std::string> names;
    for (const InputFile& file : list.files) names.push_back(file.relative);
    return names;
  }

  const io::TemporaryFolder folder_;
};

TEST_F(Inputs, AFolderGivesItsMediaAndSaysWhatItIgnored) {
  const InputList list = find({"talks"});
  EXPECT_THAT(relatives(list), ElementsAre("2024/a.wav", "a.mkv", "b.MP4"));
  EXPECT_EQ(list.files[0].path, folder_ / "talks/2024/a.wav");
  EXPECT_EQ(list.files[0].root, "talks");
  EXPECT_EQ(list.ignored_count(), 4);
  EXPECT_EQ(list.ignored.at(".txt").size(), 1u);
  EXPECT_EQ(list.ignored.at("").size(), 1u);
  EXPECT_EQ(list.ignored.at("hidden").size(), 1u);
}

TEST_F(Inputs, NamedFilesMayHaveAnyEndingAndNoneComesTwice) {
  EXPECT_THAT(relatives(find({"talks/notes.txt", "talks/a.mkv", "talks", "talks/../talks/a.mkv"})),
              ElementsAre("2024/a.wav", "a.mkv", "b.MP4", "notes.txt"));
}

TEST_F(Inputs, PatternsAndListsAreReadHere) {
  EXPECT_THAT(relatives(find({"talks/*.m*"})), ElementsAre("a.mkv"));
  const std::string list = folder_ / "list.txt";
  tests::put(list, fmt::format("# two talks\n{}\r\n\n{}\n", folder_ / "talks/a.mkv", folder_ / "other"));
  const InputList found = find({fmt::format("@{}", list)});
  EXPECT_THAT(relatives(found), ElementsAre("a.mkv", "a.mkv"));
  EXPECT_THAT(tests::failure_of([&] { find({fmt::format("@{}", folder_ / "absent.txt")}); }), HasSubstr("absent.txt"));
}

TEST_F(Inputs, WhatIsNotThereStaysInTheList) {
  fs::create_directories(folder_ / "talks/empty.mp4");
  fs::create_symlink("nowhere", folder_ / "talks/link.mp4");
  const InputList list = find({"talks", "absent.mp4", "*.avi", "talks/empty.mp4"});
  EXPECT_THAT(relatives(list),
              UnorderedElementsAre("2024/a.wav", "a.mkv", "b.MP4", "absent.mp4", "*.avi", "empty.mp4", "link.mp4"));
  for (const InputFile& file : list.files) EXPECT_EQ(!file.problem.empty(), file.relative == "*.avi") << file.path;
  fs::create_directories(folder_ / "nothing");
  EXPECT_THAT(find({"nothing"}).files.at(0).problem, HasSubstr("no media file"));
}

TEST(OutputStems, MirrorTheInputsAndNeverCollide) {
  const auto stems = [](const std::vector<InputFile>& files) { return output_stems(files, {"summary"}); };
  EXPECT_THAT(stems({{"x/d/talk.mp4", "d/talk.mp4", "x", ""}, {"x/e.f.wav", "e.f.wav", "x", ""}}),
              ElementsAre("d/talk", "e.f"));
  EXPECT_THAT(stems({{"x/talk.mp4", "talk.mp4", "x", ""}, {"x/talk.mkv", "talk.mkv", "x", ""}}),
              ElementsAre("talk.mp4", "talk.mkv"))
      << "both keep their ending";
  EXPECT_THAT(stems({{"a/talk.mp4", "talk.mp4", "a", ""}, {"b/talk.mp4", "talk.mp4", "b", ""}}),
              ElementsAre("a/talk.mp4", "b/talk.mp4"));
  EXPECT_THAT(stems({{"2/a/talk.mp4", "talk.mp4", "a", ""}, {"1/a/talk.mp4", "talk.mp4", "a", ""}}),
              ElementsAre("a/talk.mp4-3", "a/talk.mp4-2"))
      << "by path, not by order";
  EXPECT_THAT(stems({{"x/summary.mp4", "summary.mp4", "x", ""}}), ElementsAre("summary.mp4"));
  EXPECT_THAT(
      stems({{"x/a.mp4", "a.mp4", "x", ""}, {"x/a.mkv", "a.mkv", "x", ""}, {"x/a.mp4.wav", "a.mp4.wav", "x", ""}}),
      ElementsAre("x/a.mp4", "a.mkv", "a.mp4"))
      << "a name that is a stem already is not given away";
}

}  // namespace
}  // namespace avsr::pipeline
