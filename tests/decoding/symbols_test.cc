#include "decoding/symbols.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "decoding/utf8.h"
#include "tests/small_files.h"

namespace avsr::decoding {
namespace {

using tests::failure_of;

TEST(Symbols, WriteAndReadTexts) {
  const Symbols symbols = Symbols::of_characters(" abcé€😀");
  EXPECT_EQ(symbols.size(), 8);
  EXPECT_EQ(symbols.name(0), "<blank>");
  EXPECT_EQ(symbols.name(7), "😀");
  EXPECT_EQ(symbols.find("é"), 5);
  EXPECT_EQ(symbols.encode("cab é😀"), (std::vector<int>{4, 2, 3, 1, 5, 7}));
  EXPECT_EQ(symbols.text(std::vector<int>{4, 0, 2, 3, 1, 5, 7}), "cab é😀");
  EXPECT_TRUE(symbols.encode("").empty());
  EXPECT_FALSE(symbols.find("<blank>"));
  EXPECT_THROW(symbols.text(std::vector<int>{8}), std::out_of_range);
}

TEST(Symbols, TheLongestThatFitsIsTaken) {
  const Symbols symbols({"", "s", "h", "sh", "e"});
  EXPECT_EQ(symbols.encode("shes"), (std::vector<int>{3, 4, 1}));
  EXPECT_EQ(symbols.encode("hse"), (std::vector<int>{2, 1, 4}));
}

TEST(Symbols, WhatCannotBeWrittenIsShown) {
  const Symbols symbols = Symbols::of_characters("abc");
  EXPECT_EQ(failure_of([&] { symbols.encode("abécb"); }),
            "[symbols] \"abécb\" cannot be written: no symbol fits at \"é\"");
  EXPECT_THROW(symbols.encode("\xff"), std::invalid_argument);
}

TEST(Symbols, RefuseWhatIsNoList) {
  EXPECT_NO_THROW(Symbols({"", "a"}));
  EXPECT_THROW(Symbols({}), std::invalid_argument);
  EXPECT_THROW(Symbols({"<blank>"}), std::invalid_argument);
  EXPECT_THROW(Symbols({"_", "a", ""}), std::invalid_argument);
  EXPECT_THROW(Symbols({"_", "a", "_"}), std::invalid_argument);
  EXPECT_THROW(Symbols::of_characters("aba"), std::invalid_argument);
  EXPECT_EQ(failure_of([] { Symbols({"_", "a", "\xe9t"}); }), "[symbols] symbol 2 is not UTF-8: \"\\xE9t\"");
}

TEST(Utf8, KnowsWhatIsNone) {
  for (const char* good : {"", "a", "\x7f", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_FALSE(first_bad_utf8(good)) << shown(good);
  // A lone continuation, overlong forms, surrogates, beyond U+10FFFF, cut off, a Latin-1 letter before a space.
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xe9 "})
    EXPECT_EQ(first_bad_utf8(bad), 0u) << shown(bad);
  EXPECT_EQ(first_bad_utf8("ab\xc3\xa9\xff"), 4u);
}

TEST(Utf8, ShowsAnything) {
  EXPECT_EQ(shown("a\n\xffé"), "a\\x0A\\xFFé");
  EXPECT_EQ(shown(std::string(100, 'a')), std::string(40, 'a') + "…");
}

}  // namespace
}  // namespace avsr::decoding
