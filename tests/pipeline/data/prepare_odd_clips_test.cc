// Clips that are not as the others: none of them stops a corpus, and each is reported.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/shards.h"
#include "pipeline/data/dataset.h"
#include "pipeline/data/prepare_parts.h"
#include "preprocessing/random.h"
#include "tests/pipeline/data/prepare_fixture.h"

namespace avsr::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST_F(Prepare, LeavesOutAClipWhoseTextIsNotUtf8) {
  put(corpus / "NO/train/NO_00001.txt", "Duration: 0.5 seconds\nSpeaker: Ren\xE9\n");
  const PrepareResult result = prepare_corpus(options);
  EXPECT_EQ(result.clips, 5);
  EXPECT_THAT(result.reasons, ElementsAre(Pair("ok", 5), Pair("unreadable", 2)));
  const json left_out = read_json(options.out + "/quality.json")["not_ok"];
  ASSERT_EQ(left_out.size(), 2u);
  EXPECT_THAT(left_out[0]["error"].get<std::string>(), testing::AllOf(HasSubstr("train_NO_00001"), HasSubstr("UTF-8")));
  EXPECT_TRUE(prepare_corpus(options).already_done);
}

TEST_F(Prepare, FindsAClipOfAnotherFrameSizeDoubtful) {
  io::Frames small{29, 128, 160, {}};
  small.pixels.assign(small.frame_size() * 29, 100);
  io::Waveform silence;
  silence.samples.resize(29 * io::kSamplesPerFrame);
  io::write_video((corpus / "NO/train/NO_00001.mp4").string(), small, silence, {});
  const PrepareResult result = prepare_corpus(options);
  EXPECT_THAT(result.reasons, ElementsAre(Pair("ok", 5), Pair("other_size", 1), Pair("unreadable", 1)));
  EXPECT_EQ(result.doubtful, 1);
  EXPECT_EQ(io::ShardDataset::open(options.out, "train").record(0).clip.quality.reason, "other_size");
  const json crop = read_json(options.out + "/dataset.json")["crop"];
  EXPECT_EQ(crop["source_height"], 256) << "the size of most clips";
  EXPECT_EQ(crop["source_width"], 256);
}

TEST_F(Prepare, RemovesWhatAKilledRunHasLeft) {
  const std::string nobody = ".tmp-999999999-0-";  // no process has such a number
  fs::create_directories(fs::path(options.out) / ".parts");
  put(options.out + "/" + nobody + "train-0000-000000.tar", "half a shard");
  put(options.out + "/.parts/" + nobody + "plan.json", "{");
  put(options.out + "/.tmp-notes", "somebody's own");
  prepare_corpus(options);
  EXPECT_FALSE(fs::exists(options.out + "/" + nobody + "train-0000-000000.tar"));
  EXPECT_FALSE(fs::exists(options.out + "/.parts/" + nobody + "plan.json"));
  EXPECT_TRUE(fs::exists(options.out + "/.tmp-notes"));
}

TEST_F(Prepare, PacksADamagedShardAgain) {
  prepare_corpus(options);
  const auto whole = files_of(options.out);
  fs::resize_file(options.out + "/train-0001-000000.tar", 1000);
  EXPECT_FALSE(prepare_corpus(options).already_done);
  put(options.out + "/dataset.json", "");
  EXPECT_FALSE(prepare_corpus(options).already_done);
  EXPECT_TRUE(files_of(options.out) == whole);
  put(options.out + "/.parts/plan.json", "");
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("another folder"));
}

TEST_F(Prepare, ChangedWordsAreAnotherPlan) {
  put(corpus / "m.csv", "path,split,transcript,start,end\nYES/train/YES_00001.mp4,train,oh yes,0.2,0.9\n");
  options.corpus = (corpus / "m.csv").string();
  options.crop = "fixed";
  prepare_corpus(options);
  EXPECT_TRUE(prepare_corpus(options).already_done);
  put(corpus / "m.csv", "path,split,transcript,start,end\nYES/train/YES_00001.mp4,train,oh no!,0.2,0.9\n");
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("another folder"));
}

TEST_F(Prepare, ChangesItsPlanWhileNothingIsPacked) {
  options.crop = "tracked";
  options.face_model = folder / "none.dat";
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("none.dat"));
  options.crop = "fixed";
  EXPECT_EQ(prepare_corpus(options).clips, 6);
  fs::remove(options.out + "/dataset.json");
  options.box.top = 100;
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("another folder"));
}

TEST_F(Prepare, RefusesToMixTheLandmarksOfTwoModels) {
  options.crop = "tracked";
  options.face_model = folder / "own.dat";
  const auto hash_of = [](const std::string& text) { return fmt::format("{:016x}", preprocessing::hash_text(text)); };
  const auto failure = [&] { return failure_of([&] { prepare_corpus(options); }); };
  put(options.face_model, "one");
  EXPECT_THAT(failure(), HasSubstr("not a landmark model")) << "but the folder is begun";
  put(options.out + "/train-0000-000000.tar", "packed by then");
  put(options.face_model, "another");
  EXPECT_THAT(failure(), testing::AllOf(HasSubstr(hash_of("one")), HasSubstr(hash_of("another"))));
  put(options.face_model, "one");
  EXPECT_THAT(failure(), HasSubstr("not a landmark model"));
  json plan = read_json(options.out + "/.parts/plan.json");
  EXPECT_EQ(plan.erase("face_model"), 1u);
  put(options.out + "/.parts/plan.json", plan.dump());
  EXPECT_THAT(failure(), HasSubstr("not a landmark model")) << "folders begun by older programs go on";
}

