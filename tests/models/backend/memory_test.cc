#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/backend/cpu/cpu_backend.h"

namespace avsr::backend {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  cpu::CpuBackend backend_{1};
};

TEST_F(MemoryTest, PeakOutlivesWhatWasFreed) {
  const size_t before = backend_.memory().used;
  const Tensor kept = backend_.zeros({1000});
  {
    const Tensor freed = backend_.zeros({5000});
    EXPECT_GE(backend_.memory().used, before + 24000);
  }
  const MemoryUse use = backend_.memory();
  EXPECT_GE(use.used, before + 4000);
  EXPECT_LT(use.used, before + 24000);
  EXPECT_GE(use.peak, before + 24000);
  EXPECT_GT(use.total, use.peak);
}

TEST_F(MemoryTest, PeakRestartsFromWhatIsInUse) {
  const Tensor kept = backend_.zeros({1000});
  backend_.zeros({5000});
  backend_.restart_peak();
  EXPECT_EQ(backend_.memory().peak, backend_.memory().used);
  const Tensor more = backend_.zeros({100'000});
  EXPECT_GE(backend_.memory().peak, 400'000U);
}

TEST_F(MemoryTest, NoRoomNamesTheSize) {
#ifdef AVSR_SANITIZE
  GTEST_SKIP() << "AddressSanitizer ends a program that asks for so much";
#endif
  try {
    backend_.allocate(size_t{1} << 60);
    FAIL() << "2^60 bytes were allocated";
  } catch (const OutOfMemory& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("1152921504606846976 bytes"));
  }
}

}  // namespace
}  // namespace avsr::backend
