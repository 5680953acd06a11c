// What the commands refuse before they compute anything: no model and no data are needed to see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/temporary_folder.h"
#include "pipeline/evaluation/evaluate.h"
#include "tests/pipeline/command_call.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::put;

Outcome evaluate_with(Arguments more) {
  more.insert(more.begin(), {"absent.safetensors", "--data", "absent"});
  return call(run_evaluate, more);
}

Outcome transcribe_with(Arguments more) {
  more.insert(more.begin(), {"absent.safetensors"});
  return call(run_transcribe, more);
}

TEST(CommandRefusals, ValuesOutOfRangeAreNamed) {
  EXPECT_THAT(evaluate_with({"--seed", "-1"}).misuse, HasSubstr("--seed: expected 0 or more, got -1"));
  EXPECT_THAT(evaluate_with({"--split", ""}).misuse, HasSubstr("--split is empty"));
  EXPECT_THAT(evaluate_with({"--workers", "-3"}).misuse, HasSubstr("--workers: expected 0 to 1024, got -3"));
  EXPECT_THAT(evaluate_with({"--workers", "2000000000"}).misuse, HasSubstr("--workers: expected 0 to 1024"));
  EXPECT_THAT(evaluate_with({"--cache-gb", "-1"}).misuse, HasSubstr("--cache-gb"));
  EXPECT_THAT(evaluate_with({"--voices", "3"}).misuse, HasSubstr("at least 8 voices, got 3"));
  EXPECT_THAT(evaluate_with({"--noise", "absent.wav"}).misuse, HasSubstr("absent.wav"));
  EXPECT_THAT(evaluate_with({"--threads", "-1"}).misuse, HasSubstr("--threads: expected 0 to 1024, got -1"));
  const io::TemporaryFolder folder;
  const std::string out = folder / "text";
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", out, "--top", "-1"}).misuse, HasSubstr("--top: expected 0 or more"));
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", out, "--format", ""}).misuse, HasSubstr("--format is empty"));
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", out, "--format", ","}).misuse, HasSubstr("--format is empty"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(CommandRefusals, AFileInPlaceOfTheOutputFolderIsNoticedFirst) {
  const io::TemporaryFolder folder;
  put(folder / "file", "text");
  const auto names_it = AllOf(HasSubstr(folder / "file"), HasSubstr("expected a folder"));
  EXPECT_THAT(evaluate_with({"--out", folder / "file"}).failure, names_it);
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", folder / "file"}).failure, names_it);
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", folder / "file/deeper"}).failure, HasSubstr("cannot create"));
  EXPECT_THAT(transcribe_with({"a.mp4", "--out", "/proc"}).failure, HasSubstr("/proc"));
}

TEST(CommandRefusals, ModelsComeFirstAndSharesAreWrittenIOfN) {
  const io::TemporaryFolder folder;
  EXPECT_THAT(transcribe_with({"a.mp4", "late.safetensors", "--out", folder / "text"}).misuse,
              AllOf(HasSubstr("late.safetensors"), HasSubstr("a.mp4"), HasSubstr("models come first")));
  EXPECT_THAT(transcribe_with({"--out", folder / "text"}).misuse, HasSubstr("at least one media file"));
  EXPECT_THAT(transcribe_with({"a.mp4", "--shard", "5/4", "--out", folder / "text"}).misuse,
              HasSubstr("--shard: expected i/n"));
  EXPECT_THAT(transcribe_with({"a.mp4", "--jobs", "-2", "--out", folder / "text"}).misuse,
              HasSubstr("--jobs: expected 0 to 1024, got -2"));
  EXPECT_FALSE(std::filesystem::exists(folder / "text"));
}

}  // namespace
}  // namespace avsr::pipeline
