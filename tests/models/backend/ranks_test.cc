// What ranks do together on one back end each: sums over the device's memory, and synchronised batch norm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "tests/models/backend/on_ranks.h"
#include "tests/models/backend/private_layout.h"
#include "tests/models/backend/reference.h"
#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

using test::on_ranks;
using test::Values;

TEST(ThreadCommunicator, AddsUpAndSpreadsOnEveryChannel) {
  on_ranks(3, [](Communicator& ranks) {
    const auto second = ranks.duplicate(), third = ranks.duplicate();
    for (Communicator* channel : {&ranks, second.get(), third.get()}) {
      Values floats{1.0f + static_cast<float>(ranks.rank()), 10};
      channel->sum(std::span(floats));
      EXPECT_EQ(floats, (Values{6, 30}));
      std::vector<double> doubles{0.5};
      channel->sum(std::span(doubles));
      EXPECT_EQ(doubles[0], 1.5);
      EXPECT_EQ(channel->broadcast_text(ranks.rank() == 0 ? "rank 0" : "another"), "rank 0");
      channel->barrier();
    }
  });
}

TEST(ThreadCommunicator, OneThatFailsEndsTheOthers) {
  std::atomic<int> ended = 0;
  EXPECT_THAT(
      [&] {
        on_ranks(3, [&](Communicator& ranks) {
          if (ranks.rank() == 1) throw std::runtime_error("rank 1 has no more room");
          try {
            ranks.barrier();
          } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "rank 1 has no more room");
            ++ended;
            throw;
          }
        });
      },
      testing::ThrowsMessage<std::runtime_error>("rank 1 has no more room"));
  EXPECT_EQ(ended, 2);
}

TEST(ThreadCommunicator, UnequalCountsAreRefusedOnEveryRank) {
  EXPECT_THROW(on_ranks(2,
                        [](Communicator& ranks) {
                          Values values(ranks.rank() == 0 ? 2 : 3);
                          ranks.sum(std::span(values));
                        }),
               std::exception);
}

TEST(RankSums, AddUpStretchesWhileOthersAreComputed) {
  on_ranks(2, [](Communicator& ranks) {
    const auto made = test::make_test_backend();
    Backend& backend = *made;
    EXPECT_THROW(backend.start_sum(backend.zeros({1})), std::logic_error);
    backend.join(ranks, false);
    const auto own = static_cast<float>(ranks.rank() + 1);
    Tensor flat = test::filled(backend, {5000}, own), head = flat, tail = flat, other = backend.zeros({10});
    head.shape = {2000};
    tail.shape = {3000};
    tail.offset_bytes += 2000 * sizeof(float);
    for (int step = 0; step < 3; ++step) {
      backend.fill(flat, own);
      backend.start_sum(tail);
      backend.fill(other, own);
      backend.start_sum(head);
      backend.finish_sums();
      EXPECT_EQ(backend.values(flat), Values(5000, 3));
      EXPECT_EQ(backend.values(other), Values(10, own));
    }
  });
}

struct Case {
  const char* name;
  int ranks;
  Shape x;
  bool as_activation, residual;
  Lengths lengths;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
  return {
      {"two_image_residual", 2, {5, 9, 8, 24}, true, true, {}},
      {"four_rows", 4, {37, 40}, false, false, {}},
      {"three_ragged_sound", 3, {7, 1, 65, 24}, true, false, {65, 40, 17, 3, 64, 65, 1}},
  };
}

// Clips [first, last) of a tensor of clips, as values.
Values part_of(const Values& values, const Shape& shape, int64_t first, int64_t last) {
  const int64_t one = shape.count() / shape[0];
  return {values.begin() + first * one, values.begin() + last * one};
}

// One training pass of batch norm over the clips [first, last) of the case.
struct Outcome {
  Values y, dx, dgamma, dbeta, mean, variance;
};
Outcome run(Backend& backend, const Case& c, int64_t first, int64_t last) {
  const int64_t channels = c.x.back();
  Shape shape = c.x;
  shape[0] = last - first;
  Values x_values = test::random_values(c.x.count(), 1, 2.0f);
  for (float& v : x_values) v += 5;
  const auto placed = [&](const Values& values) {
    const Tensor t = backend.from_values(shape, part_of(values, c.x, first, last));
    return c.as_activation ? test::as_activation(backend, t) : t;
  };
  const Tensor x = placed(x_values), dy = placed(test::random_values(c.x.count(), 2));
  const Tensor residual = c.residual ? placed(test::random_values(c.x.count(), 3)) : Tensor{};
  const Tensor gamma = test::random_tensor(backend, {channels}, 4), beta = test::random_tensor(backend, {channels}, 5);
  Tensor mean = backend.zeros({channels}), variance = test::filled(backend, {channels}, 1);
  Tensor dgamma = backend.zeros({channels}), dbeta = backend.zeros({channels}), y, dx, dresidual, saved;
  Lengths lengths;
  if (!c.lengths.empty()) lengths = {c.lengths.begin() + first, c.lengths.begin() + last};
  const Lengths* valid = lengths.empty() ? nullptr : &lengths;
  const auto kernel =
      backend.batch_norm({.channels = static_cast<int>(channels), .relu = true, .residual = c.residual});
  kernel->forward(x, residual, gamma, beta, mean, variance, valid, saved, y);
  kernel->backward(x, y, dy, gamma, saved, valid, dx, dresidual, dgamma, dbeta);
  return {backend.values(y),     backend.values(dx),   backend.values(dgamma),
          backend.values(dbeta), backend.values(mean), backend.values(variance)};
}

void expect_close(const Values& got, const Values& expected) {
  EXPECT_LT(test::worst_error(got, std::vector<double>(expected.begin(), expected.end())), 2e-5);
}

class SynchronisedBatchNorm : public ::testing::TestWithParam<Case> {};

TEST_P(SynchronisedBatchNorm, EqualsOneRankOnTheWholeBatch) {
  const Case& c = GetParam();
  const auto alone = test::make_test_backend();
  const Outcome whole = run(*alone, c, 0, c.x[0]);
  on_ranks(c.ranks, [&](Communicator& ranks) {
    const auto made = test::make_test_backend();
    made->join(ranks, true);
    const int64_t first = c.x[0] * ranks.rank() / c.ranks, last = c.x[0] * (ranks.rank() + 1) / c.ranks;
    Outcome part = run(*made, c, first, last);
    expect_close(part.y, part_of(whole.y, c.x, first, last));
    expect_close(part.dx, part_of(whole.dx, c.x, first, last));
    expect_close(part.mean, whole.mean);
    expect_close(part.variance, whole.variance);
    // Parameters' gradients are each rank's own share.
    ranks.sum(std::span(part.dgamma));
    ranks.sum(std::span(part.dbeta));
    expect_close(part.dgamma, whole.dgamma);
    expect_close(part.dbeta, whole.dbeta);
  });
}

TEST_P(SynchronisedBatchNorm, OffLeavesEveryRankItsOwnStatistics) {
  const Case& c = GetParam();
  on_ranks(c.ranks, [&](Communicator& ranks) {
    const auto made = test::make_test_backend();
    made->join(ranks, false);
    const int64_t first = c.x[0] * ranks.rank() / c.ranks, last = c.x[0] * (ranks.rank() + 1) / c.ranks;
    const auto apart = test::make_test_backend();
    EXPECT_EQ(run(*made, c, first, last).y, run(*apart, c, first, last).y);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, SynchronisedBatchNorm, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace avsr::backend