TEST_F(Prepare, OnlyTheShardsThatWereWrittenCount) {
  prepare_corpus(options);
  EXPECT_EQ(read_dataset_info(options.out).json["shards"].size(), 4u);
  const std::string own = options.out + "/train-0000-000000.tar", foreign = options.out + "/other.tar";
  const auto complaint = [&] { return failure_of([&] { Dataset::open(options.out, "train", {}); }); };
  fs::copy_file(own, foreign);
  EXPECT_EQ(complaint(), "") << "a shard from elsewhere is never opened, whatever clips it holds";
  EXPECT_THAT(shards_of(options.out), testing::AllOf(testing::SizeIs(4), testing::Contains(own)));
  fs::resize_file(own, fs::file_size(own) + 1);
  EXPECT_THAT(complaint(), testing::AllOf(HasSubstr(own), HasSubstr("bytes"), HasSubstr("avsr prepare")));
  fs::remove(own);
  EXPECT_THAT(complaint(), testing::AllOf(HasSubstr(own), HasSubstr("No such file")));
}

TEST_F(Prepare, FindsAClipDoubtfulWhoseEndLiesBeyondItsFile) {
  put(corpus / "m.csv",
      "path,split,transcript,start,end\nYES/train/YES_00001.mp4,train,yes,0.2,100\n"
      "YES/train/YES_00002.mp4,train,yes,0.2,1.16\n");
  options.corpus = (corpus / "m.csv").string();
  options.crop = "fixed";
  EXPECT_THAT(prepare_corpus(options).reasons, ElementsAre(Pair("ends_early", 1), Pair("ok", 1)));
  const json row = read_json(options.out + "/quality.json")["not_ok"][0];
  EXPECT_EQ(row["notes"][0], "its video or sound ends 98.84 s before the clip's end at 100 s");
}

TEST_F(Prepare, FindsAClipDoubtfulWhoseSoundEndsBeforeIt) {
  io::Frames pictures{29, 256, 256, {}};
  pictures.pixels.assign(pictures.frame_size() * 29, 100);
  io::Waveform hum;
  for (int i = 0; i < 10 * io::kSamplesPerFrame; ++i)
    hum.samples.push_back(0.2f * std::sin(0.1f * static_cast<float>(i)));
  io::write_video((corpus / "YES/train/YES_00001.mp4").string(), pictures, hum, {});
  put(corpus / "m.csv", "path,split,transcript,start,end\nYES/train/YES_00001.mp4,train,yes,0,1.16\n");
  options.corpus = (corpus / "m.csv").string();
  options.crop = "fixed";
  EXPECT_THAT(prepare_corpus(options).reasons, ElementsAre(Pair("ends_early", 1)));
}

TEST_F(Prepare, ASecondStartTakesNothingFromARunThatHasJustBegun) {
  PreparedFolder first(options.out), second(options.out);
  first.begin({{"clips", 1}});
  const fs::path parts = fs::path(options.out) / ".parts";
  put(parts / ".tmp-1-0-plan.json", "{");  // being written by process 1, which lives
  const auto written = fs::last_write_time(parts / "plan.json");
  second.begin({{"clips", 1}});
  EXPECT_EQ(fs::last_write_time(parts / "plan.json"), written);
  second.begin({{"clips", 2}});
  EXPECT_EQ(read_json(parts / "plan.json"), json({{"clips", 2}}));
  EXPECT_TRUE(fs::exists(parts / ".tmp-1-0-plan.json"));
}

TEST_F(Prepare, TriesAgainWhatCouldNotBePackedWhereNothingElseWas) {
  for (const char* name : {"YES", "NO/test"}) fs::remove_all(corpus / name);
  const std::string good = io::read_text_file((corpus / "NO/train/NO_00001.mp4").string());
  for (const char* name : {"NO_00001.mp4", "NO_00002.mp4"})
    put(corpus / "NO/train" / name, std::string(good.size(), '-'));
  options.crop = "fixed";
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("not one of 3 clips"));
  put(corpus / "NO/train/NO_00001.mp4", good);
  EXPECT_EQ(prepare_corpus(options).clips, 1);
}

TEST_F(Prepare, RefusesABoxBeyondAnyImage) {
  options.crop = "fixed";
  options.box.left = 2147483600;
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("crop box"));
  options.box = {0, 0, 60000, 60000};
  EXPECT_THAT(failure_of([&] { prepare_corpus(options); }), HasSubstr("crop box"));
}

}  // namespace
}  // namespace avsr::pipeline
