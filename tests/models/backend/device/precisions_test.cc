// Every kernel in tf32 and bf16 against the same back end in f32. All inputs are values that bf16 holds, so that what
// differs is the kernels' own rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "models/backend/bf16.h"
#include "tests/models/backend/reference.h"
#include "tests/models/test_backend.h"

namespace avsr::backend {
namespace {

using test::Values;
using Results = std::map<std::string, Values>;

Values exact_values(const Shape& shape, unsigned seed, float deviation = 1) {
  Values values = test::random_values(shape.count(), seed, deviation);
  for (float& x : values) x = float_of_bf16(bf16_of_float(x));
  return values;
}

// A back end, and tensors on it.
class On {
 public:
  explicit On(Precision precision) : backend_(test::make_test_backend(1, precision)) {}
  Backend& operator*() { return *backend_; }
  Backend* operator->() { return backend_.get(); }

  Tensor full(const Shape& shape, unsigned seed, float deviation = 1) {
    return backend_->from_values(shape, exact_values(shape, seed, deviation));
  }
  // In the type in which the precision keeps activations.
  Tensor activation(const Shape& shape, unsigned seed, float deviation = 1) {
    if (backend_->precision() != Precision::bf16) return full(shape, seed, deviation);
    const Values values = exact_values(shape, seed, deviation);
    std::vector<uint16_t> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), bf16_of_float);
    Tensor t;
    backend_->resize(t, shape, DType::bf16);
    backend_->upload(halves.data(), t);
    return t;
  }
  Tensor zeros(const Shape& shape) { return backend_->zeros(shape); }

 private:
  std::unique_ptr<Backend> backend_;
};

struct Case {
  const char* name;
  std::function<Results(On&)> run;
  double bf16_tolerance = 1e-2;  // of the largest value; bf16 keeps 8 bits
};

Results conv(On& on, const ConvSpec& spec, const Shape& shape) {
  const auto kernel = on->conv(spec, shape);
  const Shape w_shape{spec.out_channels, spec.kernel[0], spec.kernel[1], spec.kernel[2], spec.in_channels};
  const Shape channels{spec.out_channels}, y_shape = kernel->output_shape();
  const Tensor x = on.activation(shape, 1), w = on.full(w_shape, 2, 0.2f), b = on.full(channels, 3),
               dy = on.activation(y_shape, 4), residual = on.activation(y_shape, 5);
  Tensor y, dx, dw = on.zeros(w_shape), db = on.zeros(channels), packed, inferred;
  kernel->forward(x, w, b, y);
  kernel->backward_data(dy, w, dx);
  kernel->backward_weights(x, dy, dw, db);
  kernel->pack(w, {}, packed);
  kernel->infer(x, packed, b, residual, true, inferred);
  return {{"y", on->values(y)},
          {"dx", on->values(dx)},
          {"dw", on->values(dw)},
          {"db", on->values(db)},
          {"inferred", on->values(inferred)}};
}

Results batch_norm(On& on) {
  const Shape shape{3, 1, 9, 48}, channels{48};
  const Lengths lengths{9, 4, 1};
  const auto kernel = on->batch_norm({.channels = 48, .relu = true, .residual = true});
  const Tensor x = on.activation(shape, 1), residual = on.activation(shape, 2), dy = on.activation(shape, 3),
               gamma = on.full(channels, 4), beta = on.full(channels, 5);
  Tensor mean = on.zeros(channels), variance = on.full(channels, 6), saved, y, dx, dresidual,
         dgamma = on.zeros(channels), dbeta = on.zeros(channels);
  kernel->forward(x, residual, gamma, beta, mean, variance, &lengths, saved, y);
  kernel->backward(x, y, dy, gamma, saved, &lengths, dx, dresidual, dgamma, dbeta);
  return {{"y", on->values(y)},           {"dx", on->values(dx)},
          {"mean", on->values(mean)},     {"dresidual", on->values(dresidual)},
          {"dgamma", on->values(dgamma)}, {"dbeta", on->values(dbeta)}};
}

Results pool(On& on, const PoolSpec& spec) {
  const Shape shape{2, 9, 9, 40};
  const auto kernel = on->pool(spec, shape);
  Tensor saved, y, dx;
  kernel->forward(on.activation(shape, 1), saved, y);
  kernel->backward(on.activation(kernel->output_shape(), 2), saved, dx);
  return {{"y", on->values(y)}, {"dx", on->values(dx)}};
}

Results linear(On& on) {
  const Shape x_shape{19, 72}, w_shape{40, 72}, y_shape{19, 40}, b_shape{40};
  const auto kernel = on->linear(72, 40);
  const Tensor x = on.activation(x_shape, 1), w = on.full(w_shape, 2), b = on.full(b_shape, 3);
  Tensor y, dx, dw = on.zeros(w_shape), db = on.zeros(b_shape);
  kernel->forward(x, w, b, y);
  kernel->backward(x, on.activation(y_shape, 4), w, true, dx, dw, db);
  return {{"y", on->values(y)}, {"dx", on->values(dx)}, {"dw", on->values(dw)}, {"db", on->values(db)}};
}

