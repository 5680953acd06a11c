#include <cstdlib>
#include <iostream>

#include "models/backend/cpu/onednn.h"
#include "tests/models/backend/cpu/bf16_fixture.h"

namespace avsr::backend {
namespace {

using test::Values;

class Bf16Test : public test::Bf16Fixture {};

// Both channel counts have a tail beyond whole vectors; the second is one of plain rows, as behind a linear layer.
struct NormCase {
  Shape shape;
  Lengths lengths;
};

TEST_F(Bf16Test, BatchNormKeepsTheTypeOfItsInput) {
  for (const NormCase& c : {NormCase{{3, 5, 7, 155}, {}}, NormCase{{3, 1, 9, 24}, {9, 4, 1}}}) {
    const int channels = static_cast<int>(c.shape.back());
    const BatchNormSpec spec{.channels = channels, .relu = true, .residual = true};
    const auto exact = f32_.batch_norm(spec), norm = bf16_->batch_norm(spec);
    const Lengths* lengths = c.lengths.empty() ? nullptr : &c.lengths;
    const Values x = exact_values(c.shape, 1), residual = exact_values(c.shape, 2), dy = exact_values(c.shape, 3),
                 gamma = test::random_values(channels, 4), beta = test::random_values(channels, 5),
                 zeros(static_cast<size_t>(channels), 0.0f), ones(static_cast<size_t>(channels), 1.0f);
    struct Run {
      Tensor mean, variance, saved, y, dx, dresidual, dgamma, dbeta;
    };
    const auto run = [&](Backend& backend, BatchNorm& kernel, const Tensor& tx, const Tensor& tr, const Tensor& tdy) {
      Run r{.mean = backend.from_values({channels}, zeros),
            .variance = backend.from_values({channels}, ones),
            .dgamma = backend.from_values({channels}, zeros),
            .dbeta = backend.from_values({channels}, zeros)};
      const Tensor g = backend.from_values({channels}, gamma), b = backend.from_values({channels}, beta);
      kernel.forward(tx, tr, g, b, r.mean, r.variance, lengths, r.saved, r.y);
      kernel.backward(tx, r.y, tdy, g, r.saved, lengths, r.dx, r.dresidual, r.dgamma, r.dbeta);
      return r;
    };
    const Run right = run(f32_, *exact, f32(c.shape, x), f32(c.shape, residual), f32(c.shape, dy));
    const Run got = run(*bf16_, *norm, half(c.shape, x), half(c.shape, residual), half(c.shape, dy));
    const Run mixed = run(*bf16_, *norm, half(c.shape, x), full(c.shape, residual), full(c.shape, dy));
    const Run wide = run(*bf16_, *norm, full(c.shape, x), half(c.shape, residual), half(c.shape, dy));
    for (const auto& [name, r, type, tolerance] : {std::tuple{"bf16", &got, DType::bf16, kRounding},
                                                   {"mixed", &mixed, DType::bf16, kRounding},
                                                   {"f32", &wide, DType::f32, 1e-5}}) {
      expect_close(r->y, type, right.y, tolerance, name);
      expect_close(r->dx, type, right.dx, tolerance, name);
      expect_close(r->dresidual, type, right.dresidual, tolerance, name);
      for (const auto& [statistic, expected] : {std::pair{&r->mean, &right.mean},
                                                {&r->variance, &right.variance},
                                                {&r->dgamma, &right.dgamma},
                                                {&r->dbeta, &right.dbeta}})
        expect_close(*statistic, DType::f32, *expected, 1e-5, name);
    }
    Tensor expected, y;
    const auto affine = [&](Backend& b) {
      return std::array{b.from_values({channels}, gamma), b.from_values({channels}, beta)};
    };
    const auto [g, b] = affine(f32_);
    exact->infer(f32(c.shape, x), f32(c.shape, residual), g, b, right.mean, right.variance, lengths, expected);
    const auto [g16, b16] = affine(*bf16_);
    norm->infer(half(c.shape, x), half(c.shape, residual), g16, b16, got.mean, got.variance, lengths, y);
    expect_close(y, DType::bf16, expected, kRounding, "inference");
  }
}

TEST_F(Bf16Test, PoolingWritesBf16) {
  const Shape shape{2, 9, 9, 40};
  for (const PoolSpec& spec : {PoolSpec{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
                               PoolSpec{.kind = PoolSpec::Kind::average, .kernel = {9, 9}}}) {
    const auto exact = f32_.pool(spec, shape), pool = bf16_->pool(spec, shape);
    const Values x = exact_values(shape, 1), dy = exact_values(exact->output_shape(), 2);
    Tensor expected, saved, expected_dx, y, saved_here, dx;
    exact->forward(f32(shape, x), saved, expected);
    exact->backward(f32(exact->output_shape(), dy), saved, expected_dx);
    for (const Tensor& input : {half(shape, x), full(shape, x)}) {
      pool->forward(input, saved_here, y);
      expect_close(y, DType::bf16, expected, kRounding, "y");
    }
    for (const Tensor& gradient : {half(exact->output_shape(), dy), full(exact->output_shape(), dy)}) {
      pool->backward(gradient, saved_here, dx);
      expect_close(dx, DType::bf16, expected_dx, kRounding, "dx");
    }
  }
}

TEST_F(Bf16Test, LinearMultipliesBf16AndWritesF32) {
  const int in = 70, out = 33;
  const auto exact = f32_.linear(in, out), linear = bf16_->linear(in, out);
  const Values x = exact_values({19, in}, 1), w = exact_values({out, in}, 2), b = test::random_values(out, 3),
               dy = exact_values({19, out}, 4), before = test::random_values(out * in, 5);
  Tensor y, dx, dw = f32({out, in}, before), db = f32({out}, b);
  exact->forward(f32({19, in}, x), f32({out, in}, w), f32({out}, b), y);
  exact->backward(f32({19, in}, x), f32({19, out}, dy), f32({out, in}, w), true, dx, dw, db);
  for (const bool halves : {true, false}) {
    const auto tensor = [&](const Shape& shape, const Values& v) { return halves ? half(shape, v) : full(shape, v); };
    Tensor got, got_dx, got_dw = full({out, in}, before), got_db = full({out}, b);
    linear->forward(tensor({19, in}, x), full({out, in}, w), full({out}, b), got);
    linear->backward(tensor({19, in}, x), tensor({19, out}, dy), full({out, in}, w), true, got_dx, got_dw, got_db);
    expect_close(got, DType::f32, y, 1e-5, "y");
    expect_close(got_dx, DType::f32, dx, 1e-5, "dx");
    expect_close(got_dw, DType::f32, dw, 1e-5, "dw");
    expect_close(got_db, DType::f32, db, 1e-5, "db");
  }
}

class Bf16RecurrentTest : public test::Bf16Fixture, public ::testing::WithParamInterface<Cell> {};

TEST_P(Bf16RecurrentTest, InfersInBf16AndTrainsInF32) {
  const int64_t batch = 3, steps = 6, input = 20, hidden = 12, rows = gates_of(GetParam()) * hidden;
  const RecurrentSpec spec{GetParam(), static_cast<int>(input), static_cast<int>(hidden)};
  const Lengths lengths{6, 2, 5};
  const auto parameters = [&](Backend& backend) {
    std::array<DirectionParameters, 2> p;
    unsigned seed = 10;
    for (DirectionParameters& d : p)
      for (auto [tensor, shape] : {std::pair{&d.w_ih, Shape{rows, input}},
                                   {&d.w_hh, Shape{rows, hidden}},
                                   {&d.b_ih, Shape{rows}},
                                   {&d.b_hh, Shape{rows}}})
        *tensor = test::random_tensor(backend, shape, seed++, 0.3f);
    return p;
  };
  const Shape x_shape{batch, steps, input}, y_shape{batch, steps, 2 * hidden};
  const Values x = exact_values(x_shape, 1), dy = exact_values(y_shape, 2);
  struct Run {
    Tensor inferred, y, dx;
    std::array<DirectionParameters, 2> gradients;
  };
  const auto run = [&](Backend& backend, const Tensor& tx, const Tensor& tdy) {
    Run r{.gradients = parameters(backend)};
    const auto kernel = backend.recurrent(spec, batch, steps);
    const auto p = parameters(backend);
    Tensor packed, saved;
    kernel->pack(p, packed);
    kernel->infer(tx, packed, &lengths, r.inferred);
    kernel->forward(tx, p, &lengths, saved, r.y);
    kernel->backward(tx, r.y, tdy, p, &lengths, saved, r.dx, r.gradients);
    return r;
  };
  const Run right = run(f32_, f32(x_shape, x), f32(y_shape, dy));
  for (const bool halves : {true, false}) {
    const Run got =
        run(*bf16_, halves ? half(x_shape, x) : full(x_shape, x), halves ? half(y_shape, dy) : full(y_shape, dy));
    expect_close(got.inferred, DType::bf16, right.inferred, 2e-2, "inference");
    expect_close(got.y, DType::f32, right.y, 1e-6, "y");
    expect_close(got.dx, DType::f32, right.dx, 1e-6, "dx");
    for (size_t d = 0; d < 2; ++d) {
      expect_close(got.gradients[d].w_ih, DType::f32, right.gradients[d].w_ih, 1e-6, "w_ih");
      expect_close(got.gradients[d].b_hh, DType::f32, right.gradients[d].b_hh, 1e-6, "b_hh");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cells, Bf16RecurrentTest, ::testing::Values(Cell::lstm, Cell::gru, Cell::rnn), [](const auto& test) {
      return std::string(test.param == Cell::lstm ? "lstm" : test.param == Cell::gru ? "gru" : "rnn");
    });

TEST_F(Bf16Test, DataMovementKeepsTheType) {
  const Shape padded_shape{2, 3, 5}, packed_shape{4, 5};
  const Lengths lengths{3, 1};
  const Values x = exact_values(padded_shape, 1);
  Tensor packed, right_packed, padded, right_padded;
  f32_.pack(f32(padded_shape, x), lengths, right_packed);
  f32_.pad(right_packed, lengths, 3, right_padded);
  bf16_->pack(half(padded_shape, x), lengths, packed);
  expect_close(packed, DType::bf16, right_packed, 1e-9, "pack");
  bf16_->pad(packed, lengths, 3, padded);
  expect_close(padded, DType::bf16, right_padded, 1e-9, "pad");

  Tensor masked = half(padded_shape, x), copied, plain;
  bf16_->mask(masked, lengths);
  expect_close(masked, DType::bf16, right_padded, 1e-9, "mask");
  bf16_->copy(masked, copied);
  expect_close(copied, DType::bf16, right_padded, 1e-9, "copy");
  bf16_->to_channels_last(masked, plain);
  expect_close(plain, DType::bf16, right_padded, 1e-9, "to channels last");

  Tensor joined, right_joined, a, b, right_a, right_b;
  f32_.concatenate(right_packed, right_packed, right_joined);
  bf16_->concatenate(packed, packed, joined);
  expect_close(joined, DType::bf16, right_joined, 1e-9, "concatenate");
  f32_.split(right_joined, 7, right_a, right_b);
  bf16_->split(joined, 7, a, b);
  expect_close(a, DType::bf16, right_a, 1e-9, "split, first");
  expect_close(b, DType::bf16, right_b, 1e-9, "split, second");
  bf16_->concatenate(packed, full(packed_shape, f32_.values(right_packed)), joined);
  expect_close(joined, DType::f32, right_joined, 1e-9, "concatenate of both types");
}

TEST_F(Bf16Test, SumsRoundOnce) {
  const Shape shape{3, 70};
  const Values x = exact_values(shape, 1), y = exact_values(shape, 2);
  Tensor expected = f32(shape, y);
  f32_.add(f32(shape, x), expected);
  for (const Tensor& addend : {half(shape, x), full(shape, x)}) {
    Tensor sum = half(shape, y), wide = full(shape, y);
    bf16_->add(addend, sum);
    expect_close(sum, DType::bf16, expected, kRounding, "add");
    bf16_->add(addend, wide);
    expect_close(wide, DType::f32, expected, 1e-6, "add to f32");
  }
  Tensor dropped, right_dropped;
  f32_.dropout(f32(shape, x), 0.5f, 7, right_dropped);
  bf16_->dropout(half(shape, x), 0.5f, 7, dropped);
  expect_close(dropped, DType::bf16, right_dropped, 1e-9, "dropout");  // twice a bf16 is one

  const Lengths lengths{2, 5};
  Tensor mean, right_mean, dx, right_dx;
  const Shape clips{2, 5, 21};
  f32_.mean_over_time(f32(clips, x), &lengths, right_mean);
  bf16_->mean_over_time(half(clips, x), &lengths, mean);
  expect_close(mean, DType::f32, right_mean, 1e-6, "mean over time");
  f32_.mean_over_time_backward(f32({10, 21}, x), nullptr, 4, right_dx);
  bf16_->mean_over_time_backward(half({10, 21}, x), nullptr, 4, dx);
  expect_close(dx, DType::f32, right_dx, 1e-6, "its gradient");
}

TEST_F(Bf16Test, ConversionsRoundToNearestEven) {
  // 1 + 2^-8 lies between two bf16: to the even one; a little more goes up. 70 values: whole vectors and a tail.
  Values x(70, 1.00390625f), expected(70, 1.0f);
  x[1] = x[69] = 1.004f;
  expected[1] = expected[69] = 1.0078125f;
  Tensor halves, back;
  bf16_->convert(full({70}, x), DType::bf16, halves);
  EXPECT_EQ(bf16_->values(halves), expected);
  bf16_->convert(halves, DType::f32, back);
  EXPECT_EQ(back.dtype, DType::f32);
  EXPECT_EQ(bf16_->values(back), expected);
}

TEST(Bf16DeathTest, ACpuWithoutBf16RefusesInOneLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // in a process of its own: oneDNN asks for the CPU once
  const auto refused = [] {
    dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core);
    try {
      cpu::make_cpu_backend(1, Precision::bf16);
    } catch (const std::runtime_error& error) {
      std::cerr << error.what() << std::endl;
      std::exit(3);
    }
    std::exit(0);
  };
  EXPECT_EXIT(refused(), ::testing::ExitedWithCode(3), "no bf16 .*use --precision f32");
}

TEST(PrecisionTest, TheCpuHasNoTf32) { EXPECT_THROW(cpu::make_cpu_backend(1, Precision::tf32), std::runtime_error); }

}  // namespace
}  // namespace avsr::backend
