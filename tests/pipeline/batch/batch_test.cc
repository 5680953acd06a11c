// The batch around a transcriber that only pretends: what is done, skipped, made again, and told.
#include "pipeline/batch/batch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <stdexcept>
#include <thread>

#include "io/atomic_file.h"
#include "io/temporary_folder.h"
#include "pipeline/batch/batch_display.h"
#include "pipeline/batch/formats.h"
#include "pipeline/batch/turns.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// "Says" its file's text, one word for each 0.4 s; a file with "bad" in its text cannot be read.
Transcript pretend(const std::string& path) {
  const std::string text = io::read_text_file(path);
  if (text.find("bad") != std::string::npos) throw std::runtime_error(fmt::format("{}: is empty (0 bytes)", path));
  Transcript transcript;
  transcript.media.path = path;
  transcript.frames = 50;
  transcript.words.push_back({{text, 0.4, 0.8, 0.9}});
  return transcript;
}

// All files of a folder with their texts, the summary's account of the run itself and times apart.
std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::string text = io::read_text_file(entry.path());
    if (entry.path().filename().string().starts_with("summary")) {
      json summary = json::parse(text);
      summary.erase("this_run");
      text = summary.dump();
    }
    files[fs::relative(entry.path(), folder).string()] = text;
  }
  return files;
}

class BatchTest : public testing::Test {
 protected:
  BatchTest() {
    for (int i = 0; i < 9; ++i) put(fmt::format("s{}/clip{}.mp4", i % 3, i), fmt::format("word{}", i));
    put("bad.mp4", "bad");
    put("notes.txt", "x");
    settings_.formats = {"txt", "json"};
    settings_.made_with = {{"model", 1}};
    settings_.jobs = 2;
  }
  void put(const std::string& name, const std::string& text) const { tests::put(folder_ / ("in/" + name), text); }

  Summary run(const std::string& out) {
    settings_.out = folder_ / out;
    Turns turns;
    BatchWork work = work_;
    if (!work.transcribe)
      work.transcribe = [&](const std::string& path, const FileTick& tick) {
        tick(25, 50);
        Transcript transcript;
        turns.run([&] { transcript = pretend(path); });
        return transcript;
      };
    testing::internal::CaptureStderr();
    const Summary summary = run_batch(find_inputs({folder_ / "in"}, settings_.out), settings_, work, turns, stop_);
    said_ = testing::internal::GetCapturedStderr();
    return summary;
  }
  json summary(const std::string& out, const Shard& shard = {}) const {
    return json::parse(io::read_text_file(folder_ / (out + "/" + summary_name(shard))));
  }
  fs::file_time_type time_of(const std::string& file) const { return fs::last_write_time(folder_ / file); }

  const io::TemporaryFolder folder_;
  BatchSettings settings_;
  BatchWork work_;
  std::atomic<bool> stop_{false};
  std::string said_;
};

TEST_F(BatchTest, GoodFilesGiveResultsAndABadOneIsNamed) {
  const Summary got = run("out");
  EXPECT_EQ(got.state, "finished");
  EXPECT_EQ(io::read_text_file(folder_ / "out/s1/clip4.txt"), "word4\n");
  EXPECT_EQ(json::parse(io::read_text_file(folder_ / "out/s1/clip4.json")).at("words").at(0).at("text"), "word4");
  const json told = summary("out");
  EXPECT_EQ(told.at("good"), 9);
  EXPECT_EQ(told.at("failed"), 1);
  EXPECT_EQ(told.at("left"), 0);
  EXPECT_EQ(told.at("video_seconds"), 18);
  EXPECT_EQ(told.at("ignored").at(".txt"), 1);
  EXPECT_EQ(told.at("results").at(0).at("output"), "s0/clip0");
  const json& failure = told.at("failures").at(0);
  EXPECT_EQ(failure.at("file"), folder_ / "in/bad.mp4");
  EXPECT_EQ(failure.at("found"), "is empty (0 bytes)");
  EXPECT_EQ(failure.at("do"), "copy or download it again");
  EXPECT_FALSE(fs::exists(folder_ / "out/bad.txt"));
  EXPECT_THAT(closing_text(got, "out"), AllOf(HasSubstr("9 of 10 files are transcribed (9 now, 0 before)"),
                                              HasSubstr("1 of 10 files failed"), HasSubstr("in/bad.mp4")));
  EXPECT_THAT(said_, HasSubstr("1 files in the folders are not media: 1 .txt"));
}

