#include "pipeline/recognition/text_alignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace avsr::pipeline {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const decoding::Symbols kSmall = decoding::Symbols::of_characters(" abcé");

TEST(TextAlignment, ATextIsWrittenAsTheModelWritesIt) {
  EXPECT_EQ(kSmall.text(spelled("  ab\n\tc  é ", kSmall)), "ab c é");
  EXPECT_EQ(kSmall.text(spelled("AB c", kSmall)), "ab c");
  const decoding::Symbols both = decoding::Symbols::of_characters(" aAb");
  EXPECT_EQ(both.text(spelled("Aa B", both)), "Aa b");
}

TEST(TextAlignment, NamesEveryCharacterThatTheModelLacks) {
  EXPECT_THAT([] { spelled("a, b? c, d", kSmall); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("\",\", \"?\", \"d\"")));
  EXPECT_THAT([] { spelled("añb", kSmall); }, ThrowsMessage<std::invalid_argument>(HasSubstr("\"ñ\"")));
  EXPECT_THAT([] { spelled(" \n", kSmall); }, ThrowsMessage<std::invalid_argument>(HasSubstr("no words")));
  EXPECT_THAT([] { spelled("a\xff", kSmall); }, ThrowsMessage<std::invalid_argument>(HasSubstr("UTF-8")));
}

}  // namespace
}  // namespace avsr::pipeline
