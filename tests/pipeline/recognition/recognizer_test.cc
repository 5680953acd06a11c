#include "pipeline/recognition/recognizer.h"

#include <gtest/gtest.h>

#include "models/backend/cpu/cpu_backend.h"
#include "tests/models/backend/gradient_check.h"

namespace avsr::pipeline {
namespace {

// What training scores by and what recognition answers by are two functions: they must count the same steps.
TEST(ProbabilitiesOf, AreThoseOfTheLoss) {
  backend::cpu::CpuBackend backend(1);
  const backend::Lengths lengths{7, 4, 2};
  const backend::Tensor logits = backend::testing::random_tensor(backend, {3, 7, 4}, 1, 3);
  backend::Tensor losses, probabilities, dlogits;
  for (const models::Loss loss : {models::Loss::mean_logits, models::Loss::per_frame})
    for (const int middle : {0, 1, 2, 3}) {
      backend.cross_entropy(models::LossSettings{loss, 0, middle}.cross_entropy())
          ->run(logits, backend.zeros({3, 4}), &lengths, losses, probabilities, dlogits);
      const std::vector<float> expected = backend.values(probabilities),
                               got = probabilities_of(backend.values(logits), logits.shape, lengths, {loss, middle});
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << middle << " steps, value " << i;
    }
}

}  // namespace
}  // namespace avsr::pipeline