TEST_F(BatchTest, ASecondRunKeepsWhatIsFinished) {
  run("out");
  const auto before = contents(folder_ / "out");
  const auto time = time_of("out/s0/clip0.txt");
  const Summary again = run("out");
  EXPECT_EQ(again.kept, 9);
  EXPECT_EQ(again.failures.size(), 1u) << "a failure is tried again";
  EXPECT_EQ(time_of("out/s0/clip0.txt"), time);
  EXPECT_EQ(contents(folder_ / "out"), before);
  EXPECT_THAT(said_, HasSubstr("9 of 10 files were finished before"));
  settings_.overwrite = true;
  EXPECT_EQ(run("out").kept, 0);
  EXPECT_EQ(contents(folder_ / "out"), before);
}

TEST_F(BatchTest, WhatHasChangedIsMadeAgainAndSaidWhy) {
  run("out");
  put("s0/clip0.mp4", "another");
  fs::remove(folder_ / "out/s1/clip1.json");
  put("bad.mp4", "good");
  const Summary again = run("out");
  EXPECT_EQ(again.kept, 7);
  EXPECT_THAT(again.made_again, ElementsAre(std::pair("a result is gone", 1), std::pair("the file has changed", 1)));
  EXPECT_EQ(io::read_text_file(folder_ / "out/s0/clip0.txt"), "another\n");
  EXPECT_TRUE(again.failures.empty());

  settings_.made_with = {{"model", 2}};
  settings_.formats = {"srt"};
  const Summary other = run("out");
  EXPECT_EQ(other.kept, 0);
  EXPECT_EQ(other.made_again.at("the models or settings have changed"), 10);
  EXPECT_FALSE(fs::exists(folder_ / "out/s0/clip0.txt")) << "of the old model";
  settings_.formats = {"vtt"};
  EXPECT_EQ(run("out").made_again.at("another format is wanted"), 10);
  EXPECT_TRUE(fs::exists(folder_ / "out/s0/clip0.srt")) << "as right as the new one";
  settings_.formats = {"srt", "vtt"};
  EXPECT_EQ(run("out").kept, 10);
}

TEST_F(BatchTest, ResultsAreTheSameForAnyNumberOfJobs) {
  run("two");
  settings_.jobs = 7;
  run("seven");
  settings_.jobs = 1;
  run("one");
  const auto one = contents(folder_ / "one"), two = contents(folder_ / "two");
  ASSERT_EQ(one.size(), 9 * 3 + 1u);
  EXPECT_EQ(one, two);
  EXPECT_EQ(one, contents(folder_ / "seven"));
}

TEST_F(BatchTest, ShardsTogetherAreTheWhole) {
  run("whole");
  for (int index = 1; index <= 3; ++index) {
    settings_.shard = {index, 3};
    run("parts");
    EXPECT_EQ(merge_when_complete(settings_.out, 3).has_value(), index == 3);
  }
  auto whole = contents(folder_ / "whole"), parts = contents(folder_ / "parts");
  int files = 0;
  for (int index = 1; index <= 3; ++index) {
    files += summary("parts", {index, 3}).at("files").get<int>();
    parts.erase(summary_name({index, 3}));
  }
  EXPECT_EQ(files, 10);
  EXPECT_EQ(parts, whole);
}

TEST_F(BatchTest, AStoppedRunSaysSoAndTheNextOneEnds) {
  run("whole");
  settings_.jobs = 1;
  work_.transcribe = [&](const std::string& path, const FileTick&) {
    stop_ = true;  // while the first file is under way: it is finished
    return pretend(path);
  };
  const Summary stopped = run("out");
  EXPECT_EQ(stopped.state, "interrupted");
  EXPECT_EQ(summary("out").at("state"), "interrupted");
  EXPECT_EQ(stopped.good.size() + stopped.failures.size(), 1u);
  EXPECT_EQ(summary("out").at("left"), 9);
  EXPECT_THAT(closing_text(stopped, "out"), HasSubstr("9 are left"));
  stop_ = false;
  work_ = {};
  run("out");
  EXPECT_EQ(contents(folder_ / "out"), contents(folder_ / "whole"));
}

