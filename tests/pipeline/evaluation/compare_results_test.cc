#include "pipeline/evaluation/compare_results.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "io/temporary_folder.h"

namespace avsr::pipeline {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// Ten clips of two words, each a recording of its own.
json results(const std::string& model, const std::string& right) {
  json clips{{"keys", json::array()}, {"words", json::array()}, {"groups", json::array()}};
  for (int i = 0; i < 10; ++i) {
    clips["keys"].push_back(fmt::format("clip{}", i));
    clips["words"].push_back(i < 5 ? "red" : "blue");
    clips["groups"].push_back(i);
  }
  json row{{"model", model},    {"noise", "none"},    {"snr_db", "clean"},
           {"damage", nullptr}, {"missing", nullptr}, {"right", right}};
  return {{"rows", {row}},
          {"clips", clips},
          {"noises", json::array()},
          {"data", {{"split", "test"}, {"hash", "0"}, {"seed", 1}}}};
}

TEST(CompareResults, TellsGainFromChance) {
  const ResultsChange change = compare_results(results("a", "0000000000"), results("a", "1111111110"));
  ASSERT_EQ(change.rows.size(), 1u);
  const RowChange& row = change.rows[0];
  EXPECT_EQ(row.model, "a");
  EXPECT_EQ(row.condition, "clean");
  EXPECT_DOUBLE_EQ(row.before, 0);
  EXPECT_DOUBLE_EQ(row.after, 0.9);
  EXPECT_EQ(row.gained, 9);
  EXPECT_EQ(row.lost, 0);
  EXPECT_DOUBLE_EQ(row.p, 2.0 / 512);  // 9 of 9 the same way
  ASSERT_TRUE(row.interval);
  EXPECT_GT(row.interval->low, 0.5);
  ASSERT_EQ(change.words.size(), 2u);
  EXPECT_EQ(change.words[0].word, "red");
  EXPECT_EQ(change.words[0].after, 5);
  EXPECT_EQ(change.words[1].after, 4);
  EXPECT_TRUE(change.notes.empty());
  EXPECT_DOUBLE_EQ(compare_results(results("a", "0101010101"), results("a", "1010101010")).rows[0].p, 1);
}

TEST(CompareResults, ComparesWhatBothHaveAndSaysTheRest) {
  json before = results("a", "1111100000"), after = results("b", "111111110");
  after["clips"]["keys"].erase(0);  // clip0 is only in the first
  after["clips"]["words"].erase(0);
  after["clips"]["groups"].erase(0);
  after["data"]["seed"] = 2;
  const ResultsChange change = compare_results(before, after);
  EXPECT_EQ(change.clips, 9);
  EXPECT_DOUBLE_EQ(change.rows.at(0).before, 4.0 / 9);
  EXPECT_DOUBLE_EQ(change.rows.at(0).after, 8.0 / 9);
  EXPECT_THAT(change.notes, ElementsAre(HasSubstr("seed: 1 then 2"), HasSubstr("9 clips that both have, of 10 and 9"),
                                        HasSubstr("a is compared with b")));
}

TEST(CompareResults, MatchesSystemsByNameAndConditionsByWhatTheyAre) {
  json before = results("a", "1111100000"), after = results("a", "1111111111");
  json noisy = before["rows"][0];
  noisy["noise"] = "babble";
  noisy["snr_db"] = -5;
  noisy["missing"] = "video";
  before["rows"].push_back(noisy);
  noisy["right"] = "0000000000";
  after["rows"].insert(after["rows"].begin(), noisy);
  noisy["model"] = "b";
  after["rows"].push_back(noisy);
  const ResultsChange change = compare_results(before, after);
  ASSERT_EQ(change.rows.size(), 2u);
  EXPECT_EQ(change.rows[1].condition, "babble -5 dB, no video");
  EXPECT_EQ(change.rows[1].lost, 5);
  EXPECT_GE(change.rows[0].p_holm, change.rows[0].p);
  EXPECT_THAT(change.notes, ElementsAre(HasSubstr("0 rows are only in the first, 1 only in the second")));
}

// Ten sentences of two words; heard: of all of them.
json sentences(const std::string& heard, const std::string& decoding = "greedy") {
  json made = results("a", "0000000000");
  made["kind"] = "sentences";
  made["clips"]["words"] = std::vector<int>(10, 2);
  made["clips"]["texts"] = std::vector<std::string>(10, "bin blue");
  json& row = made["rows"][0];
  row.erase("right");
  row["decoding"] = decoding;
  row["heard"] = std::vector<std::string>(10, heard);
  row["errors"] = std::vector<int>(10, heard == "bin blue" ? 0 : 1);
  return made;
}

TEST(CompareResults, OfSentencesComparesWordErrorRates) {
  json before = sentences("bin red"), after = sentences("bin blue");
  after["rows"][0]["errors"][9] = 3;
  after["rows"][0]["heard"][9] = "pin glue at";
  const ResultsChange change = compare_results(before, after);
  EXPECT_TRUE(change.sentences);
  ASSERT_EQ(change.rows.size(), 1u);
  const RowChange& row = change.rows[0];
  EXPECT_EQ(row.condition, "clean; greedy");
  EXPECT_DOUBLE_EQ(row.before, 10.0 / 20);
  EXPECT_DOUBLE_EQ(row.after, 3.0 / 20);
  EXPECT_EQ(row.lost, 1);
  EXPECT_EQ(row.gained, 9);
  // Nine ones and a two with a sum of 7 or more: none is minus, one of the ones, the two, or two of the ones.
  EXPECT_DOUBLE_EQ(row.p, 2.0 * (1 + 9 + 1 + 36) / 1024);
  ASSERT_TRUE(row.interval);
  EXPECT_LT(row.interval->high, 0);
  ASSERT_EQ(change.words.size(), 2u);
  EXPECT_EQ(change.words[0].word, "blue");
  EXPECT_EQ(change.words[0].before, 0);
  EXPECT_EQ(change.words[0].after, 9);
  EXPECT_EQ(change.words[1].word, "bin");
  EXPECT_EQ(change.words[1].after, 9);
}

TEST(CompareResults, OfSentencesMatchesWhatWasReadInTheSameWay) {
  EXPECT_THROW(compare_results(sentences("bin red"), sentences("bin red", "grammar")), std::invalid_argument);
  EXPECT_THROW(compare_results(sentences("bin red"), results("a", "0000000000")), std::invalid_argument);
  json two = sentences("bin red");
  two["rows"].push_back(sentences("bin blue", "grammar")["rows"][0]);
  EXPECT_EQ(compare_results(two, two).rows.size(), 2u);
  const io::TemporaryFolder folder;
  two["rows"][1]["errors"].erase(0);
  std::ofstream(folder / "results.json") << two;
  EXPECT_THROW(read_results(folder.path()), std::runtime_error);
}

TEST(CompareResults, RefusesWhatHasNothingInCommon) {
  json other = results("a", "1111111111");
  for (json& key : other["clips"]["keys"]) key = fmt::format("x{}", key.get<std::string>());
  EXPECT_THROW(compare_results(results("a", "1111111111"), other), std::invalid_argument);
  json two = results("b", "1111111111");
  two["rows"].push_back(two["rows"][0]);
  two["rows"][1]["model"] = "c";
  EXPECT_THROW(compare_results(results("a", "1111111111"), two), std::invalid_argument);
}

TEST(CompareResults, ReadsAFolderAndNamesAFileThatIsNone) {
  const io::TemporaryFolder folder;
  std::ofstream(folder / "results.json") << results("a", "1111111111");
  EXPECT_EQ(read_results(folder.path()).at("rows").size(), 1u);
  std::ofstream(folder / "short.json") << results("a", "111");
  std::ofstream(folder / "text.json") << "no json";
  for (const char* name : {"short.json", "text.json"}) {
    try {
      read_results(folder / name);
      FAIL() << name;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
  EXPECT_THROW(read_results(folder / "absent.json"), std::runtime_error);
}

}  // namespace
}  // namespace avsr::pipeline
