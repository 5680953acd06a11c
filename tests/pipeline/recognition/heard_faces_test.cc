#include "pipeline/recognition/heard_faces.h"

#include <gtest/gtest.h>

namespace avsr::pipeline {
namespace {

SpokenWord word(const std::string& text, double start, double end) {
  return {{text, start, end, 0.9}, false, models::Streams::video, kNoFace, {}};
}
Segment segment(double start, double end, const std::string& text) {
  return {start, end, models::Streams::video, "", kNoFace, text, {}};
}

TEST(HeardFaces, WordsAreOfTheFaceThatWasReadInTheirMiddle) {
  Heard heard{{word("bin", 0.1, 0.5), word("blue", 0.9, 1.3), word("at", 3, 3.2)}, {segment(0, 3.5, "bin blue at")}};
  const std::vector<SeenFace> seen{{2, 0, 20}, {1, 25, 50}};  // frames
  name_faces(seen, heard);
  EXPECT_EQ(heard.words[0].face, 2);
  EXPECT_EQ(heard.words[1].face, 1);
  EXPECT_EQ(heard.words[2].face, kNoFace);  // nobody was seen any more
  EXPECT_EQ(heard.segments[0].face, 1);
  name_faces({}, heard);
  EXPECT_EQ(heard.words[0].face, kNoFace);
}

TEST(HeardFaces, TimesCountFromTheFilesStartAndFacesAreJoinedInOrder) {
  Heard heard;
  add_face({.number = 2, .first_frame = 50, .frames = 100}, {{word("red", 0.5, 1)}, {segment(0, 4, "red")}}, heard);
  add_face({.number = 1, .first_frame = 0, .frames = 75}, {{word("bin", 1, 2)}, {segment(0, 3, "bin")}}, heard);
  add_face({.number = 3, .first_frame = 25, .frames = kFewestFaceFrames - 1}, {{word("lay", 0, 1)}, {}}, heard);
  sort_by_time(heard);
  ASSERT_EQ(heard.words.size(), 2u);  // the brief face's is left out
  EXPECT_EQ(heard.words[0].word.text, "bin");
  EXPECT_EQ(heard.words[0].face, 1);
  EXPECT_EQ(heard.words[1].word.start_seconds, 2.5);
  EXPECT_EQ(heard.words[1].face, 2);
  ASSERT_EQ(heard.segments.size(), 3u);
  EXPECT_EQ(heard.segments[1].missing, "seen too briefly");
  EXPECT_EQ(heard.segments[1].face, 3);
  EXPECT_EQ(heard.segments[1].start_seconds, 1);
  EXPECT_EQ(heard.segments[2].end_seconds, 6);
}

}  // namespace
}  // namespace avsr::pipeline
