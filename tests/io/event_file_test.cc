// The bytes of event files, read back by a reader that shares nothing with the writer.
// read_with_tensorboard.py beside this file lets TensorBoard itself read them.
#include "io/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "io/temporary_folder.h"
#include "tests/full_disk.h"
#include "tests/io/event_records.h"

namespace avsr::io {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using namespace tests;  // NOLINT: the reader

TEST(EventFile, ChecksumsAreCastagnolis) {
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(reinterpret_cast<const uint8_t*>(digits.data()), digits.size()), 0xe3069283u);  // RFC 3720's check
}

TEST(EventFile, HoldsVersionStartAndScalars) {
  const TemporaryFolder folder;
  EventFile file(folder / "run/stage", 301);
  file.add(301, {{"loss/train", 2.5}, {"rate", 3e-4}});
  file.add(1'000'000'000'000, {{"loss/train", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_THAT(file.path(), EndsWith("run/stage/events.out.tfevents.000001"));

  const auto records = records_of(file.path());
  ASSERT_EQ(records.size(), 4u);
  const auto version = fields_of(records[0]), start = fields_of(records[1]);
  ASSERT_EQ(version.size(), 3u);
  EXPECT_EQ(version[2].number, 3u);
  EXPECT_EQ(text_of(version[2]), "brain.Event:2");
  ASSERT_EQ(start.size(), 3u);
  EXPECT_EQ(start[1].varint, 301u);
  EXPECT_EQ(start[2].number, 7u);
  EXPECT_THAT(start[2].bytes, ElementsAre(8, 1));  // status: START

  const auto event = fields_of(records[2]);
  ASSERT_EQ(event.size(), 3u);
  EXPECT_GT(number_at<double>(event[0].bytes.data()), 1.7e9);  // seconds since 1970
  EXPECT_EQ(event[1].varint, 301u);
  EXPECT_EQ(event[2].number, 5u);
  const auto values = fields_of(event[2].bytes);
  ASSERT_EQ(values.size(), 2u);
  const auto loss = fields_of(values[0].bytes), rate = fields_of(values[1].bytes);
  EXPECT_EQ(text_of(loss[0]), "loss/train");
  EXPECT_EQ(number_at<float>(loss[1].bytes.data()), 2.5f);
  EXPECT_EQ(text_of(rate[0]), "rate");
  EXPECT_EQ(number_at<float>(rate[1].bytes.data()), 3e-4f);

  const auto late = fields_of(records[3]);
  EXPECT_EQ(late[1].varint, 1'000'000'000'000u);
  const auto nan = fields_of(fields_of(late[2].bytes)[0].bytes);
  EXPECT_TRUE(std::isnan(number_at<float>(nan[1].bytes.data())));
}

TEST(EventFile, AResumedRunWritesAFileThatIsReadLater) {
  const TemporaryFolder folder;
  std::vector<std::string> names;
  for (int run = 0; run < 11; ++run) names.push_back(EventFile(folder / "stage", run).path());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names.back(), EndsWith("events.out.tfevents.000011"));
}

TEST(EventFile, NamesTheFileThatAFullDiskCutsOff) {
  const TemporaryFolder folder;
  EventFile file(folder / "stage", 1);
  const tests::FullDisk full(200);
  try {
    for (int step = 1; step < 20; ++step) file.add(step, {{"loss/train", 1}});
    FAIL() << "wrote onto a full disk";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("stage/events.out.tfevents.000001: cannot be written"));
  }
}

}  // namespace
}  // namespace avsr::io