TEST_F(BatchTest, WhatAKilledRunLeftBehindGoesAway) {
  tests::put(folder_ / "out/s0/.tmp-12345-7-clip0.txt", "hal");
  tests::put(folder_ / "out/.avsr/s0/.tmp-12345-8-clip0.json", "{");
  tests::put(folder_ / "out/s0/.tmp-12345-9-foreign.txt", "of another program");
  run("out");
  EXPECT_FALSE(fs::exists(folder_ / "out/s0/.tmp-12345-7-clip0.txt"));
  EXPECT_FALSE(fs::exists(folder_ / "out/.avsr/s0/.tmp-12345-8-clip0.json"));
  EXPECT_TRUE(fs::exists(folder_ / "out/s0/.tmp-12345-9-foreign.txt"));
}

TEST_F(BatchTest, RefusesSettingsThatMakeNoSense) {
  settings_.formats = {"doc"};
  EXPECT_THAT(tests::failure_of([&] { settings_.validate(); }),
              HasSubstr("no 'doc'; the formats are txt, srt, vtt, tsv, json, textgrid"));
  settings_.formats = {"txt"};
  settings_.jobs = -1;
  EXPECT_THAT(tests::failure_of([&] { settings_.validate(); }), HasSubstr("--jobs: expected 0 to 1024, got -1"));
}

TEST(Turns, DoOneThingAtATimeOnTheServingThreadAndHandBackErrors) {
  Turns turns;
  const std::thread::id here = std::this_thread::get_id();
  std::set<std::thread::id> where;
  int count = 0;
  std::string error;
  std::jthread asking([&] {
    std::vector<std::jthread> askers;
    for (int i = 0; i < 4; ++i)
      askers.emplace_back([&] {
        for (int n = 0; n < 200; ++n) turns.run([&] { where.insert(std::this_thread::get_id()), ++count; });
      });
    askers.clear();
    error = tests::failure_of([&] { turns.run([] { throw std::runtime_error("as thrown"); }); });
    turns.close();
  });
  turns.serve();
  asking.join();
  EXPECT_EQ(count, 800);
  EXPECT_THAT(where, ElementsAre(here));
  EXPECT_EQ(error, "as thrown");
}

TEST(Formats, JsonIsWrittenWordByWord) {
  Transcript transcript;
  const auto whole = [&] { return to_json(transcript).dump(2) + "\n"; };
  EXPECT_EQ(text_format("json").write(transcript, {}), whole());
  transcript.media.notes = {"a note\n  \"words\": []", "another"};
  transcript.audio_offset_seconds = 0.5;
  transcript.words.push_back({{"yes", 0, 0.5, 1}});
  transcript.words[0].alternatives = {{"yes", 0.9}, {"no", 0.1}};
  transcript.segments = {{0, 2, std::nullopt, "silence", kNoFace, "", {}},
                         {2, 4, models::Streams::video, "", 1, "yes", {{"yes", -1, -1, 0}}}};
  EXPECT_EQ(text_format("json").write(transcript, {}), whole());
  transcript.words.push_back({{"no\nline", 0.5, 1, 1}});
  EXPECT_EQ(text_format("json").write(transcript, {}), whole());
}

TEST(Formats, AFaceHasTiersOfItsOwn) {
  Transcript transcript;
  transcript.frames = 25;
  transcript.words.push_back({{"yes", 0, 0.5, 1}});
  transcript.words.push_back({{"no", 0.2, 0.6, 1}});
  transcript.words[0].face = 0;
  transcript.words[1].face = 1;
  const std::string grid = text_format("textgrid").write(transcript, {});
  EXPECT_THAT(grid, AllOf(HasSubstr("size = 4\n"), HasSubstr("\"words (face 0)\""), HasSubstr("\"segments (face 1)\""),
                          HasSubstr("\"yes\""), HasSubstr("\"no\"")));
  EXPECT_THAT(text_format("textgrid").write({}, {}), AllOf(HasSubstr("\"words\""), HasSubstr("\"segments\"")));
  EXPECT_EQ(text_format("txt").write(transcript, {}), "face 0: yes\nface 1: no\n");
  EXPECT_THAT(text_format("srt").write(transcript, {}), HasSubstr("00:00:00,200 --> 00:00:00,600\nface 1: no\n"));
  transcript.words.push_back({{"indeed", 0.6, 0.9, 1}});
  transcript.words.back().face = 1;
  EXPECT_EQ(text_format("txt").write(transcript, {}), "face 0: yes\nface 1: no indeed\n");
  EXPECT_EQ(text_format("txt").write(transcript, {.max_words = 1}), "face 0: yes\nface 1: no\nface 1: indeed\n");
  transcript.words.resize(1);
  EXPECT_EQ(text_format("txt").write(transcript, {}), "yes\n");  // nobody to be told apart from
}

}  // namespace
}  // namespace avsr::pipeline
