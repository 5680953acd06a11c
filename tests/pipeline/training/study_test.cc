// What tune and cross-validate share, and the spaces that tune reads.
#include "pipeline/training/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/training/search_space.h"
#include "tests/small_files.h"

namespace avsr::pipeline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SearchSpaceKeys, ThatAreNoTextAreNamedWithTheirLine) {
  const auto complaint = [](const std::string& text) {
    return tests::failure_of([&] { parse_space(text, "space.yaml"); });
  };
  EXPECT_THAT(complaint("a: [1]\n[b, c]: [2]\n"),
              AllOf(HasSubstr("space.yaml:2"), HasSubstr("expected a key of the recipe, found [b, c]")));
  EXPECT_THAT(complaint("a: {[log]: [1, 2]}\n"), AllOf(HasSubstr("space.yaml:1"), HasSubstr("found [log]")));
}

}  // namespace
}  // namespace avsr::pipeline