Results recurrent(On& on, Cell cell) {
  const int64_t batch = 3, steps = 6, input = 24, hidden = 16, rows = gates_of(cell) * hidden;
  const Lengths lengths{6, 2, 5};
  const auto kernel = on->recurrent({cell, static_cast<int>(input), static_cast<int>(hidden)}, batch, steps);
  std::array<DirectionParameters, 2> p, gradients;
  unsigned seed = 10;
  for (size_t d = 0; d < 2; ++d) {
    p[d] = {on.full({rows, input}, seed++, 0.3f), on.full({rows, hidden}, seed++, 0.3f), on.full({rows}, seed++, 0.3f),
            on.full({rows}, seed++, 0.3f)};
    gradients[d] = {on.zeros({rows, input}), on.zeros({rows, hidden}), on.zeros({rows}), on.zeros({rows})};
  }
  Tensor x = on.activation({batch, steps, input}, 1), dy = on.activation({batch, steps, 2 * hidden}, 2);
  on->mask(x, lengths);
  Tensor saved, y, dx, packed, inferred;
  kernel->forward(x, p, &lengths, saved, y);
  kernel->backward(x, y, dy, p, &lengths, saved, dx, gradients);
  kernel->pack(p, packed);
  kernel->infer(x, packed, &lengths, inferred);
  Results results{{"y", on->values(y)}, {"dx", on->values(dx)}, {"inferred", on->values(inferred)}};
  for (const auto& [name, g] : {std::pair{"forward", &gradients[0]}, {"backward", &gradients[1]}}) {
    results[std::string(name) + " w_ih"] = on->values(g->w_ih);
    results[std::string(name) + " w_hh"] = on->values(g->w_hh);
    results[std::string(name) + " b_hh"] = on->values(g->b_hh);
  }
  return results;
}

Results cross_entropy(On& on) {
  const Lengths lengths{5, 3};
  const Tensor targets = on->from_values({2, 4}, Values{1, 0, 0, 0, 0, 0.25f, 0.75f, 0});
  Results results;
  for (const auto form : {CrossEntropySpec::Form::mean_logits, CrossEntropySpec::Form::per_frame}) {
    Tensor losses, probabilities, dlogits;
    on->cross_entropy({.form = form})
        ->run(on.activation({2, 5, 4}, 1), targets, &lengths, losses, probabilities, dlogits);
    const std::string suffix = form == CrossEntropySpec::Form::per_frame ? ", per frame" : "";
    results["losses" + suffix] = on->values(losses);
    results["probabilities" + suffix] = on->values(probabilities);
    results["dlogits" + suffix] = on->values(dlogits);
  }
  return results;
}

Results movement(On& on) {
  const Lengths lengths{3, 1};
  const Tensor padded = on.activation({2, 3, 8}, 1);
  Tensor packed, back, joined, a, b, copied = padded, dropped, mean, dx;
  on->pack(padded, lengths, packed);
  on->pad(packed, lengths, 3, back);
  on->concatenate(packed, packed, joined);
  on->split(joined, 8, a, b);
  on->copy(padded, copied);
  on->add(padded, copied);
  on->dropout(padded, 0.5f, 7, dropped);
  on->mean_over_time(padded, &lengths, mean);
  on->mean_over_time_backward(on.activation({2, 8}, 3), &lengths, 3, dx);
  return {{"pad", on->values(back)},        {"split", on->values(b)},   {"add", on->values(copied)},
          {"dropout", on->values(dropped)}, {"mean", on->values(mean)}, {"mean's gradient", on->values(dx)}};
}

std::vector<Case> cases() {
  const auto conv_case = [](const char* name, const ConvSpec& spec, const Shape& shape) {
    return Case{name, [spec, shape](On& on) { return conv(on, spec, shape); }};
  };
  return {
      conv_case("trunk_3x3", {64, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}, {3, 11, 11, 64}),
      conv_case("trunk_3x3_stride", {32, 64, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}}, {3, 11, 11, 32}),
      conv_case("shortcut", {32, 64, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}}, {3, 11, 11, 32}),
      conv_case("sound_3", {24, 48, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}}, {3, 1, 41, 24}),
      conv_case("temporal_5", {32, 64, {1, 1, 5}, {1, 1, 2}, {0, 0, 0}}, {2, 1, 29, 32}),
      conv_case("video_front", {1, 64, {5, 7, 7}, {1, 2, 2}, {0, 3, 3}}, {2, 5, 30, 30, 1}),
      conv_case("sound_front", {1, 64, {1, 1, 80}, {1, 1, 4}, {0, 0, 38}}, {2, 1, 640, 1}),
      {"batch_norm", batch_norm},
      {"max_pool", [](On& on) { return pool(on, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}); }},
      {"mean_pool", [](On& on) { return pool(on, {.kind = PoolSpec::Kind::average, .kernel = {9, 9}}); }},
      {"linear", linear},
      // Its states are rounded at each step, and its gates' gradients once more.
      {"lstm", [](On& on) { return recurrent(on, Cell::lstm); }, 3e-2},
      {"gru", [](On& on) { return recurrent(on, Cell::gru); }, 3e-2},
      {"rnn", [](On& on) { return recurrent(on, Cell::rnn); }, 3e-2},
      {"cross_entropy", cross_entropy},
      {"movement", movement},
  };
}

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Precisions : public ::testing::TestWithParam<Case> {
 protected:
  void expect_like_f32(Precision precision, double tolerance) {
    On f32(Precision::f32), other(precision);
    const Results right = GetParam().run(f32), got = GetParam().run(other);
    ASSERT_FALSE(right.empty());
    for (const auto& [name, expected] : right)
      EXPECT_LT(test::worst_error(got.at(name), {expected.begin(), expected.end()}), tolerance) << name;
  }
};

TEST_P(Precisions, Bf16IsCloseToF32) { expect_like_f32(Precision::bf16, GetParam().bf16_tolerance); }

// Sums may be cut otherwise, and states within a kernel are rounded to 10 bits.
TEST_P(Precisions, Tf32IsCloseToF32) { expect_like_f32(Precision::tf32, 2e-3); }

INSTANTIATE_TEST_SUITE_P(Kernels, Precisions, ::testing::ValuesIn(cases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace avsr::backend
