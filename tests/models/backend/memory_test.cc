#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class MemoryTest : public ::testing::Test {
 protected:
  Tensor mebibytes(int64_t count) { return backend_->zeros({count * static_cast<int64_t>(kMiB / sizeof(float))}); }
  std::unique_ptr<Backend> backend_ = test::make_test_backend();
};

TEST_F(MemoryTest, PeakOutlivesWhatWasFreed) {
  const size_t before = backend_->memory().used;
  const Tensor kept = mebibytes(4);
  {
    const Tensor freed = mebibytes(64);
    EXPECT_GE(backend_->memory().used, before + 68 * kMiB);
  }
  const MemoryUse use = backend_->memory();
  EXPECT_GE(use.used, before + 4 * kMiB);
  EXPECT_LT(use.used, before + 68 * kMiB);
  EXPECT_GE(use.peak, before + 68 * kMiB);
  EXPECT_GT(use.total, use.peak);
}

TEST_F(MemoryTest, PeakRestartsFromWhatIsInUse) {
  const Tensor kept = mebibytes(4);
  mebibytes(64);
  backend_->restart_peak();
  EXPECT_EQ(backend_->memory().peak, backend_->memory().used);
  const Tensor more = mebibytes(128);
  EXPECT_GE(backend_->memory().peak, 132 * kMiB);
}

TEST_F(MemoryTest, NoRoomNamesTheSize) {
#ifdef AVSR_SANITIZE
  GTEST_SKIP() << "AddressSanitizer ends a program that asks for so much";
#endif
  try {
    backend_->allocate(size_t{1} << 60);
    FAIL() << "2^60 bytes were allocated";
  } catch (const OutOfMemory& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("memory"));
  }
}

}  // namespace
}  // namespace avsr::backend
