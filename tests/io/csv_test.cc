#include "io/csv.h"

#include <gtest/gtest.h>

namespace avsr::io {
namespace {

TEST(CsvFields, AreQuotedWhereTheyHaveTo) {
  EXPECT_EQ(csv_field("ann"), "ann");
  EXPECT_EQ(csv_field("ann, ben"), "\"ann, ben\"");
  EXPECT_EQ(csv_field("the \"other\"\nann"), "\"the \"\"other\"\"\nann\"");
}

}  // namespace
}  // namespace avsr::io
